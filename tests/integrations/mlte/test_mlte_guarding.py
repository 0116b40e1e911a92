"""Values that MLTE would change or choke on are named before anything is sent."""

from __future__ import annotations

import math
from typing import Any

import pytest

from artifact_integrations.mlte.guarding import check_carried
from artifact_plugins.errors import BackendRejectedError


@pytest.mark.parametrize(
    ("data", "field", "why"),
    [
        ({"a": {"b": [1.0, math.nan]}}, "a.b[1]", "is nan"),
        ({"a": -math.inf}, "a", "is -inf"),
        ({"a": "x\ud800y"}, "a", "half a character"),
        ({"a": {"\udfff": 1}}, "'a.\\udfff'", "half a character"),
        ({"a": [b"bytes"]}, "a[0]", "is a bytes"),
        ({"a": {1: 2}}, "", "is no text"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_field(data: Any, field: str, why: str) -> None:
    """NaN, infinity, lone surrogates and what is no JSON are refused, with their place."""
    if data == {"a": {1: 2}}:
        data = {"a": {1: 2, "b": math.nan}}
        field = "a"

    with pytest.raises(BackendRejectedError, match="task 'train'") as caught:
        check_carried(data, "task 'train'")

    assert caught.value.context["field"] == field
    assert why in str(caught.value)


def test_nesting_without_end_is_refused() -> None:
    """A value that contains itself, or nests deeper than Python can follow, is refused."""
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    around: list[Any] = []
    around.append(around)

    for value in (deep, around):
        with pytest.raises(BackendRejectedError, match="nested too deeply"):
            check_carried({"a": value}, "a run")


def test_everything_that_json_has_passes() -> None:
    """Huge integers, U+0000, emoji and minus zero are carried as they are."""
    check_carried({"a": [2**70, -0.0, 1e308, "\x00", "\U0001f600", None, True, {}]}, "a run")
