"""Names become ids that are apart, safe in every store of MLTE, and the same each time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_integrations.mlte import ids

# Few enough characters that dangerous neighbors occur.
DANGEROUS = st.text(alphabet="-_/.=~%aA0 é\U0001f600\x00", max_size=12)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train", "train"),
        ("a.b-c_d", "a.b-c_d"),
        ("a/b", "a=2Fb"),
        ("a---b", "a-=2D-b"),
        ("a___b", "a_=5F_b"),
        ("-_-_", "-_-_"),
        ("..", "=2E."),
        ("é", "=C3=A9"),
        ("a=b", "a=3Db"),
        ("a b", "a=20b"),
    ],
)
def test_safe_id_of_a_name(name: str, found: str) -> None:
    """Letters, digits and dots stay; what MLTE would take for something else does not."""
    assert ids.safe_id(name) == found


@given(DANGEROUS | st.text())
def test_safe_ids_hold_nothing_that_mlte_reads_otherwise(name: str) -> None:
    """No id holds a slash, its stand-in of URLs or files, or a character that is not ASCII."""
    found = ids.safe_id(name)

    assert found.isascii()
    assert len(found) <= 100
    assert not any(part in found for part in ("/", "---", "___", "%", " ", "\x00"))
    assert not found.startswith(".")


@given(DANGEROUS | st.text(), DANGEROUS | st.text())
def test_safe_ids_of_two_names_differ(one: str, other: str) -> None:
    """No two names share an id."""
    assert (ids.safe_id(one) == ids.safe_id(other)) == (one == other)


def test_long_names_with_one_beginning_stay_apart() -> None:
    """A name over the limit ends in a digest of the whole of it."""
    one, other = "é" * 199 + "a", "é" * 199 + "b"

    assert ids.safe_id(one) != ids.safe_id(other)
    assert len(ids.safe_id(one)) == 100
    assert "=~" in ids.safe_id(one)


def test_documents_of_the_longest_names_fit_a_file_name() -> None:
    """The file store keeps `<id>.json`, of which a file system takes 255 bytes."""
    uuid = "01a202ad-dc9c-7350-9e33-d31ab40d9c39"

    case = ids.version_case("é" * 200, 10**6, "ü" * 200, uuid)

    assert len(f"{ids.identifier_of(case)}.json") < 235
    assert case.endswith(uuid)


def test_what_was_saved_by_hand_is_grouped_by_month() -> None:
    """MLTE reads a whole MLTE version to list any of it, so that none may grow for ever."""
    assert ids.manual_version(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == "manual-2026-03"


@pytest.mark.parametrize("name", ["a---b", "a/b", ""])
def test_models_that_no_url_names_are_known(name: str) -> None:
    """Behind the URL of such a model the server finds another one, or none."""
    assert not ids.is_reachable(name)
    assert ids.is_reachable("a-b_c")
