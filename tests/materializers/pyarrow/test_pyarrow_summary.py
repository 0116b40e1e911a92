"""Descriptions and previews of tables are right, small, and never read the whole."""

from __future__ import annotations

import datetime
import decimal
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from artifact_materializers.pyarrow.summary import describe_table, preview_table
from artifact_plugins.records import check_metadata


def test_small_table_is_described_exactly():
    """Rows, bytes, types, nulls, ranges and means of a small table are exact."""
    described = describe_table(
        pa.table({"a": [1, None, 3], "f": [1.5, float("nan"), float("inf")], "s": ["x"] * 3})
    )

    assert described["rows"] == 3
    assert described["bytes"] > 0
    assert described["columns"]["a"] == {
        "type": "int64",
        "null_count": 1,
        "min": 1,
        "max": 3,
        "mean": 2.0,
    }
    assert described["columns"]["f"]["max"] == 1.5
    assert described["columns"]["s"] == {"type": "string", "null_count": 0}
    assert "sampled" not in described


def test_large_table_is_sampled_from_end_to_end():
    """Over 65,536 rows the ranges are of a sample that has the first and the last rows."""
    described = describe_table(pa.table({"a": np.arange(1_000_000)}))

    assert described["sampled"] is True
    assert described["columns"]["a"]["min"] == 0
    assert described["columns"]["a"]["max"] == 999_999


def test_cost_does_not_grow_with_the_table():
    """10,000,000 rows are described and previewed faster than their ranges are computed."""
    table = pa.table({"a": np.ones(10_000_000), "b": np.ones(10_000_000)})
    describe_table(table)  # imports

    def best(function):
        times = []
        for _ in range(3):
            start = time.process_time()
            function(table)
            times.append(time.process_time() - start)
        return min(times)

    whole = best(lambda t: [(pc.min_max(c.filter(pc.is_finite(c))), pc.mean(c)) for c in t.columns])
    assert best(describe_table) + best(preview_table) < whole


def test_odd_values_are_metadata_too():
    """Large integers, times, decimals, odd and duplicate names give valid metadata."""
    table = pa.table(
        [
            pa.array([2**64 - 1], pa.uint64()),
            pa.array([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)]),
            pa.array([decimal.Decimal("1.20")]),
            pa.array([5], pa.duration("ns")),
            pa.nulls(1, pa.float64()),
            pa.array([float("nan")]),
        ],
        names=["a", "a", "\0\x1b", "", "x" * 1000, "f"],
    )

    described = check_metadata(describe_table(table))

    assert described["columns"]["a"]["max"] == str(2**64 - 1)
    assert described["columns"]["a [1]"]["min"].startswith("2020-01-01")
    assert len(described["columns"]) == 6


def test_many_columns_are_counted():
    """50 columns are described, the others counted."""
    described = describe_table(pa.table({f"c{n}": [n] for n in range(200)}))

    assert len(described["columns"]) == 50
    assert described["column_count"] == 200


def test_preview_is_the_head_as_markdown():
    """Ten rows and twelve columns at most; bars are escaped, nulls are empty."""
    table = pa.table({"a|b": list(range(50)), "s": ["x|`y`\n", None] * 25})

    (preview,) = preview_table(table)
    lines = preview.content.splitlines()

    assert preview.kind == "markdown"
    assert preview.title == "50 rows, 2 columns"
    assert lines[:4] == [
        "| a\\|b | s |",
        "| --- | --- |",
        "| 0 | x\\|\\`y\\`\\\\n |",
        "| 1 |  |",
    ]
    assert len(lines) == 12


def test_preview_is_bounded():
    """Cells of a megabyte, a million elements or many columns stay small."""
    table = pa.table(
        {
            "text": ["é" * 1_000_000],
            "bytes": [b"\xff" * 1_000_000],
            "list": [list(range(100_000))],
            "deep": [[{"a": list(range(10_000))}] * 100],
            **{f"c{n}": [n] for n in range(100)},
        }
    )

    start = time.thread_time()
    (preview,) = preview_table(table)

    assert len(preview.content) < 4000
    assert time.thread_time() - start < 0.5
    assert preview.content.splitlines()[0].count("|") == 13
