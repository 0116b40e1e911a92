"""Exit steps: they run when a group of tasks, or a run, has ended, however it did (rows 42, 43)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from artifact_plugins.errors import RunUsageError, StepDefinitionError, describe
from artifact_plugins.records import FinalStatus, IOType, TaskType
from artifact_plugins.steps.active import ActiveRun, active_run
from artifact_plugins.steps.bindings import Argument
from artifact_plugins.steps.call import call_step
from artifact_plugins.steps.groups import close_group, fail_group, first_error, open_group
from artifact_plugins.steps.inside import active_task
from artifact_plugins.steps.scopes import Group, Place, Scope
from artifact_plugins.steps.step import Step
from artifact_plugins.steps.views import Incoming, Stored


@contextmanager
def exit_handler(step: Step[..., Any]) -> Iterator[None]:
    """Run a step when the tasks of the `with` block have ended, also when one failed.

    Results of steps in the block cannot be used after it.

    Args:
        step: Has one input annotated `ap.FinalStatus`; others are bound with
            `.partial` or have defaults.

    Raises:
        StepDefinitionError: It has no such input.
        Exception: What the block raised; else what the exit step raised.
    """
    check_exit_step(step)
    run = active_run.get()
    if run is None or active_task.get() is not None:
        raise RunUsageError(
            "an exit handler was opened outside the body of a run",
            hint="use it in a pipeline, or in a `with ap.start_run(...)` block",
        )
    outer = run.scope
    group = outer.make_group(outer.group_name("exit-handler"), TaskType.EXIT_HANDLER)
    open_group(run, group)
    error: BaseException | None = None
    try:
        with run.inside(Scope(group, group.task.iteration_index)):
            yield
    except BaseException as raised:  # noqa: BLE001  # raised again after the exit step
        error = raised
        fail_group(run, group, raised)
    else:
        close_group(run, group)
    run.wait_for(group)
    run_exit_step(run, step, group, error or first_error(group))
    if error is not None:
        raise error


def check_exit_step(step: Any) -> None:
    """Refuse what cannot be an exit step.

    Raises:
        StepDefinitionError: Says why.
    """
    if not isinstance(step, Step):
        raise StepDefinitionError(f"{step!r} is no step", hint="decorate it with @ap.step")
    if len(_status_inputs(step)) != 1:
        raise StepDefinitionError(
            f"exit step {step.name!r} has {len(_status_inputs(step))} inputs of type FinalStatus",
            hint="annotate one input as ap.FinalStatus",
        )


def run_exit_step(
    run: ActiveRun, step: Step[..., Any], group: Group, error: BaseException | None
) -> None:
    """Call an exit step with the status of a group.

    Raises:
        Exception: What it raised, unless the group had failed before: then
            that is what counts, with a note.
    """
    (name,) = _status_inputs(step)
    record = run.record
    status = FinalStatus(
        state="FAILED" if error is not None else "SUCCEEDED",
        run_id=record.id,
        run_name=record.name,
        pipeline=record.pipeline,
        task_name=group.task.name,
        error=describe(error) if error is not None else None,
    )
    stored = Stored(None, status.model_dump(mode="json"))
    told = Incoming(IOType.TASK_FINAL_STATUS_OUTPUT, group.producer, stored)
    try:
        with run.gathering():
            arguments = step.arguments(run, step.bound, omitted={name})
        place = Place(run.scope.task_name(step.name), run.scope)
        call = call_step(run, step.code, {name: Argument((told,)), **arguments}, place)
        if not call.is_done or call.error is not None:
            run.scheduler.wait(call)
    except Exception as failed:
        if error is None:
            raise
        with suppress(Exception):  # an exception may forbid notes
            error.add_note(f"exit step {step.name!r} failed as well: {describe(failed)}")


def _status_inputs(step: Step[..., Any]) -> list[str]:
    return [name for name, port in step.signature.inputs.items() if port.is_status]
