"""Stages 1, 4 and 5 of a step call, wherever it runs: inputs, function, durable outputs."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from artifact_plugins.errors import describe
from artifact_plugins.failpoints import failpoint
from artifact_plugins.records import SaveType, Task, VersionDraft, check_metadata
from artifact_plugins.session.saving import SaveRequest, Staged
from artifact_plugins.steps.bindings import Argument
from artifact_plugins.steps.inside import ActiveTask, active_task
from artifact_plugins.steps.signature import OutputPort, StepSignature

_log = logging.getLogger("artifact_plugins")

Arguments = Mapping[str, Argument]
Retrying = Callable[[Task], None]
StagedOutputs = dict[str, Staged | dict[str, Staged]]
METRICS = "Metrics"


@dataclass(frozen=True, slots=True)
class Code:
    """What a call of a step needs to know of it.

    Attributes:
        cache: Whether results of an earlier call are used; None: as the settings say.
    """

    name: str
    function: Callable[..., Any]
    signature: StepSignature
    retries: int
    retry_delay_seconds: float
    cache: bool | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call made.

    Attributes:
        staged: Bytes of the outputs, by key; of metrics by key and name.
        seconds: Time in the step function.
    """

    staged: StagedOutputs
    seconds: float


def perform(code: Code, arguments: Arguments, active: ActiveTask, retrying: Retrying) -> Outcome:
    """Call a step function until it succeeds or its retries are used up.

    Args:
        retrying: Told of each further attempt.

    Raises:
        BaseException: What the last attempt raised, unchanged.
    """
    token = active_task.set(active)
    try:
        while True:
            try:
                inputs = load_inputs(code, arguments, active)
                started = time.perf_counter()
                try:
                    returned = code.function(**inputs)
                    if inspect.iscoroutine(returned):
                        returned = _run_coroutine(returned)
                except BaseException as error:
                    active.failed = error
                    raise
                seconds = time.perf_counter() - started
                return Outcome(stage_outputs(code, returned, active), seconds)
            except Exception as error:  # noqa: BLE001  # raised again, or tried again
                check_retry(code, active, error)
                time.sleep(code.retry_delay_seconds)
                retrying(active.next_attempt())
    finally:
        active_task.reset(token)


def _run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    import asyncio  # late: few steps are async, and fewer run where there is no loop for them

    return asyncio.run(coroutine)


def check_retry(code: Code, active: ActiveTask, error: Exception) -> None:
    """Raise `error`, unless the step itself raised it and has attempts left."""
    attempt = active.record.attempt
    if error is not active.failed or attempt > code.retries:
        raise error
    _log.info("step %r failed, attempt %d: %s", code.name, attempt, describe(error))


def load_inputs(code: Code, arguments: Arguments, active: ActiveTask) -> dict[str, Any]:
    """Return what the step function is called with; a plugin may veto.

    What no value of an output could be saved with is refused now, before any work is done.
    """
    _expect_outputs(code, active)
    ports, session = code.signature.inputs, active.session
    inputs = {name: argument.load(session, ports[name]) for name, argument in arguments.items()}
    plugins = session.plugins
    if plugins.listens("before_step_run"):
        plugins.call_veto("before_step_run", task=active.record, inputs=MappingProxyType(inputs))
    failpoint("step.before_call")
    return inputs


def _expect_outputs(code: Code, active: ActiveTask) -> None:
    expecting = active.session.expecting
    for port in code.signature.outputs:
        spec = port.spec
        with _naming(port):
            if spec is None:
                expecting.expect(port.annotation)
            else:
                expecting.expect(port.annotation, spec.materializer, spec.options, task=spec.task)


def stage_outputs(code: Code, returned: Any, active: ActiveTask) -> StagedOutputs:
    """Make what the step function returned durable; nothing stays when one output fails."""
    if inspect.isgenerator(returned):
        returned = _watched(returned, active)
    staged: StagedOutputs = {}
    try:
        for port, value in code.signature.split(code.name, returned):
            with _naming(port):
                if is_metrics(port, value):
                    parts = staged[port.key] = {}
                    for name, number in value.items():
                        parts[name] = _stage(port, number, active, metric=name)
                else:
                    staged[port.key] = _stage(port, value, active)
    except BaseException:
        for item in each(staged):
            item.discard()
        if inspect.isgenerator(returned):
            returned.close()
        raise
    return staged


@contextmanager
def _naming(port: OutputPort) -> Iterator[None]:
    """Note on what is raised which output it is about."""
    try:
        yield
    except Exception as error:
        with suppress(Exception):  # an exception may forbid notes
            error.add_note(f"in output {port.key!r}")
        raise


def _watched(items: Generator[Any, Any, Any], active: ActiveTask) -> Generator[Any, Any, Any]:
    """Pass a generator on and remember what it raises itself."""
    try:
        yield from items
    except GeneratorExit:
        raise
    except BaseException as error:
        active.failed = error
        raise


def is_metrics(port: OutputPort, value: Any) -> bool:
    """Tell whether an output is recorded as a version for each of its numbers (row 45)."""
    if port.spec is None or port.spec.artifact_type != METRICS:
        return False
    return (
        isinstance(value, dict)
        and bool(value)
        and all(type(name) is str and type(n) in (int, float) for name, n in value.items())
    )


def each(staged: StagedOutputs) -> Iterator[Staged]:
    """Yield everything that was staged, one by one."""
    for item in staged.values():
        if isinstance(item, dict):
            yield from item.values()
        else:
            yield item


def _stage(
    port: OutputPort, value: Any, active: ActiveTask, *, metric: str | None = None
) -> Staged:
    task, spec = active.record, port.spec
    artifact, artifact_type = port.artifact, spec.artifact_type if spec else None
    key = port.key
    if metric is not None:
        artifact, artifact_type, key = f"{artifact}.{metric}", "Metric", f"{key}.{metric}"
    request = SaveRequest(
        artifact=artifact,
        artifact_type=artifact_type,
        materializer=spec.materializer if spec else None,
        artifact_task=spec.task if spec else None,
        options=spec.options if spec else None,
        tags=spec.tags if spec else (),
        metadata=spec.metadata if spec else None,
        description=spec.description if spec else None,
        version_name=spec.version_name if spec else None,
        save_type=SaveType.STEP_OUTPUT,
        idempotency_key=f"{task.id}/{key}/{task.attempt}",
        task=task,
    )
    staged = active.session.saver.stage(value, request)
    # Read afterwards: a generator logs its metadata while it is consumed.
    logged = {**active.metadata.get(None, {}), **active.metadata.get(port.key, {})}
    if not logged:
        return staged
    try:
        version, key = staged.draft.version, staged.draft.idempotency_key
        metadata = check_metadata({**version.metadata, **logged})
    except BaseException:
        staged.discard()
        raise
    version = version.model_copy(update={"metadata": metadata})
    return Staged(VersionDraft(version, key), staged.writer)
