"""Tags, descriptions and types of a version: text that can be kept, or a named error."""

from __future__ import annotations

import enum
from pathlib import Path

import pytest

from artifact_plugins import errors
from artifact_plugins.records import VersionQuery
from artifact_plugins.records.names import (
    check_label,
    check_lines,
    check_name,
    check_tags,
    check_text,
)


class Stage(str, enum.Enum):
    RAW = "raw"


BAD_TAGS = ["raw", b"raw", 5, {"raw": 1}]
BAD_TEXTS = ["\ud800", "a\x00b", "\x1b[31m", "\x85", 5, b"x"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file to register."""
    path = tmp_path / "source.csv"
    path.write_text("a,b\n")
    return path


@pytest.mark.parametrize("tags", BAD_TAGS, ids=repr)
def test_tags_that_are_no_list_are_refused(session, source, tags):
    """One text would be a tag per character; save, register and tag refuse it."""
    version = session.save(1, "x")

    with pytest.raises(errors.InputError, match="tags"):
        session.save(1, "y", tags=tags)
    with pytest.raises(errors.InputError, match="tags"):
        session.register(source, "y", tags=tags)
    with pytest.raises(errors.InputError, match="tags"):
        session.tag(version, add=tags)
    with pytest.raises(errors.InputError, match="tags"):
        session.tag(version, remove=tags)
    assert len(session.ledger.versions(VersionQuery())) == 1


def test_tags_are_kept_once_in_order(session, source):
    """Duplicates are removed by save and register alike."""
    tags = ["b", "a", "b"]

    assert session.save(1, "x", tags=tags).tags == ("b", "a")
    assert session.register(source, "y", tags=tags).tags == ("b", "a")
    assert session.tag("x", add=["c", "c"]).tags == ("b", "a", "c")


@pytest.mark.parametrize("text", BAD_TEXTS, ids=ascii)
@pytest.mark.parametrize("field", ["description", "artifact_type"])
def test_text_that_cannot_be_kept_is_refused_before_anything_is_written(
    session, source, places, field, text
):
    """Nothing is registered, and no bytes are left in the store."""
    kind = field.replace("_", " ")
    with pytest.raises(errors.InputError, match=kind):
        session.save("x" * 100_000, "x", **{field: text})
    with pytest.raises(errors.InputError, match=kind):
        session.register(source, "x", **{field: text})

    assert list(Path(places["store_url"]).glob("versions/*/*")) == []
    assert len(session.ledger.versions(VersionQuery())) == 0


@pytest.mark.parametrize("name", ["a\nb", "\ud800", 5, ""], ids=ascii)
def test_version_name_that_cannot_be_kept_is_refused(session, name):
    """A version name is a label."""
    with pytest.raises(errors.InputError, match="version name"):
        session.save(1, "x", version_name=name)


def test_lines_of_a_description_are_kept(session):
    """Tabs and newlines belong into a description, but not into a type."""
    version = session.save(1, "x", description="first\n\tsecond", artifact_type="Métrique")

    assert session.find("x").description == "first\n\tsecond"
    assert version.artifact_type == "Métrique"
    with pytest.raises(errors.InputError):
        session.save(1, "x", artifact_type="first\nsecond")


def test_long_text_is_refused():
    """One line has 255 characters, a description 1 MiB."""
    assert len(check_text("x" * 255, "artifact type")) == 255
    with pytest.raises(errors.InputError, match="256 characters"):
        check_text("x" * 256, "artifact type")
    with pytest.raises(errors.InputError, match="characters"):
        check_lines("x" * (1024 * 1024 + 1), "description")


@pytest.mark.parametrize("key", [5, "\ud800"], ids=ascii)
def test_idempotency_key_that_is_no_text_is_refused(session, key):
    """A key that a database cannot compare is no key."""
    with pytest.raises(errors.InputError, match="idempotency key"):
        session.save(1, "x", idempotency_key=key)


@pytest.mark.parametrize("name", [["t"], None, {"a": 1}, 5], ids=repr)
def test_name_that_is_no_text_is_refused(session, name):
    """A list has no hash, and is refused like a number."""
    with pytest.raises(errors.InvalidNameError, match="is text"):
        check_name(name)
    with pytest.raises(errors.InvalidNameError, match="is text"):
        check_label(name)
    with pytest.raises(errors.InvalidNameError):
        session.save(1, name)


def test_text_enum_is_its_value():
    """A member of a str enum is kept as plain text, whoever asked first."""
    names = [check_name(Stage.RAW), check_label(Stage.RAW), *check_tags([Stage.RAW])]

    assert names == ["raw"] * 3
    assert {type(name) for name in names} == {str}
    assert type(check_name("raw")) is str
