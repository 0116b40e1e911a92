"""What waits to be delivered to backends: rows of the outbox, and the backends themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

OutboxKind: TypeAlias = Literal["run", "task", "version"]


def version_stream(run_id: str | None, project: str, artifact: str) -> str:
    """Return in which order a version is delivered: with its run, or with its artifact."""
    return run_id or f"artifact:{project}/{artifact}"


class OutboxState(StrEnum):
    """Whether a row will be tried again.

    PENDING rows are; DEAD ones were given up and wait for `replay` or `drop`.
    """

    PENDING = "PENDING"
    DEAD = "DEAD"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A record that one backend must still hear of; the ledger holds the record itself.

    Attributes:
        seq: Number of the row, never used again; the order inside a stream.
        backend_id: `RegisteredBackend.id`.
        stream: What is delivered in order: the id of a run, or of a version
            outside a run `artifact:<project>/<name>`.
        kind: `OutboxKind`; other text only in a dead row that was damaged.
        record_id: Id of the run, task or version.
        generation: 1, and one more for each change of the record while it waits.
        tries: How often it was begun; raised before anything is sent.
        next_at: Before then it is not tried; None: at once.
        error: Why the last try ended, for people.
        created_at: Of the change that made the row.
        is_first: Nobody can have sent any of the record yet, so a server need not
            be asked whether it has it. False for ever after the first `begin`,
            for records that are enqueued again, and for edits.
    """

    seq: int
    backend_id: int
    stream: str
    kind: str
    record_id: str
    generation: int
    tries: int
    state: OutboxState
    next_at: datetime | None
    error: str | None
    created_at: datetime
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class RegisteredBackend:
    """A backend that the ledger keeps rows for.

    Attributes:
        id: Number inside this ledger.
        url: Without credentials.
        registered_at: When the ledger first heard of it.
    """

    id: int
    url: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxCount:
    """How much waits for one backend.

    Attributes:
        pending: Rows that will be tried again.
        dead: Rows that were given up.
        oldest_at: When the oldest pending row was made; None without one.
        next_at: When the next stream can be claimed, in the past when one can be
            now; None without a pending row.
    """

    backend_id: int
    pending: int
    dead: int
    oldest_at: datetime | None
    next_at: datetime | None
