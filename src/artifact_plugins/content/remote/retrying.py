"""Which faults are tried again, how often, and how long after."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from artifact_plugins.content.remote.bucket import Bucket
from artifact_plugins.content.remote.faults import Fault

T = TypeVar("T")

TRIES = 6
_FIRST_SECONDS = 0.2
_LONGEST_SECONDS = 15.0


def retried(bucket: Bucket, attempt: Callable[[], T], *, tries: int = TRIES) -> T:
    """Return what `attempt` returns, after up to `tries` attempts.

    Tried again: no answer, broken answers, overload, errors of the server.
    Between two attempts lies a random time below a bound that doubles, so
    that many clients do not come back together. Expired credentials are asked
    for once more. Only attempts that may be repeated are handed in.

    Raises:
        Fault: Of the last attempt.
    """
    refreshed = False
    for number in range(1, tries + 1):
        try:
            return attempt()
        except Fault as fault:
            if fault.kind == "expired" and not refreshed:
                refreshed = True
                bucket.reconnect()
            elif fault.kind not in ("busy", "conflict") or number == tries:
                raise
            else:
                bound = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (number - 1))
                time.sleep(random.uniform(0, bound))  # noqa: S311 - spreads load, no secret
    raise AssertionError("the last attempt returns or raises")
