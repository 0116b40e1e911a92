"""Values that MLTE would change or choke on: found and named before anything is sent.

MLTE turns NaN and infinity into null without a word. A lone surrogate it
stores, and then fails on every listing of that MLTE version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from artifact_plugins.errors import BackendRejectedError

_STILL_SAFE = "nothing of it was sent; the ledger has the record"


def spelled(data: Any) -> bytes:
    """Return JSON in one spelling, to compare by; a server's too, whatever it holds."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def check_carried(data: Any, what: str) -> None:
    """Refuse what MLTE cannot carry exactly.

    Args:
        data: JSON, as it would be sent.
        what: The record, for the message: `task 'train'`.

    Raises:
        BackendRejectedError: Names the field and what is wrong with it.
    """
    try:
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
        return
    except RecursionError:
        path, why = "", "is nested too deeply"
    except (TypeError, ValueError):
        try:
            path, why = _first_unfit(data, "") or ("", "is not JSON")
        except RecursionError:
            path, why = "", "is nested too deeply or contains itself"
    raise BackendRejectedError(
        f"MLTE cannot take {what}: {path or 'the record'} {why}",
        hint=_STILL_SAFE,
        field=path,
    )


def _first_unfit(value: Any, path: str) -> tuple[str, str] | None:
    if isinstance(value, str):
        return (path, "holds half a character") if _is_torn(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else (path, f"is {value}, which JSON does not have")
    if isinstance(value, Mapping):
        for key, item in value.items():
            shown = f"{path}.{key}" if path else f"{key}"
            if not isinstance(key, str):
                return path, f"has the key {key!r}, which is no text"
            if _is_torn(key):
                return ascii(shown), "is a name with half a character"
            if found := _first_unfit(item, shown):
                return found
        return None
    if isinstance(value, list | tuple):
        inside = (_first_unfit(item, f"{path}[{number}]") for number, item in enumerate(value))
        return next(filter(None, inside), None)
    return (
        None if value is None or isinstance(value, int) else (path, f"is a {type(value).__name__}")
    )


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
