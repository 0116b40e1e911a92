"""Sizes, times and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size_text(size_bytes: int) -> str:
    """Return a size in binary units: `1.5 MiB`."""
    size, unit = float(size_bytes), 0
    while size >= 1023.95 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size_bytes} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def time_text(at: datetime | None) -> str:
    """Return a time in UTC to the second: `2026-03-01 12:30:05`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def duration_text(start: datetime | None, end: datetime | None) -> str:
    """Return the time between two moments: `12 ms`, `3.4 s`, `2 min 05 s`; "" while it lasts."""
    if start is None or end is None:
        return ""
    seconds = (end - start).total_seconds()
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
