"""Time-ordered identifiers and the UTC clock."""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import UTC, datetime

_lock = threading.Lock()
_last = 0
# Ids are no secrets: a generator seeded by the system costs a tenth of asking it.
_random = random.Random(os.urandom(32))  # noqa: S311  # see above
# A forked child must not repeat its parent.
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def new_id() -> str:
    """Make a UUIDv7 in its canonical text form; later calls sort after earlier ones.

    Source:
        RFC 9562 section 5.7, with the 12 bits after the milliseconds used as
        a finer clock (method 3 of section 6.2).
    """
    global _last
    # 60 bits: 48 of milliseconds, 12 of 1/4096 milliseconds.
    ticks = time.time_ns() * 4096 // 1_000_000
    with _lock:
        _last = ticks = max(ticks, _last + 1)
        tail = _random.getrandbits(62)
    number = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | tail
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def now() -> datetime:
    """Return the time in UTC, aware, with microseconds."""
    return datetime.now(UTC)
