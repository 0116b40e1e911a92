"""Pipelines in pipelines: parameters come in as handles, results leave the group."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from artifact_plugins.records import IOType, Producer, TaskType
from artifact_plugins.steps.active import ActiveRun
from artifact_plugins.steps.bindings import Argument, normalize, store_literal
from artifact_plugins.steps.exits import run_exit_step
from artifact_plugins.steps.groups import (
    Leaving,
    close_group,
    fail_group,
    first_error,
    named_results,
    open_group,
    regroup,
)
from artifact_plugins.steps.handles import FanOut, Handle
from artifact_plugins.steps.scopes import Group, Scope, literal_port
from artifact_plugins.steps.views import NOBODY, Incoming, LinkPlan

if TYPE_CHECKING:
    from artifact_plugins.steps.pipeline import Pipeline


def call_nested(
    run: ActiveRun, pipeline: Pipeline[...], arguments: Mapping[str, Any], given: AbstractSet[str]
) -> Any:
    """Run the body of a pipeline as one group of the run in progress.

    Args:
        arguments: By parameter, defaults included.
        given: Names of those that the caller handed over.

    Returns:
        What the body returned, as seen from outside the group.

    Raises:
        Exception: What the body raised; the group is FAILED.
    """
    outer = run.scope
    with run.gathering():
        brought = {
            name: _argument(run, item, f"{pipeline.name}-{name}", was_given=name in given)
            for name, item in arguments.items()
        }
    group = outer.make_group(outer.task_name(pipeline.name), TaskType.DAG)
    open_group(
        run, group, [plan for name, a in brought.items() for plan in a.plans(group.task, name)]
    )
    inner = Scope(group, group.task.iteration_index)
    error: BaseException | None = None
    leaving = Leaving(run, group)
    found: Any = None
    try:
        with run.inside(inner):
            result = pipeline.function(**parameters(run, group, inner, brought, arguments))
        named, several = named_results(result, f"pipeline {pipeline.name!r}")
        left = {key: leaving.through(item, inner, key) for key, item in named.items()}
        found = regroup(result, left, several)
    except BaseException as raised:  # noqa: BLE001  # raised again after the exit step
        error = raised
        fail_group(run, group, raised)
    else:
        close_group(run, group, leaving.plans)
    if pipeline.on_exit is not None:
        run.wait_for(group)
        run_exit_step(run, pipeline.on_exit, group, error or first_error(group))
    if error is not None:
        raise error
    return found


def parameters(
    run: ActiveRun,
    group: Group,
    inner: Scope,
    arguments: Mapping[str, Argument],
    passed: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a body gets for its parameters: handles, and fan-outs for lists of values."""
    found: dict[str, Any] = {}
    for name, argument in arguments.items():
        port = literal_port(name)
        handles = [
            Handle(run, inner, stored, io_type, producer, name, port=port, passed=passed.get(name))
            for io_type, producer, stored in group.hand_down(argument.items)
        ]
        if argument.is_list:
            found[name] = FanOut(
                run,
                inner,
                handles,
                Producer(task_name=group.task.name),
                port,
                io_type=IOType.COMPONENT_INPUT,
                passed=passed.get(name),
            )
        else:
            (found[name],) = handles
    return found


def root_links(run: ActiveRun, result: Any) -> list[LinkPlan]:
    """Return the links of what the body of a run returned (rows 3, 20 and 30)."""
    leaving = Leaving(run, run.top)
    named, _ = named_results(result, "the pipeline")
    for key, item in named.items():
        leaving.through(item, run.scope, key)
    return leaving.plans


def _argument(run: ActiveRun, item: Any, label: str, *, was_given: bool) -> Argument:
    if was_given:
        return normalize(run, item, label)
    stored = store_literal(run, item, label)
    return Argument((Incoming(IOType.COMPONENT_DEFAULT_INPUT, NOBODY, stored),))
