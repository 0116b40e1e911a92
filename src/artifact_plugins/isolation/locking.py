"""One builder at a time: a lock on a file, dropped by the system when its holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_PAUSE_SECONDS = 0.05


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[bool]:
    """Hold the lock of `path` inside the block, among threads and processes.

    Closing the file drops the lock; the file stays, since others may wait on it.

    Yields:
        Whether it could be had within `seconds`.
    """
    # A descriptor for each holder: locks of one descriptor do not exclude each other.
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        until = time.monotonic() + seconds
        is_held = _try_lock(fd)
        while not is_held and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)
            is_held = _try_lock(fd)
        yield is_held
    finally:
        os.close(fd)
