"""Constants as short text for people."""

from __future__ import annotations

import re
import reprlib
from typing import Any

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SECRET = re.compile(r"(?i)pass(word|wd|phrase)|secret|token|credential|(api|access|private)_?key")
_MAX_TEXT = 60


def show(name: str, value: Any) -> str:
    """Return at most 60 characters on one line; nothing of what is called a secret."""
    if _SECRET.search(name):
        return "(not shown)"
    try:
        # A frame or an array would be laid out as a table.
        shape = getattr(value, "shape", None)
        kind = type(value).__name__
        text = f"{kind} {shape}" if isinstance(shape, tuple) and shape else _short.repr(value)
    except Exception:  # noqa: BLE001  # an author's __repr__ may raise anything
        text = f"<{type(value).__qualname__} object>"
    text = " ".join(_ADDRESS.sub("", text).split())
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 3]}..."


class _Short(reprlib.Repr):
    """Shows the members of a set in one order in every process."""

    def repr_set(self, x: set[Any], level: int) -> str:
        shown = sorted(self.repr1(member, level - 1) for member in x)[: self.maxset]
        return f"{{{', '.join(shown)}{', ...' if len(x) > self.maxset else ''}}}"

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        return f"frozenset({self.repr_set(set(x), level)})"


_short = _Short()
_short.maxstring = _short.maxother = _short.maxlong = _MAX_TEXT
_short.maxdict = 4
_short.maxlevel = 3
