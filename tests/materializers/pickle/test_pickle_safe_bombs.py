"""The safe loader refuses small pickles of much memory, much work or no end."""

from __future__ import annotations

import pickle
from collections import deque
from fractions import Fraction

import pandas as pd
import pytest
from pickle_opcodes import (
    MARK,
    MEMOIZE,
    POP,
    PROTO_5,
    STOP,
    build,
    call,
    make,
    name,
    pickle_of,
    raw,
)
from pickle_states import array, block, dtype, frame, index, places, refuse

from artifact_materializers.pickle.safe.weights import MAX_DEPTH


def test_bomb_of_shared_lists_is_refused():
    """F20: 124 bytes that are 2^60 leaves to whoever prints them."""
    bomb = []
    for _ in range(60):
        bomb = [bomb, bomb]
    data = pickle.dumps(bomb, 5)

    assert len(data) < 1_000
    assert "over" in refuse(data)


def test_bomb_through_an_index_is_refused():
    """F20: arrays of objects and pandas objects weigh what is in them."""
    bomb = [1]
    for _ in range(40):
        bomb = [pd.Index([bomb, bomb], dtype=object)]

    refuse(pickle.dumps(bomb, 5))


def test_key_that_takes_for_ever_to_hash_is_refused():
    """A tuple of shared tuples has its hash computed anew each time."""
    key = (1,)
    for _ in range(20):
        key = (key, key)

    assert "key" in refuse(pickle.dumps({key: 1}, 5))


def test_deep_nesting_is_refused():
    """Deeper than a document may be."""
    chain = 1
    for _ in range(MAX_DEPTH + 1):
        chain = [chain]

    assert "nested" in refuse(pickle.dumps(chain, 5))


@pytest.mark.parametrize("ring", ["list", "dict", "through a tuple", "through a deque"])
def test_value_that_contains_itself_is_refused(ring):
    """A plain value has an end."""
    value = {"list": [], "dict": {}, "through a tuple": [], "through a deque": deque()}[ring]
    if isinstance(value, dict):
        value["a"] = value
    else:
        value.append((value,) if "tuple" in ring else value)

    refuse(pickle.dumps(value, 5))


def test_bomb_of_copies_is_refused():
    """A megabyte that is held once is not copied ten thousand times."""
    data = raw(b"\x01" * 1_000_000)
    copies = b"".join(name("builtins", "bytearray") + b"h\x00\x85R" for _ in range(10_000))

    assert "more than it holds" in refuse(
        PROTO_5 + data + MEMOIZE + POP + MARK + copies + b"t" + STOP
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            call(
                "pandas.core.indexes.interval",
                "_new_IntervalIndex",
                name("pandas", "IntervalIndex"),
                {
                    "left": index(range(2**31 - 1)),
                    "right": index(range(2**31 - 1)),
                    "closed": "left",
                    "name": None,
                },
            ),
            id="an interval index of two ranges",
        ),
        pytest.param(
            build(
                make("pandas", "CategoricalDtype"),
                {"categories": index(range(2**31 - 1)), "ordered": False},
            ),
            id="categories of a range",
        ),
        pytest.param(
            frame(
                block(array((2**31 - 1, 0), dtype(), b""), places(0, 2**31 - 1)),
                columns=range(2**31 - 1),
                rows=(),
            ),
            id="a frame of empty columns",
        ),
        pytest.param(
            call(
                "pandas.core.indexes.base",
                "_new_Index",
                name("pandas", "Index"),
                {
                    "data": array((2**30,), dtype("S0", (3, "|", None, None, None, 0, 1, 0)), b""),
                    "name": None,
                },
            ),
            id="an index of empty texts",
        ),
        pytest.param(
            call(
                "pandas.core.indexes.base",
                "_new_Index",
                name("pandas", "RangeIndex"),
                {"name": None, "start": 0, "stop": 2**31 - 1, "step": 0},
            ),
            id="a range without a step",
        ),
    ],
)
def test_small_pickle_of_much_memory_is_refused(body):
    """What a constructor would fill memory with is looked at before it is called."""
    refuse(pickle_of(body))


def test_fraction_of_long_ints_is_refused():
    """Its greatest common divisor takes the square of their length."""
    refuse(pickle.dumps(Fraction(3**100_000, 2**100_000), 5))
