"""CsvFrame: a DataFrame as one CSV file, when that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd
from pydantic import BaseModel, Field

from .frames import frame_difference
from .lossless import Lossless, LossyParameters

# Since pandas 3 every number is read exactly, and asking for it is deprecated.
_EXACT: dict[str, Any] = (
    {"float_precision": "round_trip"} if int(pd.__version__.partition(".")[0]) < 3 else {}
)


class CsvParameters(LossyParameters):
    """Parameters of CSV files.

    Attributes:
        sep: Separator, one character.
        decimal: Decimal point, one character.
        encoding: Of the file.
        compression: Of the file.
        index: Write the index (one level) as the first column.
        dtypes: Dtypes of columns that are not what a CSV reader guesses:
            `{"zip": "str"}`.
        dates: Columns that hold times.
    """

    sep: str = Field(default=",", min_length=1, max_length=1)
    decimal: str = Field(default=".", min_length=1, max_length=1)
    encoding: str = "utf-8"
    compression: Literal["none", "gzip"] = "none"
    index: bool = False
    dtypes: dict[str, str] = Field(default_factory=dict)
    dates: tuple[str, ...] = ()


class CsvFrame(Lossless[pd.DataFrame]):
    """A DataFrame as one CSV file with a header line.

    A CSV file holds text: what its reader guesses wrong (text that looks like
    a number, categories, times without `dates`, an index without `index`) is
    refused by column, unless `lossy` is True.
    """

    name = "csv_frame"
    format = "csv/1"
    types: ClassVar[tuple[str, ...]] = ("pandas:DataFrame",)
    artifact_type = "Dataset"
    media_type = "text/csv"
    Parameters: ClassVar[type[BaseModel]] = CsvParameters
    lossy_hint: ClassVar[str] = "or say more in options={'dtypes': ...}, or pass {'lossy': True}"

    def file_name(self, **parameters: Any) -> str:
        """Return `data.csv`, or `data.csv.gz` when it is compressed."""
        return "data.csv" if parameters["compression"] == "none" else "data.csv.gz"

    def media_type_of(self, **parameters: Any) -> str:
        """Return the type of the file, which may be compressed."""
        return "text/csv" if parameters["compression"] == "none" else "application/gzip"

    def write(self, value: pd.DataFrame, path: Path, **parameters: Any) -> None:
        """Write the file; equal frames give equal bytes."""
        # A time in the header of gzip would change the bytes every second.
        compressed: Mapping[str, Any] = {"method": "gzip", "mtime": 0}
        value.to_csv(
            path,
            sep=parameters["sep"],
            decimal=parameters["decimal"],
            encoding=parameters["encoding"],
            index=parameters["index"],
            lineterminator="\n",
            compression=None if parameters["compression"] == "none" else dict(compressed),
        )

    def read(self, path: Path, **parameters: Any) -> pd.DataFrame:
        """Read the file; only an empty field is missing."""
        frame: pd.DataFrame = pd.read_csv(
            path,
            sep=parameters["sep"],
            decimal=parameters["decimal"],
            encoding=parameters["encoding"],
            index_col=0 if parameters["index"] else None,
            dtype=parameters["dtypes"] or None,
            parse_dates=list(parameters["dates"]) or False,
            compression=None if parameters["compression"] == "none" else "gzip",
            keep_default_na=False,
            na_values=[""],
            **_EXACT,
        )
        return frame

    def difference(self, saved: pd.DataFrame, loaded: pd.DataFrame) -> str | None:
        """Name the column that differs."""
        return frame_difference(saved, loaded)
