"""Streams: the first item is loaded with the version, the others while they are consumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import EnvironmentMismatchError, PayloadClassNotFoundError

if TYPE_CHECKING:
    from artifact_plugins.isolation import IsolatedValue

_END = object()


def begun(items: Iterator[Any]) -> Iterator[Any]:
    """Return the same items after loading the first one.

    What keeps it from being loaded is raised here, where a load goes through
    its rules, and not when it is too late to use other code.
    """
    first = next(items, _END)
    return _after(first, items)


def _after(first: Any, items: Iterator[Any]) -> Iterator[Any]:
    if first is not _END:
        yield first
        del first  # one chunk at a time stays in memory
        yield from items


def switching(
    items: Iterator[Any], there: Callable[[int, EnvironmentMismatchError], Iterator[Any]]
) -> Iterator[Any]:
    """Yield the items, from the first one that asks for other libraries on from elsewhere.

    Args:
        there: Takes how many items there were and the refusal of the next
            one; returns the others, or raises the refusal.
    """
    count = 0
    while True:
        try:
            item = next(items, _END)
        except EnvironmentMismatchError as mismatch:
            rest = there(count, mismatch)
            break
        if item is _END:
            return
        yield item
        del item
        count += 1
    yield from rest


def items_there(value: IsolatedValue) -> Iterator[Any]:
    """Yield the items of a stream in another process, which ends with the iterator.

    Raises:
        EnvironmentMismatchError: An item cannot come back as data.
        LoadFailedError: The archived code failed there.
    """
    with closing(value):
        try:
            yield from value
        except PayloadClassNotFoundError as error:
            raise EnvironmentMismatchError(
                f"an item of {value!r} cannot come back as data: {error.message}",
                hint="its class is only there; the stored bytes are untouched",
            ) from error
