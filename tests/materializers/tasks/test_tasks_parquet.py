"""parquet_frame: one Parquet file, with its options, that other readers open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artifact_materializers.tasks.parquet_frame import ParquetFrame
from artifact_plugins.errors import ArtifactPluginsError, LossyConversionError
from artifact_plugins.testing import ArtifactTaskContract, session_on_disk


class TestParquetFrame(ArtifactTaskContract):
    task = ParquetFrame

    def values(self) -> list[pd.DataFrame]:
        times = pd.date_range("2026-01-01", periods=2, tz="Europe/Berlin")
        return [
            pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
            pd.DataFrame({"at": times, "n": pd.array([1, None], dtype="Int8")}, index=["p", "q"]),
            pd.DataFrame({"a": np.array([], dtype="f4")}),
        ]

    def refused(self) -> list[Any]:
        return [pd.DataFrame({"a": [1, "x"]}), [1, 2]]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"compression": "rar"}, {"row_group_size": 0}, {"compression_level": "9"}]


class TestParquetFrameWithParameters(ArtifactTaskContract):
    task = ParquetFrame
    parameters: ClassVar[dict[str, Any]] = {
        "compression": "gzip",
        "compression_level": 9,
        "row_group_size": 2,
    }

    def values(self) -> list[pd.DataFrame]:
        return [pd.DataFrame({"a": range(5)})]


def test_options_reach_the_file(tmp_path: Path) -> None:
    """Codec and row groups are those of the parameters."""
    with session_on_disk(tmp_path) as session:
        parameters = {"compression": "gzip", "row_group_size": 2}
        frame = pd.DataFrame({"a": range(5)})
        version = session.save(frame, "x", task="parquet_frame", options=parameters)
        (file,) = session.export(version, tmp_path / "out")

    metadata = pq.read_metadata(file)
    assert metadata.num_row_groups == 3
    assert metadata.row_group(0).column(0).compression == "GZIP"


def test_consumer_reads_it_as_a_table(tmp_path: Path) -> None:
    """The annotation of the consumer decides: a materializer reads the same format."""
    with session_on_disk(tmp_path) as session:
        version = session.save(pd.DataFrame({"a": [1, 2]}), "x", task="parquet_frame")
        table = session.load(version, as_type=pa.Table)

    assert table.column("a").to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("column", "values"),
    [("mixed", [1, "x"]), ("tuples", [(1, 2), (3, 4)]), ("sets", [{1}, {2}])],
)
def test_lost_column_is_named(tmp_path: Path, column: str, values: Any) -> None:
    """A column that Parquet cannot hold is in the message."""
    with session_on_disk(tmp_path) as session, pytest.raises(ArtifactPluginsError, match=column):
        session.save(pd.DataFrame({column: values}), "x", task="parquet_frame")


def test_lost_frequency_is_named(tmp_path: Path) -> None:
    """A frequency of the index, which the file does not hold, is refused."""
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2026-01-01", periods=2, freq="D"))

    with session_on_disk(tmp_path) as session, pytest.raises(LossyConversionError, match="freq"):
        session.save(frame, "x", task="parquet_frame")
