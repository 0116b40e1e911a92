"""What executes step functions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol


class Runtime(Protocol):
    """Where calls of steps run.

    Attributes:
        name: As in `Settings.runtime`.
        is_local: Whether calls share the memory of this process. Others get
            pickled arguments, and need the content store and the code of the step.
    """

    name: str
    is_local: bool

    @property
    def workers(self) -> int:
        """How many calls run at a time; 0 runs each where it is made. Read often."""
        ...

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start a call; never asked when `workers` is 0."""
        ...

    def close(self) -> None:
        """Let go of threads and processes; a later call may start them again."""
        ...
