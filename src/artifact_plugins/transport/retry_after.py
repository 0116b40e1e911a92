"""Seconds of a Retry-After header (RFC 9110 section 10.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 600.0


def retry_after_seconds(value: str | None, *, date: str | None = None) -> float | None:
    """Return how long a server asks to be left alone: 0 to 600 s, None when it does not say.

    Args:
        value: Whole seconds or an HTTP date; anything else counts as nothing said.
        date: The `Date` header of the same answer: a date counts from there, whatever
            the clocks of the server and of this machine say.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # A number of a thousand digits is a long time too.
        return MAX_SECONDS if len(text) > 9 else min(float(text), MAX_SECONDS)
    moment = _moment(text)
    if moment is None:
        return None
    seconds = (moment - (_moment(date or "") or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_SECONDS)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
