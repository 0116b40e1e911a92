"""A step function that is being called, and what it does by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from artifact_plugins.records import ArtifactVersion, Task
from artifact_plugins.session import Session
from artifact_plugins.session.saving import Staged
from artifact_plugins.steps.views import LinkPlan

active_task: ContextVar[ActiveTask | None] = ContextVar("artifact_plugins_task", default=None)

Log = Callable[[Staged, LinkPlan], ArtifactVersion]


class ActiveTask:
    """The call that is being made, here or in a worker.

    Attributes:
        session: Where it loads and saves.
        record: RUNNING.
        outputs: Keys of the declared outputs.
        log: Registers what `log_artifact` staged.
        read: Input links made by `load_artifact`, written when the task ends.
        metadata: What `log_metadata` attached, by output key; None is every output.
        failed: What the step function itself raised.
    """

    def __init__(self, session: Session, record: Task, outputs: Sequence[str], log: Log) -> None:
        self.session = session
        self.record = record
        self.outputs = outputs
        self.log = log
        self.failed: BaseException | None = None
        self._written: dict[str, int] = {}
        self._start_attempt()

    def _start_attempt(self) -> None:
        self.read: list[LinkPlan] = []
        self.metadata: dict[str | None, dict[str, Any]] = {}
        self._reads: dict[str, int] = {}

    def next_attempt(self) -> Task:
        """Forget what the failed attempt read and attached; what it logged stays (R12)."""
        self._start_attempt()
        self.record = self.record.model_copy(update={"attempt": self.record.attempt + 1})
        return self.record

    def position(self, key: str, *, is_read: bool = False) -> int:
        """Return the next position under a key."""
        places = self._reads if is_read else self._written
        place = places.get(key, 0)
        places[key] = place + 1
        return place
