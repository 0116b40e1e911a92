"""The inline runtime: a step runs where and when it is called."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class InlineRuntime:
    """Calls each step in the thread of the pipeline body, one after the other."""

    name = "inline"
    workers = 0
    is_local = True

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Run `function(*args)` now."""
        future: Future[Any] = Future()
        future.set_result(function(*args))
        return future

    def close(self) -> None:
        """There is nothing to let go of."""
