"""ParquetFrame: a DataFrame as one Parquet file that any reader of Parquet opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd
from pydantic import BaseModel, Field

from .frames import frame_difference
from .lossless import Lossless, LossyParameters


class ParquetParameters(LossyParameters):
    """Parameters of Parquet files.

    Attributes:
        compression: Codec of the pages.
        compression_level: Of the codec; its own default when None.
        row_group_size: Rows per row group; the writer's own choice when None.
    """

    compression: Literal["none", "snappy", "gzip", "brotli", "lz4", "zstd"] = "zstd"
    compression_level: int | None = None
    row_group_size: int | None = Field(default=None, gt=0)


class ParquetFrame(Lossless[pd.DataFrame]):
    """A DataFrame as `data.parquet`, which polars, DuckDB and Spark read too."""

    name = "parquet_frame"
    format = "parquet/1"
    types: ClassVar[tuple[str, ...]] = ("pandas:DataFrame",)
    artifact_type = "Dataset"
    media_type = "application/vnd.apache.parquet"
    file: ClassVar[str] = "data.parquet"
    Parameters: ClassVar[type[BaseModel]] = ParquetParameters

    def write(self, value: pd.DataFrame, path: Path, **parameters: Any) -> None:
        """Write the file with its options."""
        chosen = {
            name: parameters[name]
            for name in ("compression_level", "row_group_size")
            if parameters[name] is not None
        }
        codec = parameters["compression"]
        value.to_parquet(
            path, engine="pyarrow", compression=None if codec == "none" else codec, **chosen
        )

    def read(self, path: Path, **parameters: Any) -> pd.DataFrame:
        """Read the file."""
        return pd.read_parquet(path, engine="pyarrow")

    def difference(self, saved: pd.DataFrame, loaded: pd.DataFrame) -> str | None:
        """Name the column that differs."""
        return frame_difference(saved, loaded)
