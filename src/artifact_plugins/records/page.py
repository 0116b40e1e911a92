"""One page of a listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records in order, and where the next ones start.

    Attributes:
        items: At most `limit` records.
        next_token: Opaque; hand it back for the next page. None on the last.
    """

    items: tuple[T, ...]
    next_token: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> T:
        return self.items[index]


def every(listing: Callable[..., Page[T]], query: Any, **options: Any) -> Iterator[T]:
    """Yield the items of all pages of a listing, a thousand at a time."""
    token: str | None = None
    while True:
        page = listing(query, limit=1000, page_token=token, **options)
        yield from page
        token = page.next_token
        if token is None:
            return
