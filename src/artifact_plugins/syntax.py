"""Source becomes a tree, whatever other threads parse meanwhile."""

from __future__ import annotations

import ast
import os
import threading
import time
from typing import Literal, overload

_TRIES = 20
# Taken again by a finalizer that parses while its thread does.
_parsing = threading.RLock()
# Another thread may hold it at that moment; in the child it would never let go.
os.register_at_fork(after_in_child=lambda: globals().update(_parsing=threading.RLock()))


@overload
def parse(source: str | bytes, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def parse(source: str | bytes, mode: Literal["eval"]) -> ast.Expression: ...
def parse(source: str | bytes, mode: Literal["exec", "eval"] = "exec") -> ast.mod:
    """Return the tree of a source.

    Python 3.11 and 3.12 count the depth of all parsers of a process together,
    and fail when two of them took turns: here they wait for each other.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It holds null bytes, or is nested too deeply.

    Source:
        https://github.com/python/cpython/issues/106905
    """
    for attempt in range(_TRIES):
        try:
            with _parsing:
                return ast.parse(source, mode=mode)
        except SystemError:  # a thread that does not know of our lock
            time.sleep(0.001 * attempt)
        except (RecursionError, MemoryError) as error:
            raise ValueError("the source is nested too deeply") from error
    raise ValueError(f"the source could not be parsed in {_TRIES} attempts")
