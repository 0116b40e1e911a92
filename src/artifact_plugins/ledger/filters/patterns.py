"""Patterns of `matches`: `*` is any text, `?` one character, `[*]`, `[?]` and `[[]` stand for themselves."""

from __future__ import annotations

import re
from collections.abc import Callable

from artifact_plugins.errors import QueryError

# Each further star multiplies the time that a database may need.
MAX_STARS = 8

_PART = re.compile(r"\[([*?[])\]|(.)", re.DOTALL)


def check_pattern(pattern: str, refuse: Callable[[str, str], QueryError]) -> None:
    """Refuse a pattern with other brackets, or with more than 8 stars."""
    if "[" in [plain for _, plain in _PART.findall(pattern)]:
        raise refuse("'[' has another meaning in patterns", "write [[] for the character")
    if pattern.count("*") > MAX_STARS:
        raise refuse(f"the pattern has more than {MAX_STARS} stars", "use contains or startswith")


def to_glob(pattern: str) -> str:
    """Return the pattern for SQLite's GLOB, whose stars in a row would only cost time."""
    return re.sub(r"(?<!\[)\*{2,}", "*", pattern)


def to_like(pattern: str) -> str:
    r"""Return the pattern for LIKE with `\` as its escape."""
    return "".join(
        _WILD.get(plain) or _escape(quoted or plain) for quoted, plain in _PART.findall(pattern)
    )


_WILD = {"*": "%", "?": "_"}


def _escape(character: str) -> str:
    return f"\\{character}" if character in "\\%_" else character
