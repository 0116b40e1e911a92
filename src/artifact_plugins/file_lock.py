"""Locks on files, among threads and processes; the system drops one when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_FIRST_PAUSE_SECONDS = 0.0002
_LONGEST_PAUSE_SECONDS = 0.005


@contextmanager
def locked_file(path: Path, *, seconds: float) -> Iterator[bool]:
    """Hold the lock of a private file inside the block.

    The file is made when it is not there and stays, since others may wait on it.

    Yields:
        Whether the lock could be had within `seconds`.

    Raises:
        OSError: The file cannot be made, or is a symbolic link.
    """
    # A descriptor for each holder: locks of one descriptor do not exclude each other.
    file = os.open(path, _OPEN, 0o600)
    try:
        yield wait_for_lock(file, until=time.monotonic() + seconds)
    finally:
        os.close(file)


def wait_for_lock(file: int, *, until: float) -> bool:
    """Lock an open file as soon as nobody else has; False when it takes longer.

    Args:
        file: Its descriptor.
        until: When to give up, on the clock of `time.monotonic`.
    """
    pause = _FIRST_PAUSE_SECONDS
    while not try_lock(file):
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    return True


def try_lock(file: int) -> bool:
    """Lock an open file or folder unless somebody else has; closing it drops the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(file: int) -> None:
    """Drop the lock of a file that stays open."""
    fcntl.flock(file, fcntl.LOCK_UN)
