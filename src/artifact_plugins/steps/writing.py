"""Whether this thread is in the middle of a commit, as the observers of a commit are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_here = threading.local()


@contextmanager
def writing() -> Iterator[None]:
    """While the block lasts, this thread commits; what it calls may read meanwhile."""
    before = is_writing()
    _here.is_writing = True
    try:
        yield
    finally:
        _here.is_writing = before


def is_writing() -> bool:
    """Tell whether this thread commits at the moment."""
    return bool(getattr(_here, "is_writing", False))
