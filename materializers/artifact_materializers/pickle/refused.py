"""What pickling would store as something else, or copy without being asked; refused by name."""

from __future__ import annotations

import io
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NoReturn

_OPEN_FILE = "is an open file, and only what it holds now would be stored"
_VIEW = "is a view of another object, and would come back as a view of a copy"
_MEMORY = "is a view of memory, and would come back as bytes"


class Refused(Exception):
    """A part of a value is refused; `part` is it."""

    def __init__(self, part: Any, why: str) -> None:
        super().__init__(why)
        self.part = part
        self.why = why


def _refuse(why: str) -> Callable[[Any], NoReturn]:
    def reduce(part: Any) -> NoReturn:
        raise Refused(part, why)

    return reduce


_EMPTY: tuple[dict[Any, Any], ...] = ({}, OrderedDict())
_VIEWS: tuple[type, ...] = tuple(
    type(view) for kind in _EMPTY for view in (kind.keys(), kind.values(), kind.items())
)

REFUSED: Final[dict[type, Callable[[Any], NoReturn]]] = {
    # cloudpickle stores the text of a file that is open for reading.
    io.TextIOWrapper: _refuse(_OPEN_FILE),
    memoryview: _refuse(_MEMORY),
    types.MappingProxyType: _refuse(_VIEW),
    **dict.fromkeys(_VIEWS, _refuse(_VIEW)),
}
"""Reducers that raise `Refused`, by exact type."""
