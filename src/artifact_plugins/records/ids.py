"""Time-ordered identifiers and the UTC clock."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

_lock = threading.Lock()
_last = 0


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
    random = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    number = (ticks >> 12) << 80 | 7 << 76 | (ticks & 0xFFF) << 64 | 2 << 62 | random
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def now() -> datetime:
    """Return the time in UTC, aware, with microseconds."""
    return datetime.now(UTC)
