"""What cannot be stored is refused with its path; what is no document is not read."""

from __future__ import annotations

import io
import socket
import sqlite3
import ssl
import sys
import threading
import types
import weakref
from collections import OrderedDict, defaultdict
from ctypes import c_int, pointer

import pytest
import python_samples as samples

from artifact_plugins.errors import (
    LoadFailedError,
    LossyConversionError,
    NotSerializableError,
    ResourceLimitError,
)


def _pass(value):
    return value


@pytest.fixture
def unstorable():
    """Return the objects of the fault catalogue, and close them."""
    connection, plug = sqlite3.connect(":memory:"), socket.socket()
    yield {
        "lock": threading.Lock(),
        "generator": (i for i in ()),
        "socket": plug,
        "weakref": weakref.ref(samples.Color),
        "thread": threading.Thread(),
        "frame": sys._getframe(),
        "sqlite": connection,
        "ssl": ssl.create_default_context(),
        "file": io.StringIO(),
        "pointer": pointer(c_int(1)),
        "proxy": types.MappingProxyType({}),
        "memoryview": memoryview(b""),
        "keys": {}.keys(),
        "class": samples.Color,
        "function": _pass,
        "module": types,
        "int subclass": samples.MyInt(1),
        "list subclass": samples.MyList(),
        "list dataclass": samples.ListLike(),
        "defaultdict": defaultdict(lambda: 1),
        "object": object(),
    }
    connection.close()
    plug.close()


NAMES = [
    "lock", "generator", "socket", "weakref", "thread", "frame", "sqlite", "ssl", "file",
    "pointer", "proxy", "memoryview", "keys", "class", "function", "module", "int subclass",
    "list subclass", "list dataclass", "defaultdict", "object",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_unstorable_object_is_named_by_path(document, files, unstorable, name):
    """An object that cannot be stored is refused with the path people would write."""
    value = {"a": [1, 2, 3, samples.Node(other=unstorable[name])]}

    with pytest.raises(NotSerializableError) as caught:
        document.save_files(value, files)

    assert caught.value.path == "value['a'][3].other"
    assert str(caught.value).startswith("value['a'][3].other ")
    assert caught.value.hint
    assert "value.json" not in files.content


def test_the_same_value_without_the_object_is_stored(document, files):
    """The value around the refused objects is fine by itself (negative control)."""
    document.save_files({"a": [1, 2, 3, samples.Node(other=None)]}, files)

    assert files.names() == ("value.json",)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda bad: [bad], "value[0]"),
        (lambda bad: (1, bad), "value[1]"),
        (lambda bad: {"k": bad}, "value['k']"),
        (lambda bad: {7: bad}, "value[7]"),
        (lambda bad: {(1, 2): bad}, "value.values()[0]"),
        (lambda bad: {bad: 1}, "value.keys()[0]"),
        (lambda bad: OrderedDict(x=bad), "value['x']"),
        (lambda bad: {"k" * 90: bad}, f"value['{'k' * 40}...']"),
        (lambda bad: {bad, 1}, "value{...}"),
        (lambda bad: samples.Pair(bad), "value.left"),
        (lambda bad: samples.Slotted(bad), "value.a"),
        (lambda bad: samples.Point(bad), "value.x"),
        (lambda bad: samples.Loose(a=1, more=bad), "value.more"),
        (lambda bad: slice(1, bad), "value.stop"),
        (lambda bad: [[], {"a": ({}, [bad])}], "value[1]['a'][1][0]"),
    ],
)
def test_path_is_written_as_in_python(document, files, make, path):
    """Paths read like the expression that leads to the object."""
    with pytest.raises(NotSerializableError) as caught:
        document.save_files(make(object()), files)

    assert caught.value.path == path


def test_error_of_another_materializer_gets_the_path(document, files):
    """What the materializer of an element raises keeps its class and gains the path."""
    value = {"frames": [samples.Frame(b"fine"), samples.Frame(b"lossy")]}

    with pytest.raises(LossyConversionError) as caught:
        document.save_files(value, files)

    assert str(caught.value) == "value['frames'][1]: column 'a' would lose its name; rename it"


def test_cycle_is_named(document, files):
    """A value that contains itself is refused with both ends of the cycle."""
    inner: list = [1]
    inner.append({"up": inner})
    node = samples.Node()
    node.other = (node,)

    with pytest.raises(NotSerializableError, match=r"value\[0\]\[1\]\['up'\] is value\[0\] again"):
        document.save_files([inner], files)
    with pytest.raises(NotSerializableError, match=r"value.other\[0\] is value again"):
        document.save_files(node, files)


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {1: v}, samples.Node])
def test_depth_of_100_is_the_limit(document, new_files, wrap):
    """100 levels of any container are stored and loaded; 101 are refused."""
    value = 0
    for _ in range(100):
        value = wrap(value)
    document.save_files(value, files := new_files())

    assert document.equal(document.load_files(files, object), value)
    with pytest.raises(NotSerializableError, match="depth"):
        document.save_files(wrap(value), new_files())


def test_endless_depth_is_refused_without_a_crash(document, files):
    """100,000 levels are an error with a name, not a RecursionError."""
    value: list = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(NotSerializableError, match="deeper than 100 levels"):
        document.save_files(value, files)
    assert files.content == {}


def test_shared_objects_are_no_cycle(document, files):
    """An object that occurs twice is stored twice."""
    shared = [1]

    document.save_files([shared, {"a": shared}], files)

    assert document.load_files(files, list) == [[1], {"a": [1]}]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", LoadFailedError),
        (b"{}", LoadFailedError),
        (b"5", LoadFailedError),
        (b'{"value":NaN}', LoadFailedError),
        (b'{"value":{"$":"float","v":"xx"},"x":NaN}', LoadFailedError),
        (b'{"value":', LoadFailedError),
        (b'\xff{"value":1}', LoadFailedError),
        (b'{"value":{"$":"nope"}}', LoadFailedError),
        (b'{"value":{"$":0,"v":[]}}', LoadFailedError),
        (b'{"value":{"$":[]}}', LoadFailedError),
        (b'{"value":{"$":"tuple"}}', LoadFailedError),
        (b'{"value":{"$":"tuple","v":7}}', LoadFailedError),
        (b'{"value":{"$":"bytes","v":"?"}}', LoadFailedError),
        (b'{"value":{"$":"dict","v":[[1]]}}', LoadFailedError),
        (b'{"value":{"$":"dict","v":[[1,2],[1,3]]}}', LoadFailedError),
        (b'{"value":{"$":"set","v":[1,1]}}', LoadFailedError),
        (b'{"value":{"$":"set","v":[[]]}}', LoadFailedError),
        (b'{"value":{"$":"pattern","v":"(","flags":0}}', LoadFailedError),
        (b'{"value":{"$":"date","v":"2020-13-01"}}', LoadFailedError),
        (b'{"value":{"$":"zoneinfo","v":"../etc/passwd"}}', LoadFailedError),
        (b'{"value":{"$":"fraction","v":[1,0]}}', LoadFailedError),
        (b'{"value":{"$":"decimal","v":"x"}}', LoadFailedError),
        (b'{"value":' + b"[" * 400 + b"]" * 400 + b"}", ResourceLimitError),
        (b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ResourceLimitError),
        (b'{"value":' + b'{"$":' * 400 + b"1" + b"}" * 401, ResourceLimitError),
        (b'{"value":' + b'["]",' * 9_000 + b'"["]' * 9_000 + b"}", ResourceLimitError),
        (b'{"value":' + b"9" * 5_000 + b"}", ResourceLimitError),
    ],
)
def test_text_that_is_no_document_is_a_named_error(document, files, text, error):
    """Damaged, hostile and foreign texts end in one of two errors, with a hint."""
    files.content["value.json"] = text

    with pytest.raises(error) as caught:
        document.load_files(files, object)

    assert type(caught.value) is error
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        '{"value":{"$":"defaultdict","factory":"os:system","v":[]}}',
        '{"value":{"$":"defaultdict","factory":"python_samples:factory","v":[]}}',
        '{"classes":[{"$":"class","kind":"dataclass","name":"builtins:eval","fields":[]}],"value":1}',
        '{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Frozen","fields":["a","b"]}],'
        '"value":{"$":0,"some":[["__class__",1]]}}',
    ],
)
def test_document_cannot_name_code_to_call(document, files, text):
    """A document that names a function, or an attribute that is no field, is not read."""
    files.content["value.json"] = text.encode()

    with pytest.raises((LoadFailedError, LookupError)):
        document.load_files(files, object)


def test_without_a_session_elements_are_refused(files):
    """A materializer that no session equipped says so instead of failing oddly."""
    from artifact_materializers.python.document import DocumentMaterializer

    with pytest.raises(NotSerializableError, match=r"value\[0\]"):
        DocumentMaterializer().save_files([samples.Foreign(b"")], files)
