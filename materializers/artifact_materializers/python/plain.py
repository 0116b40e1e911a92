"""What is JSON as it is, one cell or many at once, asked of C instead of cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from math import isfinite
from operator import contains
from types import NoneType
from typing import Any

TAG = "$"
"""The key that tells a tagged object from a plain dict."""

# Written without a look at their value: `encode` finds out from the finished
# text whether a surrogate, a NaN or a long integer was among them, and then
# encodes again with the second set. Looking at each costs more than JSON does.
TRUSTING: frozenset[type] = frozenset({str, int, float, bool, NoneType})
CAREFUL: frozenset[type] = frozenset({bool, NoneType})

INT64 = 2**63
_TEXT = frozenset({str})


def is_well_formed(text: str) -> bool:
    """Tell whether a text has no lone surrogate, so that UTF-8 can hold it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def are_plain(cells: Iterable[Any], atoms: frozenset[type]) -> bool:
    """Tell whether every cell is JSON as it is.

    Args:
        atoms: TRUSTING for a look at the types alone, CAREFUL for one at the values too.
    """
    if atoms is TRUSTING:
        return atoms.issuperset(map(type, cells))
    known = cells if isinstance(cells, list | tuple) else list(cells)
    kinds = set(map(type, known))
    if not kinds <= TRUSTING:
        return False
    return all(_HAS_JSON[kind](_of(kind, known, kinds)) for kind in kinds - CAREFUL)


def are_plain_lists(lists: Sequence[list[Any]], atoms: frozenset[type]) -> bool:
    """Tell whether every list holds nothing but cells that are JSON as they are."""
    return are_plain(chain.from_iterable(lists), atoms)


def are_plain_dicts(dicts: Sequence[dict[Any, Any]], atoms: frozenset[type]) -> bool:
    """Tell whether every dict is a JSON object as it is, not taken for a tagged one."""
    return (
        _TEXT.issuperset(map(type, chain.from_iterable(dicts)))
        and True not in map(contains, dicts, repeat(TAG))
        and (atoms is TRUSTING or are_plain(chain.from_iterable(dicts), atoms))
        and are_plain(chain.from_iterable(map(dict.values, dicts)), atoms)
    )


def _of(kind: type, cells: Sequence[Any], kinds: set[type]) -> Sequence[Any]:
    return cells if len(kinds) == 1 else [cell for cell in cells if type(cell) is kind]


def _are_short(numbers: Sequence[int]) -> bool:
    return min(numbers) >= -INT64 and max(numbers) < INT64


_HAS_JSON: dict[type, Any] = {
    int: _are_short,
    float: lambda numbers: all(map(isfinite, numbers)),
    str: lambda texts: is_well_formed("".join(texts)),
}
