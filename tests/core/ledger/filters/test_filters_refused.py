"""What no filter and no order may say: the error points at its place, and nothing is done."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path

import pytest
from filter_texts import below, parse, refused
from hypothesis import example, given
from hypothesis import strategies as st

from artifact_plugins.errors import InputError, QueryError
from artifact_plugins.ledger.filters.fields import VERSIONS
from artifact_plugins.ledger.filters.parse import parse_order


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
