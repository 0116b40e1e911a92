"""Metadata is JSON that comes back exactly, or it is refused by path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from artifact_plugins.errors import MetadataValueError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_KEYS = 10_000
MAX_INT = 2**63 - 1


def check_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Copy metadata into plain dicts and lists of JSON values.

    Allowed values: None, bool, int of 64 bits, finite float, text, and lists
    and string-keyed mappings of these; at most 1 MiB, 32 levels, 10,000 keys.

    Raises:
        MetadataValueError: Names the path (`a.b[3]`) and what is wrong there:
            NaN, infinity, larger integers, lone surrogates, control
            characters, cycles, other types, or too much of anything.
    """
    if type(metadata) is dict and len(metadata) <= 32 and _is_short(metadata):
        return {
            key: dict(value) if type(value) is dict else value for key, value in metadata.items()
        }
    copied = _copy(metadata, "", 0, _Budget(), ())
    if not isinstance(copied, dict):
        raise _refuse("", f"is a {type(metadata).__name__}, not a mapping")
    return copied


def _is_short(metadata: dict[str, Any], *, is_inner: bool = False) -> bool:
    """Tell whether a few short values, or dicts of such, need no closer look; most metadata is so."""
    for key, value in metadata.items():
        kind = type(value)
        if type(key) is not str or not key.isidentifier() or len(key) > 100:
            return False
        if kind is float:
            if not math.isfinite(value):
                return False
        elif kind is int:
            if not -MAX_INT - 1 <= value <= MAX_INT:
                return False
        elif kind is str:
            if len(value) > 200 or not value.isascii() or not value.isprintable():
                return False
        elif kind is dict:
            if is_inner or len(value) > 32 or not _is_short(value, is_inner=True):
                return False
        elif value is not None and kind is not bool:
            return False
    return True


class _Budget:
    def __init__(self) -> None:
        self.size_bytes = 0
        self.keys = 0

    def spend(self, path: str, size_bytes: int, keys: int = 0) -> None:
        self.size_bytes += size_bytes
        self.keys += keys
        if self.size_bytes > MAX_BYTES:
            raise _refuse(path, f"brings the metadata over {MAX_BYTES} bytes")
        if self.keys > MAX_KEYS:
            raise _refuse(path, f"brings the metadata over {MAX_KEYS} keys")


def _refuse(path: str, why: str) -> MetadataValueError:
    return MetadataValueError(
        f"metadata value {path or 'at the top'!s} {why}",
        hint="nothing was saved; store the value as an artifact instead",
        path=path,
    )


def _copy(value: Any, path: str, depth: int, budget: _Budget, parents: tuple[int, ...]) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value, path, budget)
    if kind is bool or value is None:
        budget.spend(path, 5)
        return value
    if kind is int:
        budget.spend(path, 8)
        if not -MAX_INT - 1 <= value <= MAX_INT:
            raise _refuse(path, "does not fit 64 bits")
        return value
    if kind is float:
        budget.spend(path, 8)
        if not math.isfinite(value):
            raise _refuse(path, f"is {value!r}, which JSON cannot hold")
        return value
    if not isinstance(value, Mapping | list | tuple):
        raise _refuse(path, f"is a {kind.__module__}.{kind.__qualname__}, not JSON")
    if depth >= MAX_DEPTH:
        raise _refuse(path, f"is nested deeper than {MAX_DEPTH} levels")
    if id(value) in parents:
        raise _refuse(path, "contains itself")
    parents = (*parents, id(value))
    if isinstance(value, Mapping):
        return {
            _key(key, path, budget): _copy(
                item, f"{path}.{key}" if path else str(key), depth + 1, budget, parents
            )
            for key, item in value.items()
        }
    budget.spend(path, 2, keys=len(value))
    return [
        _copy(item, f"{path}[{number}]", depth + 1, budget, parents)
        for number, item in enumerate(value)
    ]


def _key(key: object, path: str, budget: _Budget) -> str:
    if type(key) is not str:
        raise _refuse(path, f"has the key {key!r}, which is not text")
    budget.spend(path, 0, keys=1)
    return _text(key, f"{path}.{key!a}", budget)


def _text(value: str, path: str, budget: _Budget) -> str:
    budget.spend(path, len(value))
    if value.isascii() and value.isprintable():
        return value
    if any((ord(c) < 32 and c not in "\t\n\r") or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise _refuse(path, "holds control characters or lone surrogates")
    return value
