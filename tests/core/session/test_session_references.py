"""References to versions: names in any Unicode form, numbers, aliases, and what is none."""

from __future__ import annotations

import pytest

from artifact_plugins import errors

NFD, NFC = "cafe\u0301", "caf\u00e9"


@pytest.mark.parametrize("written", [NFD, NFC], ids=["decomposed", "composed"])
@pytest.mark.parametrize("read", [NFD, NFC], ids=["decomposed", "composed"])
def test_name_is_found_in_either_form(session, written, read):
    """What looks the same is the same name."""
    session.save(1, written)

    assert session.load(read) == 1
    assert session.load(f"{read}@1") == 1


@pytest.mark.parametrize("written", [NFD, NFC], ids=["decomposed", "composed"])
@pytest.mark.parametrize("read", [NFD, NFC], ids=["decomposed", "composed"])
def test_alias_is_found_in_either_form(session, written, read):
    """So is an alias, after a second one is set over it."""
    version = session.save(1, "x")
    session.save(2, "x")
    session.set_alias(version, written)
    session.set_alias(version, read)

    assert session.load(f"x@{read}") == 1
    assert session.load("x", alias=read) == 1
    assert session.find("x@1").aliases == (NFC,)


def test_names_and_labels_are_recorded_in_one_form(session):
    """Version name, tags and description come back composed."""
    version = session.save(1, "x", version_name=NFD, tags=[NFD, NFC], description=NFD)

    assert version.version_name == NFC
    assert version.tags == (NFC,)
    assert version.description == NFC


def test_tag_is_removed_in_either_form(session):
    """Removing a tag does not depend on how it is typed."""
    version = session.save(1, "x", tags=[NFC])

    assert session.tag(version, remove=[NFD]).tags == ()


@pytest.mark.parametrize("reference", ["x@²", "x@٣", "x@", "x@-1", "x@1.0", "²"])
def test_suffix_that_is_no_number_is_looked_up_as_an_alias(session, reference):
    """Digits of other scripts and superscripts are no version numbers."""
    session.save(1, "x")

    with pytest.raises(errors.ArtifactMissingError):
        session.load(reference)


@pytest.mark.parametrize("number", ["0", "2", "9" * 18, "9" * 30, "9" * 5000])
def test_number_that_does_not_exist_is_missing(session, number):
    """However long it is."""
    session.save(1, "x")

    with pytest.raises(errors.ArtifactMissingError):
        session.load(f"x@{number}")


@pytest.mark.parametrize("reference", [5, None, b"x", ["x"], 1.5], ids=repr)
def test_reference_that_is_no_text_is_refused(session, reference):
    """A mistake of the caller is no missing artifact."""
    with pytest.raises(errors.InputError, match="reference"):
        session.load(reference)


def test_reference_with_a_lone_surrogate_is_missing(session):
    """It cannot be a name, and it does not reach the database."""
    with pytest.raises(errors.ArtifactMissingError):
        session.load("\ud800")


@pytest.mark.parametrize("version", ["3", 1.5, [1]], ids=repr)
def test_version_that_is_no_number_is_refused(session, version):
    """`version="3"` is refused by name."""
    session.save(1, "x")

    with pytest.raises(errors.InputError, match="version number"):
        session.load("x", version=version)


def test_version_beyond_the_database_is_missing(session):
    """2**80 is a number, only not of a version."""
    session.save(1, "x")

    with pytest.raises(errors.ArtifactMissingError):
        session.load("x", version=2**80)


@pytest.mark.parametrize("alias", ["7", "a@b", "@b", "²"])
def test_alias_that_reads_as_a_reference_is_refused(session, alias):
    """`x@a@b` could not be told apart, `x@7` is a version."""
    version = session.save(1, "x")

    with pytest.raises(errors.InputError):
        session.set_alias(version, alias)
    assert session.find("x").aliases == ()


def test_alias_of_letters_is_set(session):
    """Negative control."""
    version = session.save(1, "x")

    session.set_alias(version, "prod/eu:1")

    assert session.load("x@prod/eu:1") == 1
