"""How much a value is, counted the way `repr` and `==` walk it: what is shared counts each time.

A pickle of 124 bytes can name a list of two lists of two lists, sixty times:
it loads at once, and never ends to print. One that holds a megabyte once can
ask for a hundred thousand copies of it. So every value has a weight, and what
makers are given is charged, however often it is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from artifact_materializers.pickle.safe.makers import need, refuse

MAX_LEAVES: Final = 50_000_000
MAX_KEY_LEAVES: Final = 10_000
MAX_DEPTH: Final = 100
# A leaf is a small object, or 64 bytes of a large one.
_LEAF_BITS: Final = 6
# Honest pickles hand every byte on a few times: bytes, array, block, frame.
_WORK_FREE: Final = 1_000_000
_WORK_PER_LEAF: Final = 20
_BYTES = frozenset({str, bytes, bytearray})


class Weights:
    """Leaves and depth of everything that is complete, by identity.

    It is kept alive, so that no other object gets its identity.

    Args:
        size_bytes: Of the pickle and its buffers; bounds the work of makers.
    """

    def __init__(self, size_bytes: int) -> None:
        self._known: dict[int, tuple[int, int, Any]] = {}
        self._work_left = _WORK_FREE + _WORK_PER_LEAF * (size_bytes >> _LEAF_BITS)

    def close(self, container: Any, items: Iterable[Any], *, more: int = 0) -> int:
        """Note the weight of a value from what is in it, and return its leaves.

        Args:
            more: Leaves that are not among the items.

        Raises:
            UnsafeFormatError: Too many leaves, or nested too deep.
        """
        leaves, depth = 1 + more, 0
        known = self._known
        for item in items:
            found = known.get(id(item))
            if found is None:
                leaves += _leaves(item)
            else:
                leaves += found[0]
                if found[1] > depth:
                    depth = found[1]
        if leaves > MAX_LEAVES:
            refuse(f"over {MAX_LEAVES} elements, counting shared ones each time")
        if depth >= MAX_DEPTH:
            refuse(f"nested deeper than {MAX_DEPTH}")
        known[id(container)] = (leaves, depth + 1, container)
        return leaves

    def charge(self, leaves: int) -> None:
        """Count what a maker was given.

        Raises:
            UnsafeFormatError: More than a pickle of this size has use for.
        """
        self._work_left -= leaves
        need(self._work_left >= 0, "it makes much more than it holds")

    def check_key(self, key: Any) -> None:
        """Refuse a key or an element of a set whose hash takes long."""
        found = self._known.get(id(key))
        leaves = _leaves(key) if found is None else found[0]
        # The hash of text is computed once, that of a tuple each time.
        if type(key) not in _BYTES:
            need(leaves <= MAX_KEY_LEAVES, "a key of too many elements")
            if leaves > 1:
                self.charge(leaves)


def _leaves(item: Any) -> int:
    """Return the weight of what is not made of other values."""
    cls = type(item)
    size_bytes = 0
    if cls in _BYTES:
        size_bytes = len(item)
    elif cls is int:
        size_bytes = item.bit_length() >> 3
    elif cls is memoryview:
        size_bytes = item.nbytes
    return 1 + (size_bytes >> _LEAF_BITS)
