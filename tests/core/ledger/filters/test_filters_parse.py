"""What a filter may say, and how it says where it fails."""

from __future__ import annotations

import pickle
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artifact_plugins.errors import InputError, QueryError
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


def parse(text, values=None, kind=VERSIONS):
    return parse_filter(text, kind, values)


def refused(text, values=None, kind=VERSIONS):
    with pytest.raises(QueryError) as caught:
        parse(text, values, kind)
    return caught.value


def below(error):
    """Return the part of the expression that the carets stand under."""
    expression, carets = error.picture.split("\n")
    start = carets.index("^")
    return expression[start : start + carets.count("^")]


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


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('nam == "model"', "nam", "versions have no field 'nam'; did you mean 'name'?"),
        ('name == "a" and tag == "b"', "tag", "did you mean 'tags'"),
        ('"x" in tagz', "tagz", "did you mean 'tags'?"),
        ("version == 'three'", "'three'", "'version' is a number field"),
        ("version == True", "True", "'version' is a number field"),
        ("name == 3", "3", "put quotes around text"),
        ("is_directory == 1", "1", "write True or False"),
        ("is_directory < True", "is_directory", "there is no order"),
        ('created_at > "yesterday"', '"yesterday"', "'yesterday' is no time"),
        ('created_at > "2026-13-01"', '"2026-13-01"', "is no time"),
        ("created_at > 3", "3", "'created_at' is a time field"),
        ('metadata["a"] > date("2026-01-01")', 'date("2026-01-01")', "JSON has no times"),
        ('save_type == "manuel"', '"manuel"', "did you mean 'manual'?"),
        ('tags == "a"', "tags", 'use "label" in tags'),
        ('tags == ["a"]', "tags", 'use "label" in tags'),
        ("metadata == 3", "metadata", 'use metadata["key"]'),
        ("metadata.rmse < 3", "metadata.rmse", 'metadata["rmse"] is a place in it'),
        ('metadata["a"] == [1]', "[1]", "use 'in'"),
        ("version < None", "None", "nothing is before or after None"),
        ("version is 3", "3", "'==' compares"),
        ("1 == 2", "1", "compares two values"),
        ("3", "3", "a value alone is no filter"),
        ('"name"', '"name"', "a value alone is no filter"),
        ("name = 'a'", "=", "'==' compares"),
        ("name == 'a' && version == 1", "&", "written as in Python"),
        ("name LIKE 'a%'", "LIKE", "written as in Python"),
        ("name == 'a' & is_directory", "'a' & is_directory", "joined by 'and'"),
        ("(name == 'a') | (version == 1)", "(name == 'a') | (version == 1)", "joined by 'or'"),
        ("name ==", "", "invalid syntax"),
        ('name == "ü" and', "", "invalid syntax"),
        ("name == 'a", "'", "unterminated"),
        ("(name == 'a'", "(", "never closed"),
        ("name == 'a' # all", "# all", "no comments"),
        (r"name == '\d'", r"\d", "is no escape"),
        ("unused", "unused", "write unused()"),
        ("unused(1)", "unused(1)", "takes 0 values"),
        ("used_by_run()", "used_by_run()", "takes 1 values"),
        ("used_by_run(name)", "name", "here stands text"),
        ("uzed()", "uzed", "did you mean 'unused'?"),
        ('name.startwith("a")', "name.startwith", "did you mean 'startswith'"),
        ("name.lower() == 'A'", "'A'", "write small letters"),
        ("version.lower() == 'a'", "version", "only text has letters"),
        ('version.startswith("a")', '"a"', "a number field, not text"),
        ('matches(uri, "[a-z]")', '"[a-z]"', "[[]"),
        ('matches(uri, "*a*a*a*a*a*a*a*a*a*")', '"*a*a*a*a*a*a*a*a*a*"', "stars"),
        ("name in 'abc'", "'abc'", "'in' asks for a list"),
        ("name in tags", "name", "before 'in' stands one value"),
        ("3 in tags", "3", "are texts"),
        ("3 in version", "version", "nothing is in 'version'"),
        ("version in [[1]]", "[1]", "plain values"),
        ("metadata[1.5] is None", "1.5", "a key or a position"),
        ("metadata['a':'b'] is None", "'a':'b'", "a key or a position"),
        ("metadata[99999999999] is None", "99999999999", "no list is that long"),
        ("version == item_count == name", "name", "not compared with"),
        ("ü == 1 and nam == 2", "ü", "no field 'ü'"),
    ],
)
def test_an_error_points_at_its_place(text, place, words):
    """The message names what is wrong, and the carets stand under it."""
    error = refused(text)

    assert words in str(error)
    assert below(error) == place
    assert str(error).endswith(error.picture)
    assert text[error.column - 1 :].startswith(place[:1])


def test_an_error_is_an_input_error_that_pickles():
    """`QueryError` is a ValueError of its own; its picture survives a worker's way home."""
    error = refused("nam == 1")

    again = pickle.loads(pickle.dumps(error))

    assert isinstance(error, InputError) and isinstance(error, ValueError)
    assert str(again) == str(error)
    assert str(error) == (
        "versions have no field 'nam'; did you mean 'name'?\n    nam == 1\n    ^^^"
    )


def test_carets_stand_right_under_wide_and_combining_characters():
    """East Asian characters take two columns, combining marks none."""
    error = refused('name == "日本e\u0301" and nam == 1')

    expression, carets = error.picture.split("\n")

    assert carets == "    " + " " * 20 + "^^^"
    assert expression.endswith("nam == 1")


def test_a_long_expression_is_shown_around_the_caret():
    """Of an expression of thousands of characters, a hundred are shown."""
    error = refused(" or ".join([*["version == 1"] * 200, "nam == 1", *["version == 2"] * 200]))

    expression, _ = error.picture.split("\n")

    assert len(expression) < 120
    assert expression.strip().startswith("...") and expression.endswith("...")
    assert below(error) == "nam"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch owned')",
        "().__class__.__bases__[0].__subclasses__()",
        "name.__class__ == 'a'",
        "metadata.__getitem__('a') == 1",
        "metadata['a'].__class__",
        "name.startswith.__self__ == 'a'",
        "open('owned', 'w')",
        "exec('1')",
        "lambda: 1",
        "(lambda: name)() == 'a'",
        "[x for x in tags]",
        "{x for x in tags} == 1",
        "{x: 1 for x in tags}",
        "any(x == 'a' for x in tags)",
        "(name := 'a') == 'a'",
        "f'{name}' == 'a'",
        "name == f'{1}'",
        "name == 'a' if True else False",
        "name == b'a'",
        "name == ...",
        "version == 1j",
        "version == 1 + 1",
        "version ** 2 == 1",
        "name % 'a' == 'b'",
        "~is_directory",
        "-name == 'a'",
        "not not",
        "await name",
        "yield name",
        "*tags",
        "print(*tags)",
        "startswith(name, text='a')",
        "used_by_run(*['a'])",
        "used_by_run('a')('b')",
        "version == 99999999999999999999",
        "version == -9223372036854775809",
        "version == 1e999",
        "version == -1e999",
        "version == nan",
        "version == float('nan')",
        "version == " + "9" * 5_000,
        "name == '\\x00'",
        "name == '\\ud800'",
        "name == '\ud800'",
        "name == '\x00'",
        "name == '\x1b[2J'",
        "name == '''a\nb'''",
        "name; DROP TABLE version",
        "name == 'a'; DROP TABLE version; --",
        "1=1) OR (1=1",
        "import os",
        "name == 'a'\nimport os",
        "global name",
        "{'a': 1}['a'] == 1",
        "{} in tags",
        "metadata[name] == 1",
        "metadata[tags[0]] == 1",
        "metadata[...] == 1",
        "metadata['a', 'b'] == 1",
        "name['a'] == 1",
        "'abc'[0] == 'a'",
        "(" * 150 + "version" + ")" * 150 + " == 1) ",
        "(" * 300 + "version" + ")" * 300,
        "not " * 2_000 + "unused()",
        "-" * 9_000 + "1 == version",
        "metadata" + "['a']" * 1_500 + " == 1",
        "version == " + "1 + " * 2_000 + "1",
        " or ".join(["unused()"] * 600),
        "0 < version" + " < 1 < version" * 300,
        "name.startswith((" + "'a'," * 600 + "))",
        "version in [" + "1," * 3_000 + "]",
        "a" * 20_000,
        "lambda x=" * 1_000 + "1: 1",
    ],
)
def test_nothing_but_the_grammar_is_taken(text):
    """Code, SQL, odd characters and too much of anything are refused by name, and do nothing."""
    error = refused(text)

    assert len(str(error)) < 1_000
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    "values",
    [
        {"name": "a"},
        {"unused": "a"},
        {"not a name": "a"},
        {"producer": "a", "name": "b"},
        {"v": object()},
        {"v": {"a": 1}},
        {"v": [[1]]},
        {"v": b"a"},
        {"v": 2**63},
        {"v": float("nan")},
        {"v": "\ud800"},
        {"v": ["\x00"]},
        {"v": 1j},
        {"w": 1},
    ],
)
def test_values_that_cannot_be_used_are_refused(values):
    """A value of a taken name, of another type, or that the filter never mentions is an error."""
    with pytest.raises(QueryError):
        parse("version == v", {"v": 1} | values)


def test_lists_are_bounded_together():
    """Ten thousand values are enough for one question."""
    many = list(range(6_000))

    assert parse("version in many", {"many": many})
    assert "ask in parts" in str(refused("version in many or version in many", {"many": many}))


@pytest.mark.parametrize("text", [None, 3, b"name == 'a'", ["name == 'a'", 3]])
def test_a_filter_is_text(text):
    """Something else than text is named."""
    if text is None:
        text = [None]
    assert "a filter is text" in str(refused(text))


def test_filters_and_values_have_their_forms():
    """A thousand filters and values without names are refused."""
    assert "more than 20" in str(refused(["True"] * 21))
    assert "by name" in str(refused("version == v", [("v", 1)]))


@given(text=st.text(max_size=80))
@example(text="name == '#'")
@example(text="\\")
@example(text='"' * 3)
def test_any_text_is_a_filter_or_a_query_error(text):
    """No text makes the parser fail in another way."""
    with suppress(QueryError):
        parse(text)


PIECES = [
    *("name", "version", "tags", "metadata", "is_directory", "created_at", "unused", "lower"),
    *(
        "startswith",
        "date",
        "==",
        "!=",
        "<",
        "in",
        "not",
        "is",
        "and",
        "or",
        "None",
        "True",
        "(",
        ")",
    ),
    *(
        "[",
        "]",
        "'a'",
        "'2026-01-01'",
        "1",
        "-",
        "1.5",
        ",",
        ".",
        ":",
        "*",
        "{",
        "}",
        "=",
        "lambda",
        "for",
    ),
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=15))
def test_any_pieces_are_a_filter_or_a_query_error(pieces):
    """Nothing that looks like a filter makes the parser fail in another way."""
    for read in (parse, lambda text: parse_order(text, VERSIONS)):
        with suppress(QueryError):
            read(" ".join(pieces))


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


@pytest.mark.parametrize(
    ("order", "place", "words"),
    [
        ("nam", "nam", "did you mean 'name'"),
        ("tags", "tags", "no order of 'tags'"),
        ("metadata", "metadata", 'metadata["key"] has one'),
        ("'name'", "'name'", "by fields, not by values"),
        ("not name", "not name", "'-' is descending"),
        ("name desc", "desc", "the order is no expression"),
        ("unused()", "unused()", "cannot be compared"),
        ("", None, "the order is empty"),
        ([], None, "names no field"),
        ("()", None, "names no field"),
    ],
)
def test_a_wrong_order_points_at_its_place(order, place, words):
    """An order fails like a filter."""
    with pytest.raises(QueryError) as caught:
        parse_order(order, VERSIONS)

    assert words in str(caught.value)
    assert place is None or below(caught.value) == place
