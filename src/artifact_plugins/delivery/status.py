"""How delivery stands, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StandingName = Literal["delivering", "waiting", "paused", "not configured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStatus:
    """How delivery to one backend stands.

    Attributes:
        name: As in `session.backends`; the URL of one that is not configured here.
        url: Without credentials.
        backend_id: Its number in the ledger.
        standing: `delivering`: nothing is in the way. `waiting`: it is not
            reached or asked for patience. `paused`: it does not accept who asks,
            or is not what its URL says. `not configured`: the ledger keeps
            records for it, and this session has no such backend.
        reason: Why it waits or is paused, or what failed last; None when
            nothing did. Perhaps as another process found it.
        pending: Records that will be sent.
        dead: Records that were given up.
        oldest_at: Since when the oldest pending record waits.
        next_at: When the next one is due.
        delivered: How many this session has delivered.
        in_flight: How many streams this session is sending now.
    """

    name: str
    url: str
    backend_id: int
    standing: StandingName
    reason: str | None = None
    pending: int = 0
    dead: int = 0
    oldest_at: datetime | None = None
    next_at: datetime | None = None
    delivered: int = 0
    in_flight: int = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing waits."""
        return self.pending == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a comparison of the ledger with one backend found.

    Attributes:
        name: Of the backend.
        compared: How many records it was asked about.
        lost: How many of them it no longer had, by kind; they are pending again.
        unsent: How many records it had never got; they are pending now. 0 in a dry run.
    """

    name: str
    compared: int
    lost: dict[str, int]
    unsent: int
