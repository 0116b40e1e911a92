"""Branches: the one that a value selects runs, all of them leave their tasks (rows 23 to 31)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from artifact_plugins.errors import HandleUsageError
from artifact_plugins.records import TaskType
from artifact_plugins.steps.active import ActiveRun, active_run
from artifact_plugins.steps.bindings import Argument, normalize
from artifact_plugins.steps.groups import (
    Leaving,
    close_group,
    fail_group,
    named_results,
    open_group,
    regroup,
    skip_group,
)
from artifact_plugins.steps.handles import FanOut, Handle, value
from artifact_plugins.steps.inside import active_task
from artifact_plugins.steps.pipeline import Pipeline
from artifact_plugins.steps.scopes import Group, Scope
from artifact_plugins.steps.step import Step
from artifact_plugins.steps.views import CHANNEL

Branch = Callable[[], Any]


def one_of(selected: Any, /, **branches: Branch) -> Any:
    """Run the branch that a value names; the others are recorded as skipped.

    Args:
        selected: Name of a branch, or a bool for branches called `true` and
            `false`; usually the handle of a step that decides. A bool without
            its branch runs nothing.
        branches: Functions without arguments whose step calls are the branch:
            `big=lambda: train(data)`. A step or pipeline with its inputs bound,
            `small=train.partial(data=x)`, shows its inputs even when skipped.

    Returns:
        What the branch returned; None when nothing ran.

    Raises:
        HandleUsageError: No branch of that name; nothing was called.
    """
    if not branches:
        raise HandleUsageError("one_of has no branches", hint="nothing was called")
    run = active_run.get()
    is_outside = run is None or active_task.get() is not None
    name = _branch_name(value(selected), branches)
    if is_outside or run is None:
        return branches[name]() if name is not None else None
    selector = normalize(run, selected, "selected")
    if len(branches) == 1:
        ((only, branch),) = branches.items()
        group = run.scope.make_group(run.scope.group_name("condition"), TaskType.CONDITION_BRANCH)
        return _branch(run, group, selector, branch, is_taken=only == name)
    return _choose(run, selector, branches, name)


def _branch_name(chosen: Any, branches: Mapping[str, Branch]) -> str | None:
    if isinstance(chosen, bool):
        name = "true" if chosen else "false"
        if name in branches:
            return name
        if set(branches) <= {"true", "false"}:
            return None
    elif isinstance(chosen, str) and chosen in branches:
        return chosen
    raise HandleUsageError(
        f"one_of was to run {chosen!r:.80}, but has the branches {sorted(branches)}",
        hint="nothing was called",
    )


def _choose(
    run: ActiveRun, selector: Argument, branches: Mapping[str, Branch], name: str | None
) -> Any:
    outer = run.scope
    wrapper = outer.make_group(outer.group_name("condition-branches"), TaskType.DAG)
    inside = Scope(wrapper, wrapper.task.iteration_index)
    _take(wrapper, selector)
    open_group(run, wrapper)
    result = None
    try:
        with run.inside(inside):
            down = _take(wrapper, selector)
            for key, branch in branches.items():
                number = outer.number("condition")
                group = inside.make_group(
                    inside.task_name(f"condition-{number}"), TaskType.CONDITION_BRANCH
                )
                left = _branch(run, group, down, branch, is_taken=key == name)
                if key == name:
                    result = left
        leaving = Leaving(run, wrapper)
        named, several = named_results(result, f"a branch of {wrapper.task.name!r}")
        found = {
            key: leaving.through(item, inside, f"{CHANNEL}{wrapper.task.name}-oneof-{number}")
            for number, (key, item) in enumerate(named.items(), 1)
        }
    except BaseException as error:
        fail_group(run, wrapper, error)
        raise
    close_group(run, wrapper, leaving.plans)
    return regroup(result, found, several)


def _branch(
    run: ActiveRun, group: Group, selector: Argument, branch: Branch, *, is_taken: bool
) -> Any:
    """Run or skip one branch; its inputs are recorded either way."""
    _take(group, selector)
    for handle in _bound_handles(run, branch):
        _take(group, normalize(run, handle, "bound"))
    if not is_taken:
        skip_group(run, group)
        return None
    open_group(run, group)
    inside = Scope(group, group.task.iteration_index)
    try:
        with run.inside(inside):
            result = branch()
        leaving = Leaving(run, group)
        named, several = named_results(result, f"branch {group.task.name!r}")
        found = {key: leaving.through(item, inside, None) for key, item in named.items()}
    except BaseException as error:
        fail_group(run, group, error)
        raise
    close_group(run, group, leaving.plans)
    return regroup(result, found, several)


def _bound_handles(run: ActiveRun, branch: Branch) -> Iterator[Handle | FanOut]:
    """Return what a branch is known to use before it runs."""
    if isinstance(branch, Step | Pipeline):
        for bound in branch.bound.values():
            for item in bound if type(bound) in (list, tuple) else (bound,):
                if isinstance(item, Handle | FanOut) and item._run is run:
                    yield item


def _take(group: Group, argument: Argument) -> Argument:
    """Hand an argument to a group; a constant has a port of its own there."""
    port = argument.group_port or "selected"
    return Argument(group.take(argument.items, port), group_port=port)
