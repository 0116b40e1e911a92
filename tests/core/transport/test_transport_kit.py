"""What backends share: one spelling, digests, clipped names, fitness of JSON, pages, releases, makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_plugins.contracts.backend import RemoteQuery, RemoteVersion
from artifact_plugins.delivery.notes import MemoryNotes
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
    QueryError,
)
from artifact_plugins.transport import (
    HttpAnswer,
    check_release,
    clipped,
    compact,
    digest_of,
    first_unfit,
    found_or_made,
    is_missing,
    is_noted,
    is_taken,
    made_once,
    no_version,
    noted_id,
    once_more,
    page_of,
    parts_of,
    place_of,
    release_of,
    sha256_of,
    token_of,
    unless_missing,
)

GONE = BackendRejectedError("it is not there", status=404)
TAKEN = BackendRejectedError("it is there", status=409)


class Notes(MemoryNotes):
    """Notes, and who takes turns: all of a delivery that `made_once` asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[tuple[str, str]] = []

    def only(self, kind: str, key: str) -> AbstractContextManager[None]:
        self.turns.append((kind, key))
        return nullcontext()


def fails(*errors: Exception, then: Any = None) -> Callable[..., Any]:
    """Return a call that raises each error once and returns something after that."""
    left = list(errors)

    def call(*arguments: Any) -> Any:
        if left:
            raise left.pop(0)
        return then

    return call


def answer(status: int, body: bytes = b"{}") -> HttpAnswer:
    return HttpAnswer("Shelf", "GET /items", status, {}, body)


# -- spelling: what is stored at servers must be found again ------------------


def test_equal_documents_have_one_spelling():
    """Keys are sorted, blanks left out, everything is ASCII: what was stored is found again."""
    assert (
        compact({"b": [1, 2.5, None], "a": "é\ud800"}) == '{"a":"\\u00e9\\ud800","b":[1,2.5,null]}'
    )


def test_digests_are_of_utf8():
    """Texts and bytes have the same digest; half characters have one too."""
    assert digest_of("é") == digest_of("é".encode()) == digest_of(memoryview("é".encode()))
    assert digest_of("é") == f"sha256:{sha256_of('é')}"
    assert sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_of("\ud800") == sha256_of(b"\xed\xa0\x80")


@given(st.text(max_size=300), st.integers(min_value=40, max_value=200))
def test_clipped_text_is_within_the_limit(text: str, limit: int) -> None:
    """A short text stays as it is; a longer one is as long as allowed and ends in its digest."""
    found = clipped(text, limit, characters=16)

    assert len(found) <= limit
    assert found == text or found == f"{text[: limit - 17]}~{sha256_of(text)[:16]}"


def test_the_digest_may_be_of_something_else():
    """Two names that are cut alike differ by what they stand for."""
    one, other = (clipped("n" * 90, 40, whole=whole, mark="=~") for whole in ("a", "b"))

    assert one[:20] == other[:20]
    assert one.endswith(f"=~{sha256_of('a')[:16]}")
    assert one != other


@given(st.text(max_size=50), st.integers(min_value=1, max_value=9))
def test_parts_are_the_whole(text: str, size: int) -> None:
    """Parts put together are the text, none is longer than asked for, none is empty."""
    parts = list(parts_of(text, size))

    assert "".join(map(str, parts)) == text
    assert all(0 < len(part) <= size for part in parts)


# -- what JSON cannot hold -----------------------------------------------------


def test_unfit_values_are_named_by_their_place():
    """NaN, infinity, half characters and foreign types are found where they are."""
    itself: list[Any] = []
    itself.append(itself)
    cases = {
        "x.a[1] is nan, which JSON does not have": {"a": [0, float("nan")]},
        "x.b holds half a character": {"b": "a\ud800"},
        "'x.\\udc00' is a name with half a character": {"\udc00": 1},
        "x.c is a set": {"c": {1}},
        "x is nested too deeply or contains itself": itself,
    }

    found = {f"{unfit.path} {unfit.why}" for v in cases.values() if (unfit := first_unfit(v, "x"))}

    assert found == set(cases)
    assert first_unfit({"a": [1, 2.5, None, True, "é", ()]}) is None


# -- pages ----------------------------------------------------------------------


def walk(names: str, start: int = 0) -> Iterator[tuple[RemoteVersion, str]]:
    for number in range(start, len(names)):
        yield RemoteVersion(external_id=str(number), name=names[number]), token_of(number)


def test_pages_put_together_are_what_the_query_accepts():
    """A walk over everything gives pages of the wanted ones, and no empty last page."""
    query = RemoteQuery(artifact="a", limit=2)

    first = page_of(query, walk("abaabba"))
    (start,) = place_of(first.next_token or "", "Shelf")
    second = page_of(query, walk("abaabba", start))

    assert [one.external_id for one in (*first, *second)] == ["0", "2", "3", "6"]
    assert second.next_token is None


def test_a_walk_is_not_taken_further_than_one_beyond_the_page():
    """A server is asked for no page that nobody wants."""
    steps = walk("a" * 10)

    page_of(RemoteQuery(limit=3), steps)

    assert next(steps)[0].external_id == "4"


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_strange_limit_is_refused(limit: int) -> None:
    """A page has 1 to 1,000 versions."""
    with pytest.raises(QueryError, match="1 to 1,000"):
        page_of(RemoteQuery(limit=limit), walk("a"))


def test_tokens_of_earlier_releases_are_understood():
    """The form of a token is fixed: people keep them."""
    assert token_of(1767323045.0, "m/v/evidence.x") == (
        "WzE3NjczMjMwNDUuMCwgIm0vdi9ldmlkZW5jZS54Il0="
    )
    assert place_of("W251bGwsIDdd", "Shelf") == [None, 7]


@pytest.mark.parametrize("token", ["", "x", "é", "bm8=", "e30=", "W" * 400])
def test_a_strange_token_is_refused(token: str) -> None:
    """What no listing gave is named, with whose token it is not."""
    with pytest.raises(QueryError, match="no page token of Shelf"):
        place_of(token, "Shelf")


# -- releases ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("0.98.0rc1", (0, 98, 0)),
        ("1.2", (1, 2)),
        ("1.2.3.4", (1, 2, 3)),
        ("7", (7,)),
        ("", ()),
        ("v1", ()),
        ("1.9999999999", (1,)),
        ("9999999999", ()),
    ],
)
def test_the_numbers_that_a_version_begins_with(version: str, numbers: tuple[int, ...]) -> None:
    """At most three numbers count, and none that is longer than nine digits."""
    assert release_of(version) == numbers


@pytest.mark.parametrize("version", ["1.1", "1.1.0", "1.2.7", "1.99"])
def test_known_releases_pass(version: str) -> None:
    """Both ends are included; a short end stands for everything that begins with it."""
    assert check_release(version, "1.1", "1", where="Shelf") == release_of(version)


@pytest.mark.parametrize("version", ["1.0.9", "1", "2.0", "", "dev"])
def test_other_releases_are_refused(version: str) -> None:
    """What is older, newer or no version is named before anything is sent."""
    with pytest.raises(BackendContractError, match=r"Shelf is of version .*known are 1\.1 to 1"):
        check_release(version, "1.1", "1", where="Shelf")


# -- refusals ---------------------------------------------------------------------


def test_refusals_say_what_they_are():
    """404 is missing, 409 is taken; the same status of another kind of error is neither."""
    other = BackendUnavailableError("away", status=404)

    assert (is_missing(GONE), is_taken(GONE)) == (True, False)
    assert (is_missing(TAKEN), is_taken(TAKEN)) == (False, True)
    assert not is_missing(other)


def test_missing_is_none_and_nothing_else_is():
    """Only 404 becomes None; what was found and every other error pass."""
    assert unless_missing(fails(GONE)) is None
    assert unless_missing(fails(then=7)) == 7
    with pytest.raises(BackendRejectedError, match="it is there"):
        unless_missing(fails(TAKEN))


def test_a_missing_version_is_named():
    """The error of `version` names system and id."""
    error = no_version("Shelf", "9", hint="ids are numbers")

    assert isinstance(error, ArtifactMissingError)
    assert str(error) == "Shelf has no artifact version '9'; ids are numbers"


@pytest.mark.parametrize(
    ("status", "is_refusal", "kind"),
    [
        (302, False, BackendContractError),
        (400, True, BackendRejectedError),
        (401, False, BackendAuthError),
        (404, True, BackendRejectedError),
        (422, True, BackendRejectedError),
        (429, False, BackendUnavailableError),
        (500, False, BackendUnavailableError),
    ],
)
def test_an_answer_knows_whether_it_refuses_the_request(
    status: int, is_refusal: bool, kind: type[BackendError]
) -> None:
    """Who asks, and not now, are no refusals of what was asked."""
    assert answer(status).is_refusal is is_refusal
    assert type(answer(status).error()) is kind


def test_a_refusal_carries_the_facts_of_the_backend():
    """A backend's own class of error gets the server's message and its own attributes."""

    class ShelfError(BackendRejectedError):
        kind = ""

    error = answer(409).rejected(ShelfError, "the key is there", kind="Taken")

    assert str(error).startswith("Shelf answered GET /items with 409: the key is there; ")
    assert (type(error), error.status, error.kind) == (ShelfError, 409, "Taken")


def test_what_is_no_json_says_nothing():
    """The page of a gateway is None, whatever its status."""
    assert answer(502, b"<html>").said is None
    assert answer(400, b'{"detail": "no"}').said == {"detail": "no"}


def test_null_is_json():
    """Some servers answer null to what they did."""
    assert answer(200, b"null").json() is None


# -- making -----------------------------------------------------------------------


def test_a_note_without_an_id_is_no_thing_there():
    """A record that a system cannot keep is noted too, without an id."""
    notes = Notes()
    notes.note("version", "a", {"unsupported": "why"})
    notes.note("version", "b", {"external_id": 7})

    assert [noted_id(notes, "version", key) for key in "abc"] == [None, "7", None]
    assert [is_noted(note) for note in (None, {}, {"external_id": 7})] == [False, False, True]


def test_a_shared_thing_is_made_once():
    """The second asker gets the note of the first; each takes a turn."""
    notes = Notes()
    make = fails(then={"external_id": "7"})

    first = made_once(notes, "queue", "q", make)
    second = made_once(notes, "queue", "q", fails(AssertionError("made twice")))

    assert first == second == {"external_id": "7"}
    assert notes.turns == [("queue", "q")] * 2


def test_a_shared_thing_that_is_gone_is_made_anew():
    """`anew` does not believe the note, and replaces it."""
    notes = Notes()
    notes.note("queue", "q", {"external_id": "7"})

    made_once(notes, "queue", "q", fails(then={"external_id": "8"}), anew=True)

    assert notes.external("queue", "q") == {"external_id": "8"}


def test_a_failed_make_notes_nothing():
    """The next one tries again."""
    notes = Notes()

    with pytest.raises(BackendRejectedError):
        made_once(notes, "queue", "q", fails(TAKEN))

    assert notes.external("queue", "q") is None


def test_what_is_there_is_not_made():
    """A look comes first."""
    assert found_or_made(fails(then="found"), fails(AssertionError("made"))) == "found"


def test_somebody_faster_is_found():
    """A refusal that it is there leads to a second look."""
    looks = iter([None, "theirs"])

    assert found_or_made(lambda: next(looks), fails(TAKEN)) == "theirs"


@pytest.mark.parametrize("error", [GONE, TAKEN])
def test_what_can_neither_be_made_nor_found_is_the_refusal(error: BackendError) -> None:
    """Another refusal, or one of something that cannot be seen, passes as it is."""
    with pytest.raises(BackendRejectedError) as caught:
        found_or_made(lambda: None, fails(error))

    assert caught.value is error


def test_stale_notes_are_left_once():
    """After a refusal that says so the same is tried once without them, and no third time."""
    asked: list[bool] = []
    answers = fails(GONE, then="made")

    found = once_more(lambda anew: (asked.append(anew), answers())[1])

    assert (found, asked) == ("made", [False, True])
    with pytest.raises(BackendRejectedError):
        once_more(fails(GONE, GONE, then="third"))
    with pytest.raises(BackendRejectedError):
        once_more(fails(TAKEN, then="made"))
