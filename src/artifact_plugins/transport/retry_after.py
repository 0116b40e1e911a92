"""Seconds of a Retry-After header (RFC 9110 section 10.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 600.0


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """Return how long a server asks to be left alone: 0 to 600 s, None when it does not say.

    Args:
        value: Whole seconds or an HTTP date; anything else counts as nothing said.
        now: Current time, for dates; UTC.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # A number of a thousand digits is a long time too.
        return MAX_SECONDS if len(text) > 9 else min(float(text), MAX_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_SECONDS)
