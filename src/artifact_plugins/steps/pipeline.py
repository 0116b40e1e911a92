"""Pipelines and runs: a body whose step calls are tasks of one run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, overload

from artifact_plugins.errors import HandleUsageError, RunUsageError, StepDefinitionError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Producer,
    check_name,
)
from artifact_plugins.session import current_session
from artifact_plugins.steps.active import ROOT, ActiveRun, active_run, active_task
from artifact_plugins.steps.bindings import NOBODY, is_handle, store_literal
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles, Stored
from artifact_plugins.steps.progress import show_progress
from artifact_plugins.steps.result import PipelineRun

P = ParamSpec("P")


class Pipeline(Generic[P]):
    """A function whose body calls steps; calling it is a run.

    Attributes:
        function: The plain body.
        name: Name of the pipeline; the function's.
    """

    def __init__(self, function: Callable[P, Any], name: str) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name
        self._signature = inspect.signature(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> PipelineRun:
        """Run the body; returns when every step has ended.

        Raises:
            Exception: What the first failing step raised; the run is FAILED.
        """
        bound = self._signature.bind(*args, **kwargs)
        given = set(bound.arguments)
        bound.apply_defaults()
        run = _new_run(self.name)
        with run.gathering():
            stored = {name: _store(run, value, name) for name, value in bound.arguments.items()}
        links = [
            run.link(run.root, _argument_type(name in given), name, item, NOBODY, place)
            for name, items in stored.items()
            for place, item in enumerate(items if isinstance(items, list) else [items])
        ]
        handles = {name: _parameter(run, items, name) for name, items in stored.items()}
        shown = {name: item for name, item in stored.items() if isinstance(item, Stored)}
        with _running(run, shown, links) as outcome:
            outcome.result = self.function(**handles)  # type: ignore[call-arg]  # handles for values
        return outcome

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def _argument_type(was_given: bool) -> IOType:
    return IOType.RUNTIME_VALUE_INPUT if was_given else IOType.COMPONENT_DEFAULT_INPUT


def _store(run: ActiveRun, value: Any, name: str) -> Stored | list[Stored]:
    if isinstance(value, Handle | FanOut | OutputHandles):
        raise HandleUsageError(
            f"pipeline parameter {name!r} got {value!r} of another run",
            hint="hand over its .version, or ap.value(handle)",
        )
    if isinstance(value, ArtifactVersion):
        return Stored(value)
    if type(value) in (list, tuple) and any(map(is_handle, value)):
        if not all(isinstance(item, ArtifactVersion) for item in value):
            raise HandleUsageError(
                f"pipeline parameter {name!r} got a list of versions and other things",
                hint="hand over versions only, or plain values only",
            )
        return [Stored(item) for item in value]
    return store_literal(run, value, f"{run.record.pipeline}-{name}")


def _parameter(run: ActiveRun, stored: Stored | list[Stored], name: str) -> Any:
    root, io_type = Producer(task_name=ROOT), IOType.COMPONENT_INPUT
    if isinstance(stored, Stored):
        return Handle(run.session, run.record.id, stored, io_type, root, name)
    elements = [Handle(run.session, run.record.id, s, io_type, root, name) for s in stored]
    return FanOut(elements, root, name, io_type)


@overload
def pipeline(function: Callable[P, Any], /) -> Pipeline[P]: ...


@overload
def pipeline(*, name: str | None = None) -> Callable[[Callable[P, Any]], Pipeline[P]]: ...


def pipeline(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a function a pipeline: its parameters arrive in the body as handles.

    Args:
        name: Name of the pipeline; the function's name when not given.

    Raises:
        StepDefinitionError: The function cannot be a pipeline; says why.
    """

    def decorate(function: Callable[..., Any]) -> Pipeline[...]:
        if not inspect.isfunction(function):
            raise StepDefinitionError(f"{function!r} is not a function")
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise StepDefinitionError(
                f"pipeline {function.__name__!r} is a generator or async",
                hint="a body only calls steps; make the steps async or generators",
            )
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise StepDefinitionError(
                    f"pipeline {function.__name__!r} takes {parameter}",
                    hint="every parameter has a name of its own; write them out",
                )
        return Pipeline(function, check_name(name or function.__name__, "pipeline name"))

    return decorate if function is None else decorate(function)


@contextmanager
def start_run(name: str) -> Iterator[PipelineRun]:
    """Make the step calls of a `with` block one run, in a script or notebook.

    Args:
        name: Name of the pipeline that the run is recorded under.

    Raises:
        RunUsageError: A run is in progress already.
    """
    run = _new_run(check_name(name, "pipeline name"))
    with _running(run, {}, []) as outcome:
        yield outcome


def _new_run(name: str) -> ActiveRun:
    if active_task.get() is not None:
        raise RunUsageError(
            f"a run of {name!r} was started inside a step",
            hint="call the pipeline outside, or call steps there: inside a step they are "
            "plain functions",
        )
    outer = active_run.get()
    if outer is not None:
        raise RunUsageError(
            f"a run of {name!r} was started inside the run {outer.record.name!r}",
            hint="end that run first, or call the steps directly",
        )
    return ActiveRun(current_session(), name)


@contextmanager
def _running(
    run: ActiveRun, parameters: Mapping[str, Stored], links: list[ArtifactTaskLink]
) -> Iterator[PipelineRun]:
    run.open(parameters, links)
    outcome = PipelineRun(run.session, run.record.id)
    token = active_run.set(run)
    try:
        with show_progress(run.record.name):
            yield outcome
            outputs = _root_links(run, outcome.result)
    except BaseException as error:
        run.close(error)
        raise
    else:
        run.close(links=outputs)
    finally:
        active_run.reset(token)


def _root_links(run: ActiveRun, result: Any) -> list[ArtifactTaskLink]:
    """Return the links of what the pipeline body returned (rows 3 and 20)."""
    if isinstance(result, OutputHandles):
        named = dict(result._by_key)
    elif isinstance(result, tuple) and hasattr(result, "_fields"):
        named = dict(zip(result._fields, result, strict=True))
    elif type(result) is tuple:
        named = {f"Output_{number}": item for number, item in enumerate(result)}
    else:
        named = result if isinstance(result, dict) else {"Output": result}
    links = []
    for key, item in named.items():
        found = list(_handles(item))
        if found and not isinstance(key, str):
            raise HandleUsageError(
                f"the pipeline returned a dict with the key {key!r}",
                hint="outputs of a pipeline are named by text",
            )
        links += [
            run.link(run.root, io_type, key, stored, producer, place)
            for place, (io_type, stored, producer) in enumerate(found)
        ]
    return links


def _handles(item: Any) -> Iterator[tuple[IOType, Stored, Producer]]:
    if isinstance(item, Handle):
        yield IOType.OUTPUT, item._stored, item._producer
    elif isinstance(item, FanOut):
        for element in item:
            # Leaving a group, the producer is the child as its parent names it (R3).
            iteration = element._producer.iteration
            producer = Producer(task_name=item._producer.task_name, iteration=iteration)
            yield IOType.ITERATOR_OUTPUT, element._stored, producer
    elif isinstance(item, list | tuple):
        for element in item:
            yield from _handles(element)
