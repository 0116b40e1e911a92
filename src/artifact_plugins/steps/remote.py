"""Calls in other processes: what is sent there, what runs there, what comes back.

A worker needs the content store and the code of the step. It loads the inputs,
calls the function and writes the outputs; records come back and are committed
by the process that runs the pipeline. No value passes through that process.
"""

from __future__ import annotations

import importlib
import pickle
import socket
import traceback
import types
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from artifact_plugins.errors import (
    RunError,
    StepNotSendableError,
    StoreCapabilityError,
    WorkerLostError,
    describe,
)
from artifact_plugins.records import ArtifactVersion, Task
from artifact_plugins.session import Session
from artifact_plugins.session.saving import Staged
from artifact_plugins.settings import Settings
from artifact_plugins.steps.bindings import Argument
from artifact_plugins.steps.inside import ActiveTask
from artifact_plugins.steps.job import Code, Outcome, StagedOutputs, perform
from artifact_plugins.steps.lanes import Report
from artifact_plugins.steps.stale import CodeParts, check_code, code_parts, renew_workers
from artifact_plugins.steps.views import LinkPlan

if TYPE_CHECKING:
    from artifact_plugins.steps.active import ActiveRun
    from artifact_plugins.steps.call import Call


_TRACE_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class _Sent:
    """One call on its way to a worker."""

    task: Task
    arguments: Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class _Named:
    """A step that a worker imports.

    Attributes:
        owner: What a method is bound to.
        parts: Its code, as the process that runs the pipeline has it.
    """

    module: str
    name: str
    owner: Any
    retries: int
    retry_delay_seconds: float
    parts: CodeParts

    @property
    def key(self) -> str:
        """Its import path."""
        return f"{self.module}:{self.name}"


class RemoteLane:
    """Worker processes of the runtime, on this machine or elsewhere."""

    starts_at_once = False

    def __init__(self, run: ActiveRun) -> None:
        session = run.session
        if session.store.url.startswith("memory:"):
            raise StoreCapabilityError(
                f"runtime {run.runtime.name!r} runs steps in other processes, which cannot "
                f"reach the store {session.store.url!r}",
                hint="use a folder or an object store; nothing was called",
            )
        self._runtime = run.runtime
        self._settings = session.settings.model_copy(
            update={
                "store_url": session.store.url,
                "ledger_url": _absolute(session.settings.ledger_url),
                "runtime": "inline",
            }
        )
        self._store_id = session.store.store_id
        self._codes: dict[int, tuple[Code, bytes]] = {}

    @property
    def width(self) -> int:
        """Half as many calls again as there are workers by now; clusters grow."""
        try:
            workers = self._runtime.workers
        except Exception:  # noqa: BLE001  # nobody would hear it here: the call that is sent next says it
            workers = 1
        return workers + max(2, workers // 2)

    def submit(self, call: Call) -> Future[Any]:
        """Send a call.

        Raises:
            StepNotSendableError: The step or an argument cannot be pickled.
        """
        code = call.code
        known = self._codes.get(id(code))
        if known is None:
            portable = _portable(code)
            if isinstance(portable, _Named):
                renew_workers(self._runtime, portable.key, portable.parts)
            package = (self._settings, self._store_id, portable)
            known = (code, _packed(package, code.name))
            self._codes[id(code)] = known
        sent = _packed(_Sent(call.task, call.arguments), code.name)
        return self._runtime.submit(run_call, known[1], sent)

    def report(self, future: Future[Any]) -> Report:
        """Return how it ended.

        Raises:
            WorkerLostError: The worker died; what it had staged is garbage.
        """
        try:
            data: bytes = future.result()
        except BrokenExecutor as error:
            raise WorkerLostError(
                f"a worker process died while it ran this task: {describe(error).splitlines()[0]}",
                hint="what had ended before is committed; look for memory limits and crashes",
            ) from error
        # Made by our own code in our own worker, for this very run.
        found: Report = pickle.loads(data)  # noqa: S301
        return found


def _absolute(ledger_url: str) -> str:
    """Return the URL as it reads in another working folder."""
    start, _, path = ledger_url.partition("sqlite:///")
    return f"sqlite:///{Path(path).absolute()}" if not start and path else ledger_url


def run_call(code: bytes, sent: bytes) -> bytes:
    """Run one call in a worker and return its report, pickled.

    Args:
        code: Settings and the step; the same for every call of a step.
        sent: The task and its arguments.
    """
    try:
        session, step = _unpacked(code)
        call: _Sent = pickle.loads(sent)  # noqa: S301  # sent by the process that runs the pipeline
    except ImportError as error:
        raise StepNotSendableError(
            f"a worker on {socket.gethostname()!r} cannot import module {error.name!r}, which the "
            f"step or its arguments need: {describe(error)}",
            hint="install it where the workers run; the step was not called",
            module=error.name,
        ) from error
    logged: list[tuple[Staged, LinkPlan]] = []
    active = ActiveTask(
        session, call.task, [port.key for port in step.signature.outputs], _keep(logged)
    )
    report = Report(call.task, logged=logged)
    try:
        outcome = perform(step, call.arguments, active, _ignore)
        staged: StagedOutputs = {}
        for key, item in outcome.staged.items():
            if isinstance(item, dict):
                staged[key] = {name: _record_only(part) for name, part in item.items()}
            else:
                staged[key] = _record_only(item)
        report.outcome = Outcome(staged, outcome.seconds)
    except BaseException as error:  # noqa: BLE001  # raised again where the pipeline runs
        report.error = _sendable(error)
    report.record, report.read = active.record, active.read
    return bytes(cloudpickle.dumps(report))


def _ignore(task: Task) -> None:
    """A further attempt is seen when the task has ended."""


def _keep(logged: list[tuple[Staged, LinkPlan]]) -> Any:
    def log(staged: Staged, plan: LinkPlan) -> ArtifactVersion:
        logged.append((_record_only(staged), plan))
        return staged.draft.version

    return log


def _record_only(staged: Staged) -> Staged:
    return Staged(staged.draft, None)


@lru_cache(maxsize=256)
def _unpacked(code: bytes) -> tuple[Session, Code]:
    settings, store_id, portable = pickle.loads(code)  # noqa: S301  # as in run_call
    session = _session(settings.model_dump_json())
    if session.store.store_id != store_id:
        _session.cache_clear()  # the right one may be mounted later
        raise StoreCapabilityError(
            f"a worker on {socket.gethostname()!r} finds another store at {session.store.url!r} "
            "than the process that runs the pipeline",
            hint="use a folder that all machines share, or an object store; the step was not called",
        )
    return session, _restored(portable)


@lru_cache(maxsize=8)
def _session(settings: str) -> Session:
    import json  # late: workers only

    return Session(Settings(**json.loads(settings)), is_worker=True)


def _packed(value: Any, name: str) -> bytes:
    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:
        raise StepNotSendableError(
            f"step {name!r} cannot be sent to another process: {describe(error)}",
            hint="define it at the top level of a module, without open files, locks or "
            "connections in its defaults and closure; nothing was called",
        ) from error


def _portable(code: Code) -> Code | _Named:
    """Return a step by name when a worker can import it, else the function itself."""
    function = code.function
    owner = function.__self__ if isinstance(function, types.MethodType) else None
    module, name = function.__module__, function.__qualname__
    if module != "__main__" and "<locals>" not in name:
        with suppress(ImportError, AttributeError):
            found = _named(module, name)
            if getattr(found, "function", None) in (function, getattr(function, "__func__", None)):
                parts = code_parts(getattr(function, "__func__", function))
                return _Named(module, name, owner, code.retries, code.retry_delay_seconds, parts)
    return code


def _restored(portable: Code | _Named) -> Code:
    if isinstance(portable, Code):
        return portable
    step = _named(portable.module, portable.name)
    check_code(step.name, step.function, portable.parts)
    owner = portable.owner
    function = step.function if owner is None else types.MethodType(step.function, owner)
    return Code(step.name, function, step.signature, portable.retries, portable.retry_delay_seconds)


def _named(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _sendable(error: BaseException) -> BaseException:
    """Return an exception that can be sent, with the trace of the worker as a note."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    if len(trace) > _TRACE_CHARACTERS:
        half = _TRACE_CHARACTERS // 2
        trace = f"{trace[:half]}\n[...]\n{trace[-half:]}"
    sent = error
    try:
        back = pickle.loads(cloudpickle.dumps(error))  # noqa: S301  # our own bytes
        is_same = type(back) is type(error)
    except Exception:  # noqa: BLE001  # pickling may raise anything
        is_same = False
    if not is_same:
        sent = RunError(
            f"{describe(error)}", hint=f"{type(error).__qualname__} itself cannot be pickled"
        )
    with suppress(Exception):  # an exception may forbid notes
        sent.add_note(f"in a worker process:\n{trace}")
    return sent
