"""Objects of users' classes: every family comes back, code of the class is not run."""

from __future__ import annotations

import math

import pytest
import python_samples as samples

from artifact_materializers.python.equality import deep_equal
from artifact_plugins.errors import (
    LoadFailedError,
    NotSerializableError,
    PayloadClassNotFoundError,
)


def computed() -> samples.Computed:
    """Return an object whose fields were set after `__post_init__`."""
    value = samples.Computed(2)
    value.total, value.label = -1, "late"
    return value


def guarded() -> samples.Guarded:
    """Return an object that was made around its own `__setattr__`."""
    value = object.__new__(samples.Guarded)
    value.__dict__["secret"] = 7
    return value


def partial() -> samples.Slotted:
    """Return an object with an empty slot."""
    value = object.__new__(samples.Slotted)
    value.b = 5
    return value


OBJECTS = [
    samples.Color.RED, samples.Color.CRIMSON, samples.Color.BLUE, samples.Mode.FAST,
    samples.Level.HIGH, samples.Right.READ, samples.Right.READ | samples.Right.WRITE,
    samples.Right(0), samples.Bits.ONE | samples.Bits.TWO, samples.Bits(64),
    samples.Pair(1, (2,)), samples.Classic(1, {"x": 2}), samples.Open(1), samples.Pair(math.nan),
    samples.Record(1, "a", math.inf, ["x"], {"y": 2}), samples.Node(), samples.Slotted(1),
    samples.Frozen(1), samples.Single((1, 2)), samples.Empty(), samples.Derived(3, 4),
    samples.Undecorated(5), samples.Generic1("g"), computed(), guarded(), partial(),
    samples.Point(1, hidden=2), samples.Still(1), samples.Hashed(1), samples.HashedDict(1),
    samples.Order(number=1), samples.Order(number=1, items=[(1, 2)], note=None),
    samples.Order.model_construct(number="not validated", items={1}),
    samples.Order.model_construct(note="incomplete"), samples.Loose(a=1),
    samples.Loose(a=math.nan, extra_1=(1,), extra_2=2), samples.Numbers([1, 2]),
    samples.Nested(order=samples.Order(number=1), pair=samples.Pair(1), color=samples.Color.RED),
]  # fmt: skip


def shown(value: object) -> str:
    """Return the class name of a parametrized value."""
    return type(value).__name__


@pytest.mark.parametrize("value", OBJECTS, ids=shown)
def test_object_comes_back_equal_with_its_class(round_trip, value):
    """Objects of every family load with the same class and the same state."""
    loaded = round_trip(value)

    assert type(loaded) is type(value)
    assert deep_equal(loaded, value)


@pytest.mark.parametrize("value", OBJECTS, ids=shown)
def test_objects_come_back_inside_each_other(round_trip, value):
    """Every object survives as a field of every family that has fields, and in containers."""
    holders = [
        samples.Node(value), samples.Slotted(value, value), samples.Frozen((value,)),
        samples.Point(value), samples.Pair(value, [value]), samples.Loose(a=value, more={1: value}),
        {"k": value}, (value,), [value, value],
    ]  # fmt: skip

    loaded = round_trip(holders)

    assert deep_equal(loaded, holders)


@pytest.mark.parametrize("value", OBJECTS, ids=shown)
def test_equal_objects_have_equal_bytes(document, new_files, round_trip, value):
    """What was loaded is written as the very same bytes again."""
    first, second = new_files(), new_files()

    document.save_files(value, first)
    document.save_files(round_trip(value), second)

    assert first.content == second.content


def test_post_init_is_not_run(round_trip):
    """Loading a dataclass sets its fields and calls nothing of the class."""
    value = computed()
    samples.Computed.calls.clear()

    loaded = round_trip(value)

    assert (loaded.given, loaded.total, loaded.label) == (2, -1, "late")
    assert samples.Computed.calls == []


def test_cached_properties_are_computed_again(round_trip):
    """What a cached property keeps is no state: it is left out and not refused."""
    values = [samples.Computed(3), samples.Point(4), samples.Hashed(1), samples.HashedDict(2)]
    before = [values[0].slow, values[1].norm, hash(values[2]), hash(values[3])]

    loaded = round_trip(values)

    assert [loaded[0].slow, loaded[1].norm, hash(loaded[2]), hash(loaded[3])] == before


def test_pydantic_state_is_kept(round_trip):
    """Fields set, extra values and private attributes of a model come back."""
    value = samples.Loose(a=1, more=2)
    value._seen = [3]

    loaded = round_trip(value)

    assert loaded.model_fields_set == {"a", "more"}
    assert (loaded.model_extra, loaded._seen) == ({"more": 2}, [3])
    assert round_trip(samples.Order(number=1)).model_fields_set == {"number"}


def test_objects_of_one_class_name_it_once(document, files):
    """A class is written once per document, whatever the number of its objects."""
    document.save_files([samples.Pair(1), [samples.Pair(2)]], files)

    text = bytes(files.buffer("value.json"))

    assert text == (
        b'{"classes":[{"$":"class","kind":"namedtuple","name":"python_samples:Pair",'
        b'"fields":["left","right"]}],"value":[{"$":0,"v":[1,null]},[{"$":0,"v":[2,null]}]]}'
    )


def test_field_order_may_change(document, files):
    """Fields are found by name: a class that reorders them still loads."""
    document.save_files([samples.Pair(1, 2), samples.Frozen(3, 4)], files)
    text = files.content["value.json"]
    text = text.replace(b'["left","right"]', b'["right","left"]').replace(
        b'["a","b"]', b'["b","a"]'
    )
    files.content["value.json"] = text

    loaded = document.load_files(files, list)

    assert loaded == [samples.Pair(2, 1), samples.Frozen(4, 3)]


@pytest.mark.parametrize(
    ("value", "old", "new", "error", "words"),
    [
        (samples.Frozen(1), b'"a","b"', b'"a","gone"', LoadFailedError, "Frozen' no longer has field 'gone'"),
        (samples.Frozen(1), b'"a","b"', b'"a"', LoadFailedError, "Frozen' has a new field 'b'"),
        (samples.Still(1), b'"x","y"', b'"x"', LoadFailedError, "Still' has a new field 'y'"),
        (samples.Pair(1), b'"left","right"', b'"left","z"', LoadFailedError, "Pair' no longer has field 'z'"),
        (samples.Order(number=1), b'"note"', b'"memo"', LoadFailedError, "Order' no longer has field 'memo'"),
        (samples.Color.RED, b'"v":"RED"', b'"v":"GREEN"', LoadFailedError, "Color' has no member 'GREEN'"),
        (samples.Right(3), b'"bits":3', b'"bits":64', LoadFailedError, "Right' has no member 64"),
        (samples.Frozen(1), b":Frozen", b":Thawed", PayloadClassNotFoundError, "python_samples:Thawed"),
        (samples.Frozen(1), b"python_samples", b"python_gone", PayloadClassNotFoundError, "python_gone"),
        (samples.Frozen(1), b"python_samples:Frozen", b"subprocess:Popen", LoadFailedError, "is no dataclass"),
        (samples.Color.RED, b"python_samples:Color", b"builtins:dict", LoadFailedError, "is no enum"),
        (samples.Frozen(1), b"python_samples:Frozen", b"os:system", PayloadClassNotFoundError, "not a class"),
        (samples.Frozen(1), b'"kind":"dataclass"', b'"kind":"pickle"', LoadFailedError, "is no pickle"),
    ],
)  # fmt: skip
def test_changed_class_is_named(document, files, value, old, new, error, words):
    """A class that lost or gained a field or a member, or is gone, is named; nothing is guessed."""
    document.save_files(value, files)
    assert old in files.content["value.json"]
    files.content["value.json"] = files.content["value.json"].replace(old, new)

    with pytest.raises(error) as caught:
        document.load_files(files, object)

    assert words in str(caught.value)
    assert caught.value.hint or error is PayloadClassNotFoundError


def test_attribute_that_is_no_field_is_refused_by_name(document, files):
    """An attribute set besides the declared fields would be lost, so it is refused."""
    value = samples.Frozen(1)
    value.__dict__["note"] = "lost"
    nested = samples.Open(1)
    nested.more = 2

    with pytest.raises(NotSerializableError, match=r"value\[1\] has the attribute 'note'"):
        document.save_files([1, value], files)
    with pytest.raises(NotSerializableError, match="value has the attribute 'more'"):
        document.save_files(nested, files)
    assert files.content == {}


def test_class_that_cannot_be_imported_is_refused_with_a_hint(document, files, monkeypatch):
    """Classes of functions, of the running script, and shadowed ones are refused when saving."""
    from dataclasses import make_dataclass

    local = make_dataclass("Local", ["a"])
    local.__module__, local.__qualname__ = "python_samples", "make.<locals>.Local"
    script = make_dataclass("Script", ["a"])
    script.__module__ = "__main__"
    shadowed = make_dataclass("Frozen", ["a"])
    shadowed.__module__ = "python_samples"
    words = ["inside a function", "__main__", "another class has that path"]

    for cls, word in zip([local, script, shadowed], words, strict=True):
        with pytest.raises(NotSerializableError, match=rf"value\['x'\] .*{word}") as caught:
            document.save_files({"x": cls(1)}, files)
        assert "module that can be imported" in caught.value.hint
