"""Where a call runs: in this thread, in a pool of threads, in an event loop, in a worker."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from artifact_plugins.records import Task
from artifact_plugins.session.saving import Staged
from artifact_plugins.steps.job import Code, Outcome, perform
from artifact_plugins.steps.views import LinkPlan

if TYPE_CHECKING:
    from artifact_plugins.steps.active import ActiveRun
    from artifact_plugins.steps.call import Call


@dataclass(slots=True)
class Report:
    """How a call ended, wherever it ran.

    Attributes:
        record: The task with the attempt that ended it.
        outcome: What it made, when it succeeded.
        error: What it raised, when it did not.
        read: Input links of `load_artifact`.
        logged: What `log_artifact` staged in a worker.
    """

    record: Task
    outcome: Outcome | None = None
    error: BaseException | None = None
    read: Sequence[LinkPlan] = ()
    logged: list[tuple[Staged, LinkPlan]] = field(default_factory=list)


class Lane(Protocol):
    """A way to run calls beside the body."""

    @property
    def width(self) -> int:
        """How many calls it takes at a time."""
        ...

    @property
    def starts_at_once(self) -> bool:
        """Whether a call that it took runs, even if it can still be cancelled."""
        ...

    def submit(self, call: Call) -> Future[Any]:
        """Start a call."""
        ...

    def report(self, future: Future[Any]) -> Report:
        """Return how it ended; raises when the lane itself failed."""
        ...


def lane_for(run: ActiveRun, code: Code) -> Lane | None:
    """Return where calls of a step run; None is right here, now."""
    runtime = run.runtime
    if runtime.is_local and inspect.iscoroutinefunction(code.function):
        from artifact_plugins.steps.async_lane import AsyncLane  # late: imports asyncio

        return run.lane("async", AsyncLane)
    if runtime.workers == 0:
        return None
    if runtime.is_local:
        return run.lane("pool", PoolLane)
    from artifact_plugins.steps.remote import RemoteLane  # late: cloudpickle, only for workers

    return run.lane("remote", RemoteLane)


class PoolLane:
    """Threads of the runtime."""

    starts_at_once = False

    def __init__(self, run: ActiveRun) -> None:
        self._runtime = run.runtime
        self.width = run.runtime.workers + 2

    def submit(self, call: Call) -> Future[Any]:
        """Start a call in a thread, in the context that the run began in."""
        return self._runtime.submit(call.run.context.copy().run, _here, call)

    def report(self, future: Future[Any]) -> Report:
        """Return how it ended."""
        found: Report = future.result()
        return found


def _here(call: Call) -> Report:
    active = call.active()
    try:
        outcome = perform(call.code, call.arguments, active, call.start)
    except BaseException as error:  # noqa: BLE001  # the scheduler hands it to whoever waits
        return Report(active.record, error=error, read=active.read)
    return Report(active.record, outcome, read=active.read)
