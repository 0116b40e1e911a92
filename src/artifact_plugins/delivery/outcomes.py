"""What became of a row of the outbox that was sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from artifact_plugins.records import OutboxRow

# Kind and id of a record.
Key: TypeAlias = tuple[str, str]


class Outcome(Enum):
    """What became of a row: sent, to be tried later, given up."""

    DELIVERED = "delivered"
    LATER = "later"
    DEAD = "dead"


class Sent(NamedTuple):
    """What became of a row.

    Attributes:
        outcome: Of the row itself.
        brought: Whether other rows were sent before it.
    """

    outcome: Outcome
    brought: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt, for whoever watches: the error of one that failed."""

    row: OutboxRow
    outcome: Outcome
    error: BaseException | None


def key_of(row: OutboxRow) -> Key:
    """Return which record a row is about."""
    return row.kind, row.record_id
