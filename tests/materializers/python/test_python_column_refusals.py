"""What is refused alone is refused in a table, by the same words; uneven tables are not read."""

from __future__ import annotations

import json
import re
import tracemalloc

import pytest
import python_samples as samples

from artifact_materializers.python.encode import DocumentEncoder
from artifact_materializers.python.equality import deep_equal
from artifact_plugins.errors import LoadFailedError, NotSerializableError

COUNT = 12


def rowwise(value, parts, files) -> bytes:
    """Return the document without any table, as the first version of the format had it."""
    encoder = DocumentEncoder("value", by_rows=True)
    return encoder.encode(value, parts, files, with_classes=True)


def noted() -> samples.Frozen:
    """Return an object with an attribute that is no field."""
    value = samples.Frozen(1)
    value.__dict__["note"] = "lost"
    return value


def opened() -> samples.Open:
    """Return a NamedTuple with an attribute besides its fields."""
    value = samples.Open(1)
    value.more = 2
    return value


REFUSED = {
    "unknown object": (lambda: samples.Node(1, object()), lambda: samples.Node(1)),
    "lock": (lambda: samples.Pair([{"a": re.match("", "")}]), lambda: samples.Pair(1)),
    "class": (lambda: samples.Slotted(int), lambda: samples.Slotted(1)),
    "iterator": (lambda: samples.Single(iter(())), lambda: samples.Single(1)),
    "subclass of int": (lambda: samples.Point(samples.MyInt(1)), lambda: samples.Point(1)),
    "subclass of list": (lambda: samples.Frozen(samples.MyList()), lambda: samples.Frozen([])),
    "list dataclass": (samples.ListLike, lambda: samples.Frozen(1)),
    "extra attribute": (noted, lambda: samples.Frozen(1)),
    "attribute of a NamedTuple": (opened, lambda: samples.Open(1)),
    "descriptor": (lambda: samples.Single(samples.Described(7)), lambda: samples.Single(7)),
    "member made by _missing_": (
        lambda: samples.Single(samples.Guessed(7)),
        lambda: samples.Single(samples.Guessed.KNOWN),
    ),
    "made member itself": (lambda: samples.Guessed(7), lambda: samples.Guessed.KNOWN),
    "unknown key": (lambda: samples.Single({object(): 1}), lambda: samples.Single({"a": 1})),
    "unknown in a model": (
        lambda: samples.Order(number=1, items=[object()]),
        lambda: samples.Order(number=1, items=[1]),
    ),
    "lossy element": (
        lambda: samples.Single(samples.Frame(b"lossy")),
        lambda: samples.Single(samples.Frame(b"fine")),
    ),
}


@pytest.mark.parametrize("place", [0, 5, COUNT - 1])
@pytest.mark.parametrize("name", REFUSED)
def test_refusal_in_the_middle_of_a_column(document, new_files, name, place):
    """Whatever is refused alone is refused in a column, with the same words, index and field."""
    bad, good = REFUSED[name]
    rows = [good() for _ in range(COUNT)]
    rows[place] = bad()
    value = {"a": rows}

    with pytest.raises(Exception, match="value") as expected:
        rowwise(value, document.parts, new_files())
    with pytest.raises(type(expected.value)) as caught:
        document.save_files(value, new_files())

    assert str(caught.value) == str(expected.value)
    assert caught.value.path.startswith(f"value['a'][{place}]")


@pytest.mark.parametrize("name", REFUSED)
def test_columns_without_the_refused_are_stored(document, files, name):
    """The rows around the refused one are fine by themselves (negative control)."""
    document.save_files([REFUSED[name][1]() for _ in range(COUNT)], files)

    assert len(document.load_files(files, list)) == COUNT


def test_first_refusal_is_the_first_by_rows(document, files):
    """Of two refused cells the one in the earlier object is named, not in the earlier field."""
    rows = [samples.Node(1, 2) for _ in range(COUNT)]
    rows[8].value = object()
    rows[3].other = object()

    with pytest.raises(NotSerializableError) as caught:
        document.save_files(rows, files)

    assert caught.value.path == "value[3].other"


def test_class_of_a_function_is_refused_in_a_column(document, files):
    """Objects of a class that cannot be imported are named by the first of them."""
    from dataclasses import make_dataclass

    local = make_dataclass("Local", ["a"])

    with pytest.raises(NotSerializableError, match=r"value\[0\]\.value belongs to class"):
        document.save_files([samples.Node(local(i)) for i in range(COUNT)], files)
    assert files.content == {}


def test_classes_of_a_table_given_up_are_declared_in_order_of_rows(document, new_files):
    """What was declared before a table turned into rows leaves no trace in the document."""
    value = [samples.Node(samples.Single(i), samples.Pair(samples.Foreign(b"f"))) for i in range(9)]
    files = new_files()

    document.save_files([value, [samples.Frozen(i) for i in range(9)]], files)

    tree = json.loads(files.content["value.json"])
    names = [entry["name"].partition(":")[2] for entry in tree["classes"]]
    assert names == ["Node", "Single", "Pair", "Frozen"]
    assert tree["value"][1]["$"] == "rows"
    assert document.load_files(files, list)[0] == value


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (lambda nodes, number: nodes, r"value\[0\]\.other is value again"),
        (lambda nodes, number: nodes[number - 1], "deeper than 100 levels"),
    ],
)
def test_cycle_through_columns_is_named_in_bounded_memory(document, files, link, words):
    """Many objects that refer to each other are refused like two, without copies of them all."""
    nodes = [samples.Node() for _ in range(20_000)]
    for number, node in enumerate(nodes):
        node.other = link(nodes, number)
    tracemalloc.start()

    with pytest.raises(NotSerializableError, match=words):
        document.save_files(nodes, files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert files.content == {}
    assert peak < 8_000_000


def test_deep_rows_are_refused_like_deep_objects(document, new_files):
    """100 levels may be rows; 101 are refused."""
    value = samples.Single(0)
    for _ in range(49):
        value = samples.Single([value, *[samples.Single(0)] * 8])
    document.save_files([value] * 8, files := new_files())

    assert deep_equal(document.load_files(files, list), [value] * 8)
    with pytest.raises(NotSerializableError, match="depth"):
        document.save_files([[value] * 8], new_files())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"fields":["a","b"]', b'"fields":["b","a"]', None),
        (b'"fields":["a","b"]', b'"fields":["a","gone"]', "no longer has field 'gone'"),
        (b'"fields":["a","b"]', b'"fields":["a"]', "has a new field 'b'"),
        (b'"of":0', b'"of":1', "IndexError"),
        (b'"of":0', b'"of":"tuple"', "TypeError"),
        (b'"of":0,', b"", "KeyError"),
        (b'"of":0,"v":[[', b'"of":0,"v":[[7,', "lists of one length"),
        (b'"of":0,"v":[[', b'"of":0,"v":[[0,0,0,0,0,0,0,0],[', "3 columns for 2 fields"),
        (b'"of":0,"v":[[', b'"of":0,"v":["01234567",[', "lists of one length"),
        (b'"of":0,"v":', b'"of":0,"v":[],"w":', "lists of one length"),
        (b'"of":0,"v":', b'"of":0,"v":5,"w":', "TypeError"),
    ],
)  # fmt: skip
def test_table_that_does_not_fit_its_class_is_named(document, files, old, new, words):
    """Fields are found by name; columns that are too many, too few or uneven are an error."""
    document.save_files([samples.Frozen(i, -i) for i in range(8)], files)
    assert old in files.content["value.json"]
    files.content["value.json"] = files.content["value.json"].replace(old, new)

    if words is None:
        assert document.load_files(files, list) == [samples.Frozen(-i, i) for i in range(8)]
        return
    with pytest.raises(LoadFailedError, match=words):
        document.load_files(files, list)


def test_member_that_is_gone_is_named_in_a_column(document, files):
    """An enum that lost a member is named with the member."""
    document.save_files([samples.Color.RED] * 9, files)
    files.content["value.json"] = files.content["value.json"].replace(b'"RED"]', b'"GREEN"]')

    with pytest.raises(LoadFailedError, match="Color' has no member 'GREEN'"):
        document.load_files(files, list)
