"""Pages go on where the one before ended, whatever happens in between."""

from __future__ import annotations

import base64
import json

import pytest

from artifact_plugins.errors import InputError, InvalidKeyError
from artifact_plugins.ledger import Ledger

ORDERS = [
    None,
    "created_at",
    "-name, version",
    'metadata["score"]',
    '-metadata["score"]',
    "-updated_at, size_bytes",
    "is_directory, -id",
    "name.lower()",
]


def pages(ledger, where="", **options):
    found, token = [], None
    while True:
        page = ledger.search("versions", where, page_token=token, **options)
        found.append(list(page))
        token = page.next_token
        if token is None:
            return found


@pytest.mark.parametrize("order", ORDERS)
def test_inserts_between_pages_change_nothing_else(ledger, make, order):
    """Records saved while a listing is paged neither repeat nor hide one that was there."""

    def save(number):
        return make.save(
            ledger,
            "ab"[number % 2],
            tags=("t",) if number % 3 else (),
            artifact_type="XY"[number % 2],
            metadata={"score": [number % 4, "text", None, 1.5][number % 4]},
            is_directory=number % 2 == 0,
        )

    for number in range(12):
        save(number)
    for where in ("", 'name == "a"', '"t" in tags', 'artifact_type == "X"'):
        how = {"order_by": order, "project": "default"}
        expected = [version.id for page in pages(ledger, where, **how) for version in page]

        seen, token = [], None
        for number in range(100):
            page = ledger.search("versions", where, limit=2, page_token=token, **how)
            seen += [version.id for version in page]
            token = page.next_token
            if token is None:
                break
            save(number)

        assert [one for one in seen if one in expected] == expected
        assert len(set(seen)) == len(seen)


def test_a_full_last_page_ends(ledger, make):
    """The last page has no token, also when it is full."""
    for _ in range(4):
        make.save(ledger)

    found = pages(ledger, limit=2)

    assert [len(page) for page in found] == [2, 2]


def test_the_limit_may_change_between_pages(ledger, make):
    """A token belongs to filter and order, not to the size of a page."""
    saved = [make.save(ledger).id for _ in range(5)]
    first = ledger.search("versions", "version > 0", limit=1)

    rest = ledger.search("versions", "version > 0 ", limit=10, page_token=first.next_token)

    assert [version.id for version in (*first, *rest)] == saved[::-1]


@pytest.fixture
def token(ledger: Ledger, make) -> str:
    for number in range(3):
        make.save(ledger, metadata={"a": number})
    found = ledger.search("versions", 'name == "flights"', order_by="name", limit=1).next_token
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "where", "options"),
    [
        ("versions", 'name == "flight"', {"order_by": "name"}),
        ("versions", 'name == "flights"', {"order_by": "-name"}),
        ("versions", 'name == "flights"', {}),
        ("versions", 'name == "flights"', {"order_by": "name", "project": "default"}),
        ("versions", "name == n", {"order_by": "name", "values": {"n": "flight"}}),
        ("runs", 'name == "flights"', {"order_by": "name"}),
    ],
)
def test_a_token_of_another_search_is_refused(ledger, token, kind, where, options):
    """Another filter, order, project, value or kind names the token and what to do."""
    with pytest.raises(InvalidKeyError, match="another search.*start without a token"):
        ledger.search(kind, where, page_token=token, **options)


def test_the_same_question_in_other_words_goes_on(ledger, token):
    """What counts is what is asked: spaces, quotes and values may differ."""
    page = ledger.search(
        "versions",
        "( name==wanted )",
        order_by=["name"],
        values={"wanted": "flights"},
        page_token=token,
    )

    assert len(page) == 2


def forge(token, *key):
    padded = token + "=" * (-len(token) % 4)
    listing = json.loads(base64.urlsafe_b64decode(padded))[0]
    return base64.urlsafe_b64encode(json.dumps([listing, *key]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "key",
    [
        (),
        ("flights",),
        ("flights", 1, 2),
        (None, 1),
        ("flights", None),
        (1, 1),
        ("flights", "1"),
        ("flights", True),
        ("flights", 2**63),
        ("fli\x00ghts", 1),
        ("\ud800", 1),
        ("flights", [1]),
        ({}, 1),
        ("'; DROP TABLE version; --", "x"),
    ],
)
def test_a_forged_token_is_refused(ledger, token, key):
    """A token with other keys than the order has is refused before anything is asked."""
    with pytest.raises(InvalidKeyError):
        ledger.search(
            "versions", 'name == "flights"', order_by="name", page_token=forge(token, *key)
        )


def test_a_forged_text_is_data(ledger, token):
    """SQL in a token is compared with names like any other text."""
    forged = forge(token, "'; DROP TABLE version; --", 1)

    page = ledger.search("versions", 'name == "flights"', order_by="name", page_token=forged)

    assert len(page) == 3


@pytest.mark.parametrize(
    "wrong", ["", "x", "!!!", "bnVsbA", "W10", "e30", "\ud800", "A" * 10_000, 3]
)
def test_what_is_no_token_is_refused(ledger, wrong):
    """Text that nobody made a token of is named."""
    with pytest.raises(InvalidKeyError):
        ledger.search("versions", "", page_token=wrong)


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "20", None])
def test_a_page_has_a_limit(ledger, limit):
    """A limit beside 1 to 1000 is named."""
    with pytest.raises(InputError, match="1 to 1000"):
        ledger.search("versions", "", limit=limit)


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE version; --",
        '" OR 1=1 --',
        "\\'); DELETE FROM version; --",
        "%' OR '1'='1",
        "$1",
        ":after",
        "%(after_0)s",
        "?",
        "%s",
        "{0}",
        "\\",
        "'" * 99,
    ],
)
def test_sql_in_a_value_is_data(ledger, make, text):
    """SQL in every place of a value finds what is called so, and nothing else happens."""
    odd = make.save(ledger, metadata={text: text, "list": [text]}, description=text)
    make.save(ledger, metadata={"x": 1})
    values = {"v": text}

    for where in (
        "description == v",
        "description in [v]",
        "v in description",
        "description.startswith(v)",
        "description.endswith(v)",
        "metadata[v] == v",
        "metadata[v] in [v, 1]",
        "v in metadata",
        "v in metadata[v]",
        'v in metadata["list"]',
        "metadata[v].contains(v)",
    ):
        assert [one.id for one in ledger.search("versions", where, values=values)] == [odd.id], (
            where
        )
    for where in (
        "name == v",
        "v in tags",
        "used_by_run(v)",
        "produced_by_task(v)",
        "v in aliases",
    ):
        assert list(ledger.search("versions", where, values=values)) == []
    first, _ = ledger.search("versions", "", order_by=f"metadata[{text!r}]")
    assert first.id == odd.id
    assert len(ledger.search("versions")) == 2


def test_the_largest_questions_are_answered(ledger, make):
    """Ten thousand values, five hundred conditions and a path of odd keys are one statement."""
    odd = {'"': {'"': {"\\": {"\n": 7}}}}
    saved = make.save(ledger, metadata=odd)
    many = [f"id-{number}" for number in range(9_999)]
    conditions = " or ".join([f"version == {number}" for number in range(1, 501)])
    path = 'metadata["\\""]["\\""]["\\\\"]["\\n"]'

    for where, values in (
        ("id in ids", {"ids": [*many, saved.id]}),
        ("not (id not in ids)", {"ids": {*many, saved.id}}),
        (conditions, None),
        (f"not ({conditions.replace('==', '!=').replace(' or ', ' and ')})", None),
        (f"{path} == 7", None),
        ("(" * 40 + "version == 1" + ")" * 40, None),
    ):
        assert [one.id for one in ledger.search("versions", where, values=values)] == [saved.id]


def test_there_are_four_kinds(ledger):
    """Another kind of record is named with what comes near."""
    with pytest.raises(InputError, match="did you mean 'versions'"):
        ledger.search("version")
