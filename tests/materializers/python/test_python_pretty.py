"""What people see of a value: short, bounded, and made without code of unknown objects."""

from __future__ import annotations

import math
import time

import pytest
import python_samples as samples

from artifact_materializers.python.document import DocumentMaterializer
from artifact_materializers.python.pretty import describe, pretty


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, {"value": 5}),
        (True, {"value": True}),
        (2.5, {"value": 2.5}),
        (2**70, {}),
        (math.nan, {}),
        (None, {}),
        ("abc", {"length": 3}),
        (b"ab", {"length": 2}),
        ([1, "a", 2], {"length": 3, "element_types": {"int": 2, "str": 1}}),
        ({"a": [1]}, {"length": 1, "element_types": {"list": 1}}),
        ({1, 2}, {"length": 2, "element_types": {"int": 2}}),
        (samples.Frozen(1), {}),
    ],
)
def test_facts_of_a_value(value, expected):
    """Numbers tell their value, texts their length, containers also their element types."""
    assert describe(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ([1, "a"], "[\n  1,\n  'a',\n]"),
        ((), "(\n)"),
        (list(range(12)), "[\n" + "".join(f"  {i},\n" for i in range(10)) + "  ... 2 more\n]"),
        ({"a": [1, [2, [3, [4]]]]}, "{\n  'a': [1, [2, [...]]],\n}"),
        (samples.Frozen(1, "x"), "Frozen(\n  a=1,\n  b='x',\n)"),
        ([samples.Color.RED, samples.Right(3)], "[\n  Color.RED,\n  Right.READ|WRITE,\n]"),
        ([samples.Foreign(b"")], "[\n  <python_samples.Foreign>,\n]"),
        ([10**400], "[\n  <int of 1329 bits>,\n]"),
        ([{1: 2}, {3}, "\ud800"], "[\n  {1: 2},\n  {3},\n  '\\ud800',\n]"),
        ([list(range(9))], "[\n  [0, 1, 2, 3, 4, ...],\n]"),
    ],
)
def test_text_of_a_value(value, expected):
    """A container shows its first elements, one a line; unknown objects only their class."""
    assert pretty(value) == expected


@pytest.mark.parametrize("value", [1, 2.5, None, True, 1j, samples.Color.RED, ...])
def test_scalars_have_no_picture(value):
    """A value that its metadata tell needs no preview."""
    assert DocumentMaterializer().preview(value) == ()


def test_huge_values_cost_as_little_as_small_ones():
    """A million elements, and a text of 10 MB, are shown in bounded time and space."""
    values = [list(range(1_000_000)), "x" * 10_000_000, {"k" * 100_000: ["y" * 100_000] * 1000}]

    start = time.thread_time()
    for value in values:
        describe(value)
        assert len(pretty(value)) <= 2_200
    seconds = time.thread_time() - start

    assert seconds < 0.05
