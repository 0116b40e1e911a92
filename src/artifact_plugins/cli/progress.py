"""A progress bar on stderr, for long work on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 0.5


def track(items: Iterable[T], *, total: int | None, description: str) -> Iterator[T]:
    """Yield the items; after half a second on a terminal, show how far it is.

    Args:
        total: How many there will be; None when nobody knows.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console  # late: most commands are short
    from rich.progress import Progress

    started = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(description, total=total)
    is_shown = False
    try:
        for item in items:
            if not is_shown and time.monotonic() - started > PATIENCE_SECONDS:
                bar.start()
                is_shown = True
            yield item
            bar.advance(task)
    finally:
        if is_shown:
            bar.stop()
