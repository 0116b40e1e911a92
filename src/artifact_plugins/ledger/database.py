"""What the ledger asks of a database; `sqlite` and `postgresql` are two that have it.

The rest of the room knows only this contract: it takes its SQL from `sql`,
gives values, and meets no error of a driver.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from types import ModuleType
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from artifact_plugins.errors import ArtifactPluginsError, CommitUnknownError

T = TypeVar("T")
P = ParamSpec("P")
Row = tuple[Any, ...]
Values = Sequence[Any] | Mapping[str, Any]
# `compiled_sqlite` or `compiled_postgresql`.
Sql = ModuleType

_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 1.0
_FEWEST_ATTEMPTS = 4


class Cursor(Protocol):
    """What runs statements inside a transaction."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""

    def execute(self, text: str, values: Values = ..., /) -> Any:
        """Run one statement."""

    def executemany(self, text: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run one statement for each row, in their order."""

    def fetchone(self) -> Any:
        """Return the next row of the last statement, None after the last."""

    def fetchall(self) -> list[Any]:
        """Return the rows of the last statement that are left."""


class ConstraintViolation(Exception):
    """What leaves a transaction whose records contradict others; it was rolled back.

    Attributes:
        kind: Which promise of the schema was broken.
    """

    def __init__(self, kind: Literal["unique", "foreign key", "other"], reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Database(ABC):
    """One open ledger; safe to share between threads and to take through a fork.

    Attributes:
        dialect_name: Which SQL it speaks, as SQLAlchemy names it.
        sql: Every statement in that SQL: `compiled_sqlite` or `compiled_postgresql`.
        outbox_sql: Those about the outbox: `outbox_sqlite` or `outbox_postgresql`.
        backends: Ids of those that commits and edits leave rows in the outbox for.
        path: What messages call it; holds no credentials.
        durable: Whether commits survive a power cut, unless they say otherwise.
        timeout_seconds: How long to wait for others, and to repeat what may be repeated.
        is_read_only: Whether this process cannot write to it.
    """

    dialect_name: Literal["sqlite", "postgresql"]
    sql: Sql
    outbox_sql: Sql
    backends: tuple[int, ...] = ()
    path: str
    durable: bool
    timeout_seconds: float
    is_read_only: bool

    @abstractmethod
    def read(self, text: str, values: Values = ()) -> list[Row]:
        """Run one SELECT and return its rows.

        Args:
            text: SQL of this dialect.
            values: By position, or by name; as `text` has its places.

        Raises:
            LedgerBusyError, LedgerCorruptError, StoreReadError: It could not be read.
        """

    @abstractmethod
    def transaction(self, durable: bool | None = None) -> AbstractContextManager[Cursor]:
        """Return a write transaction to enter with `with`; it gives a cursor.

        It commits at the end of the block and rolls back when the block
        raises. Broken constraints leave it as `ConstraintViolation`; other
        errors of the database and the system are named. One that has
        `is_rolled_back` says that the same block may be run again.
        """

    @abstractmethod
    def each(self, cursor: Cursor, text: str, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """Run a statement for each row in a transaction; return the one row of each answer."""

    @abstractmethod
    def damage(self) -> list[str]:
        """Return a sentence for each thing that the database itself finds wrong."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection of this process; a later call opens new ones."""


def repeat(database: Database, work: Callable[[], T], *, is_keyed: bool) -> T:
    """Do `work`; again, when the database rolled it back for no fault of its own.

    Args:
        database: Where it works; its timeout bounds the repeats.
        work: What to do, one transaction.
        is_keyed: Whether `work` finds out what an earlier attempt wrote. Then
            it is done again too when the answer to a COMMIT was lost.

    Raises:
        CommitUnknownError: An answer was lost, and no repeat told the outcome.
        Exception: What `work` raised last.
    """
    unknown: CommitUnknownError | None = None
    pauses: Iterator[float] | None = None
    while True:
        try:
            return work()
        except CommitUnknownError as error:
            if not is_keyed:
                raise
            unknown = error
        except ArtifactPluginsError as error:
            if not getattr(error, "is_rolled_back", False):
                if unknown is not None:
                    raise unknown from error
                raise
            last = error
        pauses = pauses or _pauses(database.timeout_seconds)
        pause = next(pauses, None)
        if pause is None:
            raise unknown or last
        time.sleep(pause)


def _pauses(seconds: float) -> Iterator[float]:
    """Yield how long to wait before each repeat; some come even when there is no time."""
    ends_at = time.monotonic() + seconds
    longest = _FIRST_PAUSE_SECONDS
    attempt = 1
    while attempt < _FEWEST_ATTEMPTS or time.monotonic() < ends_at:
        # Full jitter: those who met each other do not meet again.
        yield random.uniform(0, longest)  # noqa: S311  # no secret
        longest = min(longest * 2, _LONGEST_PAUSE_SECONDS)
        attempt += 1


def repeatable(
    edit: Callable[Concatenate[Database, P], T],
) -> Callable[Concatenate[Database, P], T]:
    """Decorate a function of one transaction, which may run again when it was rolled back."""

    @wraps(edit)
    def repeated(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return repeat(database, lambda: edit(database, *args, **kwargs), is_keyed=False)

    return repeated
