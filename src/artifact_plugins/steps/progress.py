"""Progress of a run on a terminal; nothing at all elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

_shown: ContextVar[Progress | None] = ContextVar("artifact_plugins_progress", default=None)
_line: ContextVar[Any] = ContextVar("artifact_plugins_progress_line", default=None)
_WAIT_SECONDS = 0.5


@contextmanager
def show_progress(title: str) -> Iterator[None]:
    """Show the loops of a run while the block lasts, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # late: costs 30 ms that programs never need
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task(title, total=None)
        token, line_token = _shown.set(progress), _line.set(line)
        try:
            yield
        finally:
            progress.remove_task(line)
            _shown.reset(token)
            _line.reset(line_token)


class Tally:
    """Shows how many of the tasks that a run has called have ended."""

    def __init__(self) -> None:
        self._progress, self._line = _shown.get(), _line.get()
        self._called = self._ended = 0

    def called(self) -> None:
        """One more was called."""
        self._called += 1
        self._show()

    def ended(self) -> None:
        """One more has ended."""
        self._ended += 1
        self._show()

    def _show(self) -> None:
        if self._progress is not None:
            self._progress.update(self._line, total=self._called, completed=self._ended)


def track(items: Iterable[Any], title: str) -> Iterator[Any]:
    """Yield the items; a bar appears when they take longer than half a second."""
    progress = _shown.get()
    if progress is None:
        yield from items
        return
    started, line = time.monotonic(), None
    listed = list(items)
    for done, item in enumerate(listed):
        if line is None and time.monotonic() - started > _WAIT_SECONDS:
            line = progress.add_task(title, total=len(listed))
        if line is not None:
            progress.update(line, completed=done)
        yield item
    if line is not None:
        progress.remove_task(line)
