"""csv_frame: what a CSV file keeps is kept, anything else is refused by column."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from artifact_materializers.tasks.csv_frame import CsvFrame
from artifact_plugins import Session
from artifact_plugins.errors import LossyConversionError
from artifact_plugins.testing import ArtifactTaskContract, session_on_disk


class TestCsvFrame(ArtifactTaskContract):
    task = CsvFrame

    def values(self) -> list[pd.DataFrame]:
        return [
            pd.DataFrame({"a": [1, -(2**63)], "b": ["x", 'a "b", c'], "c": [0.1, math.nan]}),
            pd.DataFrame({"text": ["NA", "null"], "two\nlines": ["a\nb", "ä"]}),
            pd.DataFrame({"big": [math.inf, -0.0, 5e-324], "flag": [True, False, True]}),
        ]

    def refused(self) -> list[Any]:
        return [
            pd.DataFrame({"a": ["1", "2"]}),
            pd.DataFrame({"a": [1]}, index=["x"]),
            pd.DataFrame({"a": pd.Categorical(["x"])}),
            "not a frame",
        ]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"sep": 5}, {"sep": ";;"}, {"index": "yes"}, {"lossy": 1}, {"compression": "zip"}]


class TestCsvFrameWithParameters(ArtifactTaskContract):
    task = CsvFrame
    parameters: ClassVar[dict[str, Any]] = {
        "sep": ";",
        "decimal": ",",
        "compression": "gzip",
        "encoding": "utf-16",
        "index": True,
        "dtypes": {"zip": "str"},
    }

    def values(self) -> list[pd.DataFrame]:
        index = pd.Index(["x", "y"], name="key")
        return [pd.DataFrame({"zip": ["01", "02"], "v": [1.5, 2.5]}, index=index)]


@pytest.fixture
def session(tmp_path: Path):
    with session_on_disk(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("text of digits", ["01", "2"]),
        ("categories", pd.Categorical(["a", "b"])),
        ("times", pd.to_datetime(["2026-01-01", "2026-01-02"])),
        ("missing text", ["", "x"]),
        ("small integers", pd.array([1, 2], dtype="int8")),
        ("nullable", pd.array([1, None], dtype="Int64")),
        ("objects", pd.Series(["x", "y"], dtype=object)),
        ("durations", pd.to_timedelta([1, 2], unit="s")),
    ],
    ids=str,
)
def test_lost_column_is_named(session: Session, column: str, values: Any) -> None:
    """A column that a CSV file changes is named, and nothing is registered."""
    with pytest.raises(LossyConversionError, match=f"column '{column}'"):
        session.save(pd.DataFrame({"kept": [1, 2], column: values}), "x", task="csv_frame")

    assert not session.versions().items


def test_lossy_keeps_what_the_file_holds(session: Session) -> None:
    """With `lossy` the frame is saved, and its record says so."""
    frame = pd.DataFrame({"zip": ["01", "2"]})

    version = session.save(frame, "x", task="csv_frame", options={"lossy": True})

    assert version.parameters["lossy"] is True
    assert session.load(version)["zip"].tolist() == [1, 2]


def test_dates_are_read_when_named(session: Session) -> None:
    """A column named in `dates` comes back as times."""
    frame = pd.DataFrame({"at": pd.to_datetime(["2026-01-01 10:00", "2026-01-02 11:30"])})
    parameters = {"dates": ["at"]}

    version = session.save(frame, "x", task="csv_frame", options=parameters)

    assert session.load(version).equals(frame)
    assert version.parameters["dates"] == ["at"]


def test_subclass_of_frame_is_refused(session: Session) -> None:
    """A subclass would come back as a plain frame."""
    with pytest.raises(LossyConversionError, match="Special"):
        session.save(Special({"a": [1]}), "x", task="csv_frame")


class Special(pd.DataFrame):
    pass


def test_file_is_plain_csv(session: Session, tmp_path: Path) -> None:
    """Any reader of CSV understands the stored file."""
    version = session.save(pd.DataFrame({"a": [1], "b": ["x"]}), "x", task="csv_frame")

    (file,) = session.export(version, tmp_path / "out")

    assert file.read_text() == "a,b\n1,x\n"
