"""When a record is tried again, and when it is given up."""

from __future__ import annotations

import random
from dataclasses import dataclass

_LARGEST_POWER = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers of a deliverer; times in seconds.

    Attributes:
        streams: How many streams are delivered to one backend at a time.
        first_pause_seconds: Longest pause after a first failure; doubles with each.
        longest_pause_seconds: Where it stops doubling.
        longest_retry_after_seconds: How much of a server's `Retry-After` is believed.
        tries: After so many a record is a dead letter.
        flaky_tries: After so many, while other records fail as well and get
            through later: then it is the network, and not the record.
        rejections: After so many tries, the last two of them refused, it is one too.
        late_seconds: After a request that had no answer in time: the server may
            still be at it, and who looks too soon does not find what it makes.
        running_seconds: A task that still runs is not sent again any sooner,
            and no sooner than ten times as long as it took to send it.
        failures_to_open: So many failures in a row, and the backend is left alone.
        longest_outage_pause_seconds: Between two looks whether it is back.
        login_pause_seconds: Before credentials are tried again; doubles with each.
        longest_login_pause_seconds: Where that stops doubling.
        lease_seconds: How long a stream stays claimed by a process that died; by one
            of this machine `late_seconds` at most, once another process begins.
        gather_seconds: A change waits so long for further ones of the same record.
        poll_seconds: How often rows of other processes are looked for.
        first_for_seconds: A row older than this may come from a restored backup
            of the ledger, so its record is looked for on the server.
    """

    streams: int = 4
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 60.0
    longest_retry_after_seconds: float = 600.0
    tries: int = 20
    flaky_tries: int = 200
    rejections: int = 3
    late_seconds: float = 10.0
    running_seconds: float = 1.0
    failures_to_open: int = 5
    longest_outage_pause_seconds: float = 60.0
    login_pause_seconds: float = 5.0
    longest_login_pause_seconds: float = 300.0
    lease_seconds: float = 30.0
    gather_seconds: float = 0.05
    poll_seconds: float = 5.0
    first_for_seconds: float = 3600.0

    def pause_seconds(
        self, tries: int, retry_after_seconds: float | None = None, *, is_late: bool = False
    ) -> float:
        """Return how long a record waits after its failure number `tries`.

        Full jitter: those who failed together do not come back together. A
        `Retry-After` is waited for at least, up to `longest_retry_after_seconds`,
        and a request that may still be worked on for `late_seconds`.
        """
        longest = doubled(self.first_pause_seconds, tries, self.longest_pause_seconds)
        pause = random.uniform(0, longest)  # noqa: S311  # no secret
        return max(pause, self.believed(retry_after_seconds), self.late_seconds * is_late)

    def believed(self, retry_after_seconds: float | None) -> float:
        """Return how much of a `Retry-After` is waited for; 0 without one."""
        return min(max(retry_after_seconds or 0.0, 0.0), self.longest_retry_after_seconds)


def doubled(first: float, times: int, longest: float) -> float:
    """Return `first`, doubled for each time after the first one, at most `longest`."""
    return min(longest, first * 2.0 ** min(max(times - 1, 0), _LARGEST_POWER))
