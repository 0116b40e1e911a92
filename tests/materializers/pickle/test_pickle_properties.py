"""Any graph of objects comes back from a pickle; hypothesis looks for a counterexample."""

from __future__ import annotations

import hypothesis.extra.numpy as npst
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_samples import Holder, Text

from artifact_materializers.pickle.object import PickleMaterializer
from artifact_plugins.testing import MemoryFiles

PICKLES = PickleMaterializer()
DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(),
    npst.floating_dtypes(),
    npst.unicode_string_dtypes(max_len=4),
    # numpy pickles times of the other byte order as times of this one: a session refuses them.
    npst.datetime64_dtypes(endianness="="),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.decimals(allow_nan=False),
    st.text(max_size=8).map(Text),
    npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=2, min_side=0)),
)


def graph(inner: st.SearchStrategy) -> st.SearchStrategy:
    """Return a strategy for objects that hold others, some of them twice."""
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.frozensets(st.integers() | st.text(max_size=3), max_size=5),
        inner.map(Holder),
        inner.map(lambda part: [part, Holder(part), part]),
    )


def around_itself(part):
    """Return an object that holds a part and, further down, itself."""
    top = Holder(part)
    top.above = [top]
    return top


VALUES = st.recursive(LEAVES, graph, max_leaves=6)


@settings(max_examples=80, deadline=None)
@given(VALUES | VALUES.map(Holder) | VALUES.map(around_itself))
def test_any_object_comes_back(value):
    """Objects, arrays, shared parts and cycles are the same."""
    files = MemoryFiles()

    PICKLES.save_files(value, files)
    loaded = PICKLES.load_files(files, type(value))

    assert type(loaded) is type(value)
    assert PICKLES.equal(loaded, value)
