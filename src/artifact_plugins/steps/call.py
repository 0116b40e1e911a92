"""The stages of one step call, in their order.

resolve       arguments are already links; nothing is written yet
open          the task is RUNNING in the ledger
load, run     inputs, before_step_run, the function on the runtime
materialize   every output becomes durable bytes
commit        versions, links and SUCCEEDED become visible together
after         hooks that only observe
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from artifact_plugins.errors import describe
from artifact_plugins.failpoints import failpoint
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Producer,
    SaveType,
    Task,
    TaskType,
    VersionDraft,
    check_metadata,
)
from artifact_plugins.session.saving import SaveRequest, Staged
from artifact_plugins.steps.active import ActiveRun, ActiveTask, active_task, ended
from artifact_plugins.steps.bindings import Argument
from artifact_plugins.steps.handles import Handle, OutputHandles, Stored
from artifact_plugins.steps.signature import OutputPort

if TYPE_CHECKING:
    from artifact_plugins.steps.step import Step

_log = logging.getLogger("artifact_plugins")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the run a call happens.

    Attributes:
        name: Name of the task.
        parent: ROOT, or the LOOP.
        index: Iteration of the loop; None outside one.
    """

    name: str
    parent: Task
    index: int | None = None


def call_step(
    run: ActiveRun, step: Step[..., Any], arguments: Mapping[str, Argument], place: Place
) -> dict[str, Handle]:
    """Run one task and return a handle per output.

    Raises:
        Exception: Whatever the step raised, unchanged, with a note that names
            the run and the task. MaterializerError, StoreError, LedgerError
            when its outputs could not be registered; the task is FAILED then.
    """
    task = run.make_task(place.name, place.parent, index=place.index)
    run.open_task(task)
    active = ActiveTask(run, task, [port.key for port in step.signature.outputs])
    token = active_task.set(active)
    try:
        versions, active.record, seconds = _attempts(run, step, arguments, active, place)
    except BaseException as error:
        _fail(active, arguments, error)
        raise
    finally:
        active_task.reset(token)
    if run.session.plugins.listens("after_step_run"):
        run.session.plugins.call(
            "after_step_run", task=active.record, outputs=versions, duration_seconds=seconds
        )
    producer = Producer(task_name=place.name, iteration=place.index)
    io_type = IOType.TASK_OUTPUT_INPUT
    return {
        key: Handle(run.session, run.record.id, Stored(version), io_type, producer, key)
        for key, version in versions.items()
    }


def collapse(step: Step[..., Any], by_key: dict[str, Any]) -> Any:
    """Return what a call gives its caller: one handle, several, or None."""
    if step.signature.is_multiple:
        return OutputHandles(by_key)
    return next(iter(by_key.values()), None)


def _attempts(
    run: ActiveRun,
    step: Step[..., Any],
    arguments: Mapping[str, Argument],
    active: ActiveTask,
    place: Place,
) -> tuple[dict[str, ArtifactVersion], Task, float]:
    while True:
        task = active.record
        try:
            returned, seconds = _run(run, step, arguments, active)
            staged = _materialize(step, returned, active)
            break
        except Exception as error:
            # Only what the step itself raised is worth another try.
            if error is not active.failed or task.attempt > step.retries:
                raise
            _log.info("step %r failed, attempt %d: %s", step.name, task.attempt, describe(error))
            time.sleep(step.retry_delay_seconds)
            run.opening.settle(task.id)
            run.write(tasks=[active.next_attempt()], durable=False)
    done = ended(active.record)
    run.opening.settle(done.id)
    links = [*_input_links(active, arguments), *_output_links(run, done, staged, place)]
    failpoint("step.before_commit")
    committed = run.write(tasks=[done], links=links, staged=list(staged.values()), task=done)
    failpoint("step.after_commit")
    return dict(zip(staged, committed, strict=True)), done, seconds


def _run(
    run: ActiveRun, step: Step[..., Any], arguments: Mapping[str, Argument], active: ActiveTask
) -> tuple[Any, float]:
    ports = step.signature.inputs
    inputs = {name: argument.load(run, ports[name]) for name, argument in arguments.items()}
    plugins = run.session.plugins
    if plugins.listens("before_step_run"):
        plugins.call_veto("before_step_run", task=active.record, inputs=MappingProxyType(inputs))
    failpoint("step.before_call")
    started = time.perf_counter()
    try:
        returned = run.session.runtime.call(step.function, inputs)
    except BaseException as error:
        active.failed = error
        raise
    if inspect.isgenerator(returned):
        returned = _watched(returned, active)
    return returned, time.perf_counter() - started


def _watched(items: Generator[Any, Any, Any], active: ActiveTask) -> Generator[Any, Any, Any]:
    """Pass a generator on and remember what it raises itself."""
    try:
        yield from items
    except GeneratorExit:
        raise
    except BaseException as error:
        active.failed = error
        raise


def _materialize(step: Step[..., Any], returned: Any, active: ActiveTask) -> dict[str, Staged]:
    staged: dict[str, Staged] = {}
    try:
        for port, value in step.signature.split(step.name, returned):
            staged[port.key] = _stage(port, value, active)
    except BaseException:
        for item in staged.values():
            item.discard()
        if inspect.isgenerator(returned):
            returned.close()
        raise
    return staged


def _stage(port: OutputPort, value: Any, active: ActiveTask) -> Staged:
    task, spec = active.record, port.spec
    request = SaveRequest(
        artifact=port.artifact,
        artifact_type=spec.artifact_type if spec else None,
        materializer=spec.materializer if spec else None,
        options=spec.options if spec else None,
        tags=spec.tags if spec else (),
        metadata=spec.metadata if spec else None,
        description=spec.description if spec else None,
        version_name=spec.version_name if spec else None,
        save_type=SaveType.STEP_OUTPUT,
        idempotency_key=f"{task.id}/{port.key}/{task.attempt}",
        task=task,
    )
    staged = active.run.session.saver.stage(value, request)
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


def _input_links(active: ActiveTask, arguments: Mapping[str, Argument]) -> list[ArtifactTaskLink]:
    links = [
        link
        for name, argument in arguments.items()
        for link in argument.links(active.run, active.record, name)
    ]
    return [*links, *active.read]


def _output_links(
    run: ActiveRun, task: Task, staged: Mapping[str, Staged], place: Place
) -> list[ArtifactTaskLink]:
    """R2 for the task itself, R3 for the loop it leaves."""
    producer = Producer(task_name=place.name, iteration=place.index)
    is_iteration = place.parent.type is TaskType.LOOP
    io_type = IOType.ITERATOR_OUTPUT if is_iteration else IOType.OUTPUT
    links = []
    for key, item in staged.items():
        stored = Stored(item.draft.version)
        links.append(run.link(task, io_type, key, stored, producer))
        if is_iteration:
            port = f"pipelinechannel--{place.name}-{key}"
            links.append(run.link(place.parent, io_type, port, stored, producer, place.index or 0))
    return links


def _fail(active: ActiveTask, arguments: Mapping[str, Argument], error: BaseException) -> None:
    run, task = active.run, ended(active.record, error)
    if not run.is_ours:
        return  # a forked child; the task is its parent's
    run.opening.settle(task.id)
    with suppress(Exception):  # an exception may forbid notes
        error.add_note(
            f"in task {task.scope_path!r} of run {run.record.name!r} ({run.record.id}), "
            f"attempt {task.attempt}"
        )
    if not run.try_write(tasks=[task], links=_input_links(active, arguments)):
        run.try_write(tasks=[task])
    plugins = run.session.plugins
    if plugins.listens("on_step_error"):
        plugins.call("on_step_error", task=task, error=error)
