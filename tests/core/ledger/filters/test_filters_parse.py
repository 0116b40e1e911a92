"""What a filter and an order may say, and the tree that each becomes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from filter_texts import parse, refused

from artifact_plugins.errors import QueryError
from artifact_plugins.ledger.filters.fields import KINDS, LINKS, TASKS, VERSIONS
from artifact_plugins.ledger.filters.parse import parse_filter, parse_order
from artifact_plugins.ledger.filters.tree import (
    And,
    Column,
    Compare,
    Constant,
    Holds,
    IsNone,
    Linked,
    Literal,
    Lower,
    Not,
    OneOf,
    Or,
    SortKey,
    Text,
    Truth,
)
from artifact_plugins.ledger.filters.tree import Path as Place

DAY = datetime(2026, 1, 2, tzinfo=UTC)
MICROSECONDS = int(DAY.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Constant(True)),
        ("  \n", Constant(True)),
        ("True", Constant(True)),
        ('name == "a"', Compare(Column("name"), "==", Literal("a"))),
        ('"a" == name', Compare(Column("name"), "==", Literal("a"))),
        ('name != "a"', Not(Compare(Column("name"), "==", Literal("a")))),
        ("3 < version", Compare(Column("version"), ">", Literal(3))),
        ("-3 <= version", Compare(Column("version"), ">=", Literal(-3))),
        (
            "1 < version <= 3",
            And(
                (
                    Compare(Column("version"), ">", Literal(1)),
                    Compare(Column("version"), "<=", Literal(3)),
                )
            ),
        ),
        ("item_count is None", IsNone(Column("item_count"))),
        ("item_count == None", IsNone(Column("item_count"))),
        ("item_count is not None", Not(IsNone(Column("item_count")))),
        ("None != item_count", Not(IsNone(Column("item_count")))),
        ('"x" in tags', Holds(Column("tags"), "x")),
        ('"x" not in aliases', Not(Holds(Column("aliases"), "x"))),
        ('"x" in name', Text(Column("name"), "contains", "x")),
        ('contains(name, "x")', Text(Column("name"), "contains", "x")),
        ('name.startswith("x")', Text(Column("name"), "startswith", "x")),
        (
            'endswith(uri, ("x", "y"))',
            Or((Text(Column("uri"), "endswith", "x"), Text(Column("uri"), "endswith", "y"))),
        ),
        ('matches(uri, "*[*].b?")', Text(Column("uri"), "matches", "*[*].b?")),
        ('"x" in name.lower()', Text(Lower(Column("name")), "contains", "x")),
        ('name in ["a", "b", "a"]', OneOf(Column("name"), ("a", "b"))),
        (
            "item_count in (1, None)",
            Or((IsNone(Column("item_count")), OneOf(Column("item_count"), (1,)))),
        ),
        ("version in []", OneOf(Column("version"), ())),
        ('metadata["a"]["b"][0] == 1', Compare(Place("metadata", ("a", "b", 0)), "==", Literal(1))),
        ('metadata["a"][-1] is None', IsNone(Place("metadata", ("a", -1)))),
        ('"k" in metadata', Holds(Place("metadata", ()), "k")),
        ('metadata["a"]', Truth(Place("metadata", ("a",)))),
        ("not is_directory", Not(Truth(Column("is_directory")))),
        ('created_at > "2026-01-02"', Compare(Column("created_at"), ">", Literal(MICROSECONDS))),
        (
            'created_at > date("2026-01-02")',
            Compare(Column("created_at"), ">", Literal(MICROSECONDS)),
        ),
        (
            'created_at > "2026-01-02T01:00:00+01:00"',
            Compare(Column("created_at"), ">", Literal(MICROSECONDS)),
        ),
        ("updated_at > created_at", Compare(Column("updated_at"), ">", Column("created_at"))),
        ("unused()", Linked("unused", ())),
        ('used_by_run("r")', Linked("used_by_run", ("r",))),
        ('name == "cafe\u0301"', Compare(Column("name"), "==", Literal("caf\xe9"))),
        (
            'metadata["a"] == "cafe\u0301"',
            Compare(Place("metadata", ("a",)), "==", Literal("cafe\u0301")),
        ),
        (
            'name == "a"\n  or name == "b"',
            Or(
                (
                    Compare(Column("name"), "==", Literal("a")),
                    Compare(Column("name"), "==", Literal("b")),
                )
            ),
        ),
    ],
)
def test_a_filter_becomes_a_tree(text, expected):
    """Each part of the grammar has its node, whatever side the field is on."""
    assert parse(text) == expected


def test_each_kind_has_its_fields_and_functions():
    """Links know their producers, tasks their runs, and versions know neither."""
    assert parse('producer.task_name == "a"', kind=LINKS) == Compare(
        Column("producer.task_name"), "==", Literal("a")
    )
    assert parse('of_run("a")', kind=TASKS) == Linked("of_run", ("a",))
    assert "no field 'producer.task_name'" in str(refused('producer.task_name == "a"'))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_can_be_asked_for(kind):
    """Every field of a kind is None, or not, and every kind has an order."""
    for name, field in kind.fields.items():
        if field.type not in ("labels", "object"):
            parse_filter(f"{name} is None", kind)
    assert parse_order(kind.order, kind)


class Color(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("it's", "it's"),
        (Color.RED, "red"),
        ("' OR 1=1 --", "' OR 1=1 --"),
    ],
)
def test_values_are_handed_over_beside_the_text(value, expected):
    """A value needs no quotes and means nothing but itself."""
    assert parse("name == wanted", {"wanted": value}) == Compare(
        Column("name"), "==", Literal(expected)
    )


def test_lists_and_times_are_handed_over():
    """A set of ids, a date and an aware or naive time are values too."""
    many = {str(number) for number in range(1_000)}
    elsewhere = datetime(2026, 1, 2, 2, tzinfo=timezone(timedelta(hours=2)))

    found = parse("id in ids", {"ids": many})

    assert set(found.values) == many
    for value in (date(2026, 1, 2), DAY, DAY.replace(tzinfo=None), elsewhere):
        assert parse("created_at == at", {"at": value}).right == Literal(MICROSECONDS)


def test_several_filters_must_all_hold():
    """A list of filters is joined by `and`; a bracket of one cannot close that of another."""
    assert parse(['name == "a"', "", "version == 1"]) == And(
        (Compare(Column("name"), "==", Literal("a")), Compare(Column("version"), "==", Literal(1)))
    )
    with pytest.raises(QueryError):
        parse(["version == 1) or (True", "False"])


def test_lists_are_bounded_together():
    """Ten thousand values are enough for one question."""
    many = list(range(6_000))

    assert parse("version in many", {"many": many})
    assert "ask in parts" in str(refused("version in many or version in many", {"many": many}))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", [SortKey(Column("name"), False)]),
        ("-name, version", [SortKey(Column("name"), True), SortKey(Column("version"), False)]),
        (["-name", "version"], [SortKey(Column("name"), True), SortKey(Column("version"), False)]),
        ('-metadata["a, b"][0]', [SortKey(Place("metadata", ("a, b", 0)), True)]),
        ("+name.lower()", [SortKey(Lower(Column("name")), False)]),
    ],
)
def test_an_order_becomes_keys(order, expected):
    """Keys are separated by commas or are a list; `-` is descending."""
    assert list(parse_order(order, VERSIONS)) == expected
