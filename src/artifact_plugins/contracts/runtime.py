"""What executes step functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Runtime(Protocol):
    """Runs one call at a time or many; the inline runtime runs it right here."""

    name: str

    def call(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
        """Run `function(**kwargs)` and return its value; exceptions pass unchanged."""
        ...
