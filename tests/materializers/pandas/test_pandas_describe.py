"""Descriptions and previews are small, JSON, bounded in time, and never fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas_cases import EXACT, REFUSED, Odd, column
from pandas_files import materializer_of

from artifact_materializers.pandas.frame import FrameMaterializer
from artifact_plugins.records import check_metadata

FRAMES = [case[2] for case in EXACT] + [case[2] for case in REFUSED if "third" not in case[1]]
NAMES = [case[1] for case in EXACT] + [case[1] for case in REFUSED if "third" not in case[1]]


class Rude:
    """An element that cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError("no")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("make", FRAMES, ids=NAMES)
def test_every_frame_can_be_described(make: Callable[[], pd.DataFrame]) -> None:
    """Descriptions of all frames of the tables, refused ones too, are valid metadata."""
    frame = make()

    found = FrameMaterializer().describe(frame)
    previews = FrameMaterializer().preview(frame)

    assert check_metadata(found)["rows"] == len(frame)
    assert len(found["columns"]) == min(50, frame.shape[1])
    assert len(previews) == 1
    assert len(previews[0].content) < 64 * 1024


def test_numbers_are_summarized() -> None:
    """Numeric columns have null count, min, max and mean; times have a range."""
    frame = pd.DataFrame({"f": [1.0, None, 4.0], "t": pd.to_datetime(["2020", "2021", None])})

    columns = FrameMaterializer().describe(frame)["columns"]

    assert columns["f"] == {
        "dtype": "float64",
        "null_count": 1,
        "min": 1.0,
        "max": 4.0,
        "mean": 2.5,
    }
    assert columns["t"]["min"].startswith("2020-01-01")
    assert columns["t"]["null_count"] == 1


@pytest.mark.parametrize(
    ("values", "lowest", "mean"),
    [
        (np.array([np.inf, 1.0]), 1.0, "inf"),
        (np.array([2**64 - 1, 2**64 - 1], "u8"), str(2**64 - 1), float(2**64 - 1)),
        (np.array([60000, 60000], "f2"), 60000.0, 60000.0),
        (pd.array([1, None, 3], "Int64"), 1, 2.0),
        (pd.array([True, None], "boolean"), True, 1.0),
    ],
    ids=["inf", "uint64", "float16", "Int64", "boolean"],
)
def test_values_outside_of_json_are_text(values: Any, lowest: Any, mean: Any) -> None:
    """Infinity and integers beyond 53 bits are text, means do not overflow."""
    found = FrameMaterializer().describe(pd.DataFrame({"x": values}))["columns"]["x"]

    assert (found["min"], found["mean"]) == (lowest, mean)


def test_large_frames_are_sampled() -> None:
    """Above 100,000 rows a description says how many rows it looked at."""
    frame = pd.DataFrame({"a": np.arange(1_000_000)})

    found = FrameMaterializer().describe(frame)

    assert (found["rows"], found["sampled_rows"]) == (1_000_000, 10_000)
    assert found["bytes"] >= 8_000_000
    assert "sampled_rows" not in FrameMaterializer().describe(frame.iloc[:1000])


def test_wide_frames_are_cut() -> None:
    """Of many columns the first 50 are described and 12 are shown; their number is kept."""
    frame = pd.DataFrame(np.zeros((2, 700)))

    found = FrameMaterializer().describe(frame)
    preview = FrameMaterializer().preview(frame)[0]

    assert (found["column_count"], len(found["columns"])) == (700, 50)
    assert found["bytes"] == 700 * 2 * 8 + frame.index.nbytes
    assert preview.content.splitlines()[0].count("|") == 12 + 2
    assert preview.title == "2 rows x 700 columns"


def test_equal_labels_are_told_apart() -> None:
    """Columns of the same name each have an entry."""
    columns = FrameMaterializer().describe(pd.DataFrame([[1, 2]], columns=["a", "a"]))["columns"]

    assert list(columns) == ["a", "a (1)"]


def test_preview_is_a_markdown_table() -> None:
    """The preview has a header, a rule and at most ten rows, the index first."""
    frame = pd.DataFrame(
        {"a": range(30), "b": [1.23456789] * 30}, index=[f"r{n}" for n in range(30)]
    )

    lines = FrameMaterializer().preview(frame)[0].content.splitlines()

    assert len(lines) == 12
    assert lines[0] == "|  | a | b |"
    assert lines[2] == "| r0 | 0 | 1.23457 |"


def test_preview_cells_are_escaped_and_bounded() -> None:
    """Pipes, markup, control characters and long values cannot break the table."""
    frame = column(
        "a|b", "<script>", "x\n\x1b[31m", "y" * 10_000_000, [list(range(10**6))], b"z" * 10**7
    )

    content = FrameMaterializer().preview(frame)[0].content

    assert "a\\|b" in content
    assert "&lt;script&gt;" in content
    assert "\x1b" not in content
    assert max(map(len, content.splitlines())) < 80


def test_rude_elements_do_not_fail() -> None:
    """Elements whose repr or comparison raises leave a description; the preview may be empty."""
    frame = column(Rude(), Odd())

    found = FrameMaterializer().describe(frame)
    previews = FrameMaterializer().preview(frame)

    assert found["columns"]["x"]["dtype"] == "object"
    assert previews == ()


def test_a_million_rows_are_described_quickly() -> None:
    """Describing and previewing takes a small part of what a full pass would take."""
    frame = pd.DataFrame({name: np.arange(1_000_000.0) for name in "abcdef"})
    materializer = FrameMaterializer()

    def best(call: Callable[[], Any]) -> float:
        times = []
        for _ in range(7):
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
        return min(times)

    full = best(lambda: frame.describe())
    ours = best(lambda: (materializer.describe(frame), materializer.preview(frame)))

    assert ours < full / 4


def test_description_of_other_values() -> None:
    """Every materializer of the plugin describes and previews its values."""
    for value in (
        pd.Series([1, 2]),
        pd.Index(["a"]),
        pd.MultiIndex.from_arrays([[1], [2]]),
        pd.NaT,
    ):
        materializer = materializer_of(value)

        assert check_metadata(materializer.describe(value))
        assert materializer.preview(value)
