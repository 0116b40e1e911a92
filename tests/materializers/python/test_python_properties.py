"""Any nesting of everything documents know comes back; hypothesis looks for a counterexample."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import python_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_materializers.python.document import DocumentMaterializer
from artifact_materializers.python.equality import deep_equal
from artifact_materializers.python.path import PathMaterializer
from artifact_materializers.python.pretty import describe, pretty
from artifact_materializers.python.stream import StreamMaterializer
from artifact_plugins.records.metadata import check_metadata

ANY_TEXT = st.text(st.characters(), max_size=8)
HASHABLE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), ANY_TEXT, st.binary(max_size=8),
    st.complex_numbers(), st.dates(), st.timedeltas(), st.uuids(), st.fractions(),
    st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones()),
    st.times(), st.decimals(allow_nan=None), st.timezones(), st.builds(range, st.integers()),
    st.sampled_from([*samples.Color, *samples.Level, samples.Right(3), samples.Bits(9), ...]),
    st.builds(samples.Pair, st.integers(), ANY_TEXT),
    st.builds(samples.Frozen, st.integers(), st.floats()),
    st.builds(samples.Single, ANY_TEXT), st.builds(samples.Still, st.booleans()),
)  # fmt: skip
KEYS = HASHABLE.filter(lambda value: not isinstance(value, Decimal) or not value.is_snan())
LEAVES = HASHABLE | st.builds(bytearray, st.binary(max_size=8)) | st.builds(slice, st.integers())


def nested(inner: st.SearchStrategy) -> st.SearchStrategy:
    """Return a strategy for everything that holds elements."""
    lists = st.lists(inner, max_size=4)
    pairs = st.lists(st.tuples(KEYS, inner), max_size=4)
    return st.one_of(
        lists, lists.map(tuple), lists.map(deque), st.builds(deque, lists, st.integers(0, 3)),
        st.dictionaries(ANY_TEXT, inner, max_size=4), pairs.map(dict), pairs.map(OrderedDict),
        pairs.map(lambda items: defaultdict(list, items)),
        st.dictionaries(KEYS, st.integers(), max_size=3).map(Counter),
        st.sets(KEYS, max_size=4), st.frozensets(KEYS, max_size=4),
        st.builds(samples.Node, inner, inner), st.builds(samples.Slotted, inner),
        st.builds(samples.Pair, inner, inner), st.builds(samples.Point, inner),
        st.builds(samples.Hashed, inner), st.builds(samples.Order, number=st.integers(), items=lists),
        st.builds(samples.Loose, a=inner, more=inner),
    )  # fmt: skip


VALUES = st.recursive(LEAVES, nested, max_leaves=8)


class _Files(dict):
    def open(self, name):
        self.name = name
        return self

    def write(self, data):
        self[self.name] = bytes(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def buffer(self, name):
        return memoryview(self[name])


@settings(max_examples=200)
@given(VALUES)
def test_any_value_comes_back(value):
    """A loaded value equals the saved one on every level, and is written as the same bytes."""
    materializer, first, second = DocumentMaterializer(), _Files(), _Files()

    materializer.save_files(value, first)
    loaded = materializer.load_files(first, object)
    materializer.save_files(loaded, second)

    assert deep_equal(loaded, value)
    assert first == second


@settings(max_examples=100)
@given(VALUES)
def test_any_value_can_be_described_and_shown(value):
    """Metadata is always allowed metadata, previews are bounded UTF-8 text."""
    metadata, text = describe(value), pretty(value)

    assert check_metadata(metadata) == metadata
    assert len(text) <= 2_300
    assert re.search("[\ud800-\udfff]", text) is None


@settings(max_examples=60)
@given(st.lists(LEAVES | st.lists(LEAVES, max_size=3) | VALUES, max_size=12))
def test_any_stream_comes_back(items):
    """What a generator yields comes back item by item, as a generator and as a list."""
    materializer, files = StreamMaterializer(), _Files()

    materializer.save_files(iter(items), files)

    assert materializer.equal(materializer.load_files(files, Iterator), iter(items))
    assert deep_equal(materializer.load_files(files, list), items)


NAMES = st.text("abä .-_", min_size=1, max_size=6).map(lambda name: f"n{name}n")
TREES = st.recursive(
    st.tuples(st.binary(max_size=20), st.booleans()),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


def grow(path, tree):
    """Make a file, executable or not, or a folder of what a tree says."""
    if isinstance(tree, dict):
        path.mkdir()
        for name, inner in tree.items():
            grow(path / name, inner)
    else:
        path.write_bytes(tree[0])
        path.chmod(0o755 if tree[1] else 0o644)


@settings(max_examples=40, deadline=None)
@given(tree=TREES, name=NAMES)
def test_any_path_comes_back(tree, name):
    """Files and folders of any depth: names, bytes, empty folders and executable files."""
    materializer = PathMaterializer()
    with TemporaryDirectory() as folder:
        path, stored = Path(folder, name), Path(folder, "stored")
        grow(path, tree)
        stored.mkdir()

        materializer.save(path, stored)

        assert materializer.equal(materializer.load(stored, type(path)), path)
