"""Descriptions and previews are right, small, and never read the whole array."""

from __future__ import annotations

import time

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given

from artifact_materializers.numpy.summary import describe_array, preview_array
from artifact_plugins.records import check_metadata


def test_small_array_is_described_exactly():
    """Shape, dtype, bytes, nulls and statistics of a small array are exact."""
    described = describe_array(np.array([1.0, 2.0, 3.0, np.nan, np.inf]))

    assert described["shape"] == [5]
    assert described["dtype"] == "float64"
    assert described["bytes"] == 40
    assert (described["null_count"], described["infinite_count"]) == (1, 1)
    assert (described["min"], described["max"], described["mean"]) == (1.0, 3.0, 2.0)
    assert described["std"] == pytest.approx(np.std([1, 2, 3]))
    assert "sampled" not in described


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[::2], lambda a: a.reshape(2, -1).T])
def test_large_array_is_sampled(view):
    """Over 65,536 elements the description is of a sample, from beginning to end, and says so."""
    array = view(np.arange(1_000_000))

    described = describe_array(array)

    assert described["sampled"] is True
    assert described["min"] == array.min()
    assert described["max"] == array.max()
    assert described["mean"] == pytest.approx(array.mean(), rel=0.01)


def test_cost_does_not_grow_with_the_array():
    """80 MB are described and previewed within the time that two passes would take."""
    array = np.ones(10_000_000)

    def best(function):
        times = []
        for _ in range(5):
            start = time.process_time()
            function(array)
            times.append(time.process_time() - start)
        return min(times)

    whole = best(lambda a: (a.min(), a.max(), a.mean(), a.std()))
    assert best(describe_array) + best(preview_array) < whole


VALUES = {
    "bool": np.array([True, False]),
    "uint64 max": np.array([2**64 - 1], "u8"),
    "int64 min": np.array([-(2**63)]),
    "all NaN": np.array([np.nan, np.nan]),
    "inf": np.array([np.inf, -np.inf] * 30),
    "huge": np.array([1.7e308, -1.7e308] * 30),
    "denormal": np.array([5e-324, 0.0] * 30),
    "close": np.array([1.0, 1.0 + 2**-52] * 30),
    "longdouble over float64": np.array(["1e4000"] * 30, np.longdouble),
    "complex": np.array([1j, np.nan]),
    "times": np.array(["2020-01-01", "NaT"], "M8[ns]"),
    "all NaT": np.array(["NaT"], "m8"),
    "control characters": np.array(["a\0b\x1b[31m\ud800"]),
    "long text": np.array(["x" * 100_000]),
    "odd field names": np.ones(2, [("é\ud800\x01", "i4")]),
    "200 fields": np.ones(2, [(f"f{n}", "i4") for n in range(200)]),
    "V0": np.zeros(3, [("a", "V0")])["a"],
    "0-d": np.array(1),
    "empty": np.zeros((0, 10**12)),
    "10^12 times one element": np.broadcast_to(1.0, (10**6, 10**6)),
    "50 dimensions": np.zeros((1,) * 30 + (2,)),
}


@pytest.mark.parametrize("name", VALUES)
def test_description_is_metadata_and_preview_is_small(name):
    """Whatever the array, its description is JSON and its preview is short, printable text."""
    described = check_metadata(describe_array(VALUES[name]))
    (preview,) = preview_array(VALUES[name])

    assert described["dtype"]
    assert len(preview.content) <= 20_000
    preview.model_dump_json()


@given(
    npst.arrays(npst.scalar_dtypes() | npst.nested_dtypes(max_itemsize=100), npst.array_shapes())
)
def test_any_array_is_described(array):
    """Describing never fails and never gives what metadata cannot hold."""
    check_metadata(describe_array(array))

    assert preview_array(array)[0].kind == "text"


def test_histogram_counts_every_sampled_number():
    """The bars of a histogram stand for the numbers there are."""
    (preview,) = preview_array(np.repeat([0.0, 10.0], [30, 10]))

    counts = [int(line.split()[-1]) for line in preview.content.splitlines()[:-1]]

    assert sum(counts) == 40
    assert (counts[0], counts[-1]) == (30, 10)
    assert "40 of 40" in preview.title


def test_few_numbers_are_shown_as_they_are():
    """A short array is printed, not counted."""
    (preview,) = preview_array(np.array([1.5, 2.5]))

    assert preview.content == "[1.5 2.5]"
