"""Values that JSON does not have: found and named before anything is sent.

Servers answer them with an error 500, turn them into null without a word, or
store them and then fail on every listing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

_TOO_DEEP = "is nested too deeply or contains itself"


class Unfit(NamedTuple):
    """What JSON cannot hold.

    Attributes:
        path: Where: `metadata.scores[3]`; empty for the whole.
        why: `is nan, which JSON does not have`.
    """

    path: str
    why: str


def first_unfit(value: Any, path: str = "") -> Unfit | None:
    """Return the first part of a value that JSON cannot hold exactly; None when it can.

    That is NaN, infinity, half a character in a text or key, an object of
    another type, and what contains itself.

    Args:
        value: As it would be sent.
        path: What it is called in the message.
    """
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return None
    except RecursionError:
        return Unfit(path, _TOO_DEEP)
    except (TypeError, ValueError):
        pass
    try:
        return _first(value, path) or Unfit(path, "is not JSON")
    except RecursionError:
        return Unfit(path, _TOO_DEEP)


def _first(value: Any, path: str) -> Unfit | None:
    if isinstance(value, str):
        return Unfit(path, "holds half a character") if _is_torn(value) else None
    if isinstance(value, float) and not math.isfinite(value):
        return Unfit(path, f"is {value}, which JSON does not have")
    if isinstance(value, Mapping):
        for key, item in value.items():
            shown = f"{path}.{key}" if path else f"{key}"
            if not isinstance(key, str):
                return Unfit(path, f"has the key {key!r}, which is no text")
            if _is_torn(key):
                return Unfit(ascii(shown), "is a name with half a character")
            if found := _first(item, shown):
                return found
        return None
    if isinstance(value, list | tuple):
        inside = (_first(item, f"{path}[{number}]") for number, item in enumerate(value))
        return next(filter(None, inside), None)
    if value is None or isinstance(value, int | float):
        return None
    return Unfit(path, f"is a {type(value).__name__}")


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
