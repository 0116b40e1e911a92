"""jsonl_records: plain records come back exactly, anything else is refused by its path."""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from artifact_materializers.tasks.jsonl_records import JsonlRecords
from artifact_plugins.errors import LossyConversionError, NotSerializableError
from artifact_plugins.testing import ArtifactTaskContract, memory_session


class TestJsonlRecords(ArtifactTaskContract):
    task = JsonlRecords

    def values(self) -> list[list[dict[str, Any]]]:
        return [
            [],
            [{}, {"a": 1, "b": [None, True, -0.0, 1e300, "ä\n\u2028"], "c": {"": {}}}],
            [{"n": 2**200, "s": '"\\/'}],
        ]

    def refused(self) -> list[Any]:
        return [[{"a": (1,)}], [{1: "a"}], ["no dict"], [{"a": object()}], {"a": 1}]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"ascii_only": "yes"}, {"compression": "zip"}]


class TestJsonlRecordsPacked(TestJsonlRecords):
    parameters: ClassVar[dict[str, Any]] = {"ascii_only": True, "compression": "gzip"}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "path", "error"),
    [
        ([{}, {"a": [1, (2,)]}], r"\[1\]\.a\[1\]", LossyConversionError),
        ([{"a": {1: 2}}], r"\[0\]\.a has the key 1", LossyConversionError),
        ([{"a": math.nan}], r"\[0\]\.a is nan", LossyConversionError),
        ([{"a": math.inf}], r"\[0\]\.a is inf", LossyConversionError),
        ([{"a": OrderedDict()}], r"\[0\]\.a is a OrderedDict", LossyConversionError),
        ([{"a": "\ud800"}], r"\[0\]\.a holds half", LossyConversionError),
        ([{"a": 10**5000}], r"\[0\]\.a is a number too large", LossyConversionError),
        ([{"a": datetime.now(UTC)}], r"\[0\]\.a is a datetime", NotSerializableError),
        ([{"a": nested(300)}], "nested deeper", NotSerializableError),
    ],
)
def test_refused_value_is_named_by_path(value: Any, path: str, error: type[Exception]) -> None:
    """What would not come back is named by record and path, and nothing is kept."""
    with memory_session() as session:
        with pytest.raises(error, match=path):
            session.save(value, "x", task="jsonl_records")

        assert not session.versions().items
