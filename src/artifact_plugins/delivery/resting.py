"""Which rows of a stream go now: those that are due, and no task that still runs again and again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from artifact_plugins.delivery.policy import Policy
from artifact_plugins.errors import ArtifactMissingError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import OutboxRow

_REMEMBERED = 1000
_SHARE = 10


class Resting:
    """Remembers which tasks were sent just now. Threads share it.

    Args:
        ledger: Tells whether a task has ended: then it goes out at once.
        policy: How long one that has not is left alone.
    """

    def __init__(self, ledger: Ledger, policy: Policy) -> None:
        self._ledger = ledger
        self._policy = policy
        self._until: OrderedDict[str, float] = OrderedDict()

    def sent(self, row: OutboxRow, seconds: float) -> None:
        """Remember that a record was sent, and how long that took."""
        if row.kind == "task":
            pause = max(self._policy.running_seconds, _SHARE * seconds)
            self._until[row.record_id] = time.monotonic() + pause
            self._until.move_to_end(row.record_id)
            if len(self._until) > _REMEMBERED:
                self._until.popitem(last=False)

    def seconds(self, row: OutboxRow) -> float:
        """Return how long a record is left alone; 0 when it may go now."""
        until = self._until.get(row.record_id)
        if until is None:
            return 0.0
        left = until - time.monotonic()
        return left if left > 0 and self._is_running(row.record_id) else 0.0

    def _is_running(self, task_id: str) -> bool:
        try:
            return self._ledger.task(task_id).ended_at is None
        except ArtifactMissingError:
            return False


def due_of(rows: Sequence[OutboxRow], *, is_head_due: bool) -> list[OutboxRow]:
    """Return the rows of a stream that may go now, up to the first that waits.

    Args:
        rows: In their order.
        is_head_due: Whether the first one is, whatever its time says.
    """
    now = datetime.now(UTC)
    due: list[OutboxRow] = []
    for row in rows:
        is_due = (is_head_due and not due) or row.next_at is None or row.next_at <= now
        if not is_due:
            break
        due.append(row)
    return due
