"""ArtifactPluginsError: what every error raised on purpose has in common."""

from __future__ import annotations

import re
from typing import Any


class ArtifactPluginsError(Exception):
    """Root of every error raised on purpose.

    Args:
        message: What happened, with the facts in it.
        hint: What is still safe, or what to do. Joined to the message by "; ".
        context: The facts, also readable as attributes of the error.

    Attributes:
        code: Stable kebab-case name for programs, `no-materializer`.
    """

    __module__ = __package__
    code = "artifact-plugins"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith(f"{__package__}."):
            # What a traceback shows and a pickle holds is the place that callers import from.
            cls.__module__ = __package__
        name = cls.__name__.removesuffix("Error")
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()

    def __init__(self, message: str, *, hint: str = "", **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context
        for name, value in context.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Without its notes, an error from a worker would not tell what it is about.
        state = {"__notes__": list(self.__notes__)} if hasattr(self, "__notes__") else None
        return _rebuild, (type(self), self.message, self.hint, self.context), state


def _rebuild(
    cls: type[ArtifactPluginsError], message: str, hint: str, context: dict[str, Any]
) -> ArtifactPluginsError:
    return cls(message, hint=hint, **context)
