"""Metadata within ZenML's limits, and records in it, whatever their length."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_integrations.zenml import fields
from artifact_integrations.zenml.version_body import metadata_of
from artifact_plugins.errors import BackendContractError
from artifact_plugins.records import ArtifactVersion


def a_version(**more: Any) -> ArtifactVersion:
    given: dict[str, Any] = {
        "id": "01a202aa-9669-7274-a0e8-cb8acdbfd09b",
        "project": "default",
        "artifact": "one",
        "version": 1,
        "data_type": "builtins:int",
        "format": "document/2",
        "uri": "data:application/json;base64,MQ==",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return ArtifactVersion(**{**given, **more})


def test_metadata_that_zenml_takes_is_shown_as_it_is() -> None:
    """Texts, numbers, truth values, lists and mappings stay what they are."""
    given = {"t": "x", "i": 1, "f": 0.5, "b": False, "l": [1, None], "d": {"a": {"b": 1}}}

    assert fields.shown(given) == given


def test_metadata_that_zenml_does_not_take_is_left_out() -> None:
    """None, too long values, empty keys and keys of ours are not shown; a long key is shortened."""
    given = {"none": None, "long": "x" * 65_534, "": 1, "artifact_plugins.record": 1, "k" * 300: 2}

    assert fields.shown(given) == {"k" * 255: 2}


def test_colon_in_a_key_becomes_a_dot() -> None:
    """A key that has the dot already keeps its value."""
    assert fields.shown({"a:b": 1, "a.b": 2, "c:d:e": 3}) == {"a.b": 2, "c.d.e": 3}
    assert fields.shown({"a.b": 2, "a:b": 1}) == {"a.b": 2}


@pytest.mark.parametrize("length", [0, 1, 31_999, 32_000, 32_001, 64_000, 200_000])
def test_text_of_any_length_is_carried(length: int) -> None:
    """Every part is within the limit, quotes and backslashes doubled, and the text comes back."""
    text = ('"\\' * length)[:length]

    values = fields.carried("artifact_plugins.record", text)

    assert max(len(json.dumps(value)) for value in values.values()) <= 65_535
    assert fields.text_in("artifact_plugins.record", values) == text


def test_longer_text_leaves_parts_that_a_shorter_one_ignores() -> None:
    """Metadata keeps keys of an earlier, longer record: they belong to nothing."""
    there = fields.carried("r", "a" * 100_000) | fields.carried("r", "b" * 40_000)

    assert fields.text_in("r", there) == "b" * 40_000
    assert fields.text_in("r", there | fields.carried("r", "c")) == "c"


@pytest.mark.parametrize("change", [{"r.2": None}, {"r.2": "other"}, {"r": '{"parts":3}'}])
def test_text_in_parts_that_do_not_fit_together(change: dict[str, Any]) -> None:
    """A part that is gone or of another text is found out."""
    there = {**fields.carried("r", "a" * 100_000), **change}
    there = {key: value for key, value in there.items() if value is not None}

    with pytest.raises(BackendContractError, match="is not whole"):
        fields.text_in("r", there)


def test_record_that_is_none() -> None:
    """Text that is no record of ours is a named error; no text is nobody's record."""
    assert fields.record_in(fields.RECORD, {}, ArtifactVersion) is None
    for text in ("x", "{}", '{"id": 1}', "[]"):
        with pytest.raises(BackendContractError, match="is no ArtifactVersion"):
            fields.record_in(fields.RECORD, {fields.RECORD: text}, ArtifactVersion)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@pytest.mark.slow
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), _JSON))
def test_record_comes_back_equal(metadata: dict[str, Any]) -> None:
    """Whatever its metadata, a record is rebuilt as it was, and nothing sent is over the limits."""
    version = a_version(metadata=metadata, tags=("a",), description="é")

    sent = metadata_of(version, link=None)

    assert fields.record_in(fields.RECORD, sent, ArtifactVersion) == version
    for key, value in sent.items():
        assert 0 < len(key) <= 255
        assert ":" not in key
        assert value is not None
        assert len(json.dumps(value)) <= 65_535


def test_tags_that_read_as_uuids_are_left_out() -> None:
    """ZenML takes no tag that is a UUID, in any of its spellings."""
    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"

    assert fields.shown_tags(("a", uuid, uuid.replace("-", ""), f"urn:uuid:{uuid}", uuid[:-1])) == [
        "a",
        uuid[:-1],
    ]
