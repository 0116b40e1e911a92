"""JSON in one spelling, digests of it, and texts of any length within a server's limits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")


def compact(document: Any) -> str:
    """Return JSON in ASCII with sorted keys and no blanks: equal documents, equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def sha256_of(data: bytes | memoryview | str) -> str:
    """Return 64 hex characters; of a text, those of its UTF-8, half characters too."""
    found = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return hashlib.sha256(found).hexdigest()


def digest_of(data: bytes | memoryview | str) -> str:
    """Return `sha256:` and the hex characters, as digests are written in records."""
    return f"sha256:{sha256_of(data)}"


def clipped(
    text: str, limit: int, *, whole: str | None = None, characters: int = 16, mark: str = "~"
) -> str:
    """Return a text of at most `limit` characters; a longer one ends in a digest.

    Args:
        whole: What the digest is of, when it is not the text itself.
        characters: Of the digest, behind the mark.
    """
    if len(text) <= limit:
        return text
    tail = mark + sha256_of(text if whole is None else whole)[:characters]
    return text[: limit - len(tail)] + tail


def parts_of(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield a sequence or text in parts of at most `size`: what one request can hold."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
