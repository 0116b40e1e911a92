"""What the child may use: set by itself before archived code runs, kept by the system."""

from __future__ import annotations

import os
import resource

_OPEN_FILES = 1024


def limit_process(*, file_bytes: int, memory_bytes: int | None) -> None:
    """Limit open files, file sizes and memory; no core dumps."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    if memory_bytes is not None:
        _lower(resource.RLIMIT_AS, memory_bytes)


def limit_next_seconds(seconds: float) -> None:
    """Allow all processors for `seconds` from now on, so that nothing runs on for ever.

    The other process watches the clock; this is for the case that it is gone.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    most = int(used + seconds * (os.cpu_count() or 1)) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def _lower(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))
