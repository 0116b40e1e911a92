"""Messages and filters as functions: what goes in comes out, for any values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import ValidationError
from kfp_swagger import check_answer

from artifact_plugins.faces.kfp.messages import ARTIFACT, TASK, camel
from artifact_plugins.faces.kfp.predicates import Predicate
from artifact_plugins.faces.kfp.protojson import decode, encode, read, write
from artifact_plugins.faces.kfp.versions import kept_name
from artifact_plugins.records import check_name

WHOLE = 2**53
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-WHOLE, WHOLE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values, max_size=5))
def test_metadata_comes_back_equal(metadata: dict[str, Any]) -> None:
    """Any JSON object survives reading, writing and the text between."""
    sent = {"name": "x", "metadata": metadata}
    found = write(ARTIFACT, read(ARTIFACT, decode(encode(sent))))
    assert found.get("metadata", {}) == metadata


@given(st.integers(0, 2**63 - 1))
def test_64_bit_integers_are_text_both_ways(number: int) -> None:
    """They are read exactly from text and from a number, and written as text."""
    for sent in (number, str(number)):
        text = json.dumps({"type_attributes": {"iteration_index": sent}}).encode()
        written = write(TASK, read(TASK, decode(text)))
        assert written["type_attributes"]["iteration_index"] == str(number)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))
def test_times_keep_their_seconds(moment: datetime) -> None:
    """A time is written in UTC with whole seconds, for every year there is."""
    sent = moment.replace(microsecond=0).isoformat()
    found = write(TASK, read(TASK, {"create_time": f"{sent}.123456789Z"}))
    east = write(TASK, read(TASK, {"create_time": f"{sent}+00:00"}))
    assert found == east == {"create_time": f"{sent}Z"}


def test_offset_of_a_time_is_taken_into_account() -> None:
    """A time with an offset is the same moment in UTC."""
    found = read(TASK, {"end_time": "2026-01-01T01:30:00+05:30"})["end_time"]
    assert found == datetime(2025, 12, 31, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", list(TASK.fields))
def test_both_spellings_of_a_field_are_one(name: str) -> None:
    """Proto names and camelCase are read; both at once are a duplicate."""
    assert TASK.spelled[name] == TASK.spelled[camel(name)] == name


@given(st.text(max_size=130))
def test_every_name_is_kept_under_an_allowed_one(name: str) -> None:
    """Whatever a client calls an artifact, ours is an allowed name, the same for the same."""
    text = name.encode("utf-8", "replace").decode()
    kept = kept_name(text)
    assert check_name(kept) == kept == kept_name(text)


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_substring_is_sqls_like(pattern: str, cell: str) -> None:
    """`%` and `_` are wildcards as in SQL."""
    import sqlite3

    with sqlite3.connect(":memory:") as table:
        wanted = table.execute("SELECT ? LIKE '%' || ? || '%'", (cell, pattern)).fetchone()[0]
    table.close()
    found = Predicate("IS_SUBSTRING", "name", "string_value", pattern).holds(cell)
    assert found == bool(wanted)


def test_substring_does_not_try_every_split() -> None:
    """A pattern of many wildcards over a long text is answered at once."""
    pattern = "a%" * 60 + "b"
    assert not Predicate("IS_SUBSTRING", "name", "string_value", pattern).holds("a" * 20_000)


@pytest.mark.parametrize(
    ("cell", "value", "holds"),
    [
        (3, "3", True),
        (3, "3 apples", True),
        (0, "apples", True),
        ("3.5x", 3, False),
        (" 3 ", 3, True),
        (None, 0, False),
        (None, "", False),
        ("", 0, True),
    ],
)
def test_text_beside_a_number_is_the_number_it_begins_with(
    cell: Any, value: Any, holds: bool
) -> None:
    """Mixed kinds are compared as MySQL does; nothing equals what is missing."""
    assert Predicate("EQUALS", "x", "string_value", value).holds(cell) is holds


@pytest.mark.parametrize(
    "body",
    [
        {"artifact_id": "a", "unknown": 1},
        {"name": 1},
        {"type": "Nothing"},
        {"created_at": 5},
        {"number_value": "1"},
    ],
)
def test_check_against_the_swagger_files_sees_a_wrong_answer(body: dict[str, Any]) -> None:
    """The check that every other test relies on fails for what the files do not describe."""
    check_answer("GET", "/apis/v2beta1/artifacts/a", 200, {"artifact_id": "a", "name": "b"})
    with pytest.raises(ValidationError):
        check_answer("GET", "/apis/v2beta1/artifacts/a", 200, body)


def test_check_against_the_swagger_files_sees_a_number_for_text() -> None:
    """A 64-bit integer that travels as a number is noticed."""
    link = {"producer": {"iteration": 0}}
    with pytest.raises((ValidationError, AssertionError)):
        check_answer("GET", "/apis/v2beta1/artifact_tasks", 200, {"artifact_tasks": [link]})
