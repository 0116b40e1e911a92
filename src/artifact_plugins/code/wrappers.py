"""Things that are around a function: methods, partials, steps, what decorators leave."""

from __future__ import annotations

import functools
import types
from typing import Any

_AROUND = (
    *(types.MethodType, staticmethod, classmethod, property),
    *(functools.partial, functools.partialmethod, functools.cached_property),
)
_MAX_LAYERS = 100


def is_wrapper(value: Any) -> bool:
    """Tell whether a value is nothing but something around code."""
    return isinstance(value, _AROUND) or (wraps(value) and not isinstance(value, type))


def is_step(value: Any) -> bool:
    """Tell whether a value is a step or pipeline of ours, or looks like one."""
    cls = type(value)
    return cls.__module__.startswith("artifact_plugins.") and wraps(value)


def wraps(value: Any) -> bool:
    """Tell whether `functools.update_wrapper` or the like has left its mark."""
    # Not getattr: an object may invent any attribute that it is asked for, or raise.
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = ()
    if "__wrapped__" in attributes:
        return True
    return any("__wrapped__" in vars(base) for base in type(value).__mro__)


def unwrapped(value: Any) -> Any:
    """Return what a step or a wrapper is around."""
    return value.function if is_step(value) else value.__wrapped__


def innermost(value: Any) -> Any:
    """Return the function that methods, partials, steps and wrappers are around."""
    for _ in range(_MAX_LAYERS):
        if type(value) is types.MethodType:
            value = value.__func__
        elif type(value) is functools.partial:
            value = value.func
        elif not issubclass(type(value), type) and wraps(value):
            value = unwrapped(value)
        else:
            break
    return value


def function_in(value: Any) -> types.FunctionType | None:
    """Return the function inside a member of a class, whatever is around it."""
    for _ in range(_MAX_LAYERS):
        value = innermost(value)
        if isinstance(value, types.FunctionType):
            return value
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, functools.cached_property | functools.partialmethod):
            value = value.func
        else:
            return None
    return None
