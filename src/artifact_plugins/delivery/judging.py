"""Whether a failure is the record's own: told by what became of the records beside it."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from artifact_plugins.delivery.policy import Policy
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendRejectedError,
    StoreIntegrityError,
)
from artifact_plugins.records import OutboxRow

_REMEMBERED = 20
_REFUSED = 1000
_RECOVERED = 2
# What the next try does not change, unless somebody changes the record or the server.
_LASTING = (
    BackendRejectedError,
    StoreIntegrityError,
    ArtifactMissingError,
)


class Judge:
    """Remembers what got through to one backend. Threads share it.

    Args:
        policy: How many tries a record has.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        # Of the last records that got through: whether they had failed before.
        self._recovered: deque[bool] = deque(maxlen=_REMEMBERED)
        self._delivered = 0
        # How many had got through when a record was refused first.
        self._delivered_before: OrderedDict[str, int] = OrderedDict()

    def got_through(self, row: OutboxRow) -> None:
        """Remember that a record is there."""
        with self._lock:
            self._recovered.append(row.error is not None and row.tries > 1)
            self._delivered += 1
            self._delivered_before.pop(row.record_id, None)

    def is_hopeless(self, row: OutboxRow, error: BaseException, text: str) -> bool:
        """Tell whether a record is to be given up, if the backend takes any at all."""
        with self._lock:
            is_flaky = sum(self._recovered) >= _RECOVERED
        if row.tries >= (self._policy.flaky_tries if is_flaky else self._policy.tries):
            return True
        return isinstance(error, _LASTING) and self.is_lasting(row, text)

    def is_lasting(self, row: OutboxRow, text: str) -> bool:
        """Tell whether a record was tried often enough, and the last two tries failed alike."""
        is_alike = (row.error or "").partition(":")[0] == text.partition(":")[0]
        return is_alike and row.tries >= self._policy.rejections

    def others_get_through(self, row: OutboxRow) -> bool:
        """Tell whether a record got through since this one was refused first."""
        with self._lock:
            before = self._delivered_before.setdefault(row.record_id, self._delivered)
            if len(self._delivered_before) > _REFUSED:
                self._delivered_before.popitem(last=False)
            return self._delivered > before
