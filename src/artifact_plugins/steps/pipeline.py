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
from artifact_plugins.steps.bindings import NOBODY, store_literal
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
        session = current_session()
        run = _new_run(self.name, {})
        stored = {name: _store(run, value, name) for name, value in bound.arguments.items()}
        shown = {n: s.literal for n, s in stored.items() if s.version is None}
        run.record = run.record.model_copy(update={"parameters": shown})
        links = [
            run.link(run.root, _argument_type(name in given), name, stored[name], NOBODY)
            for name in stored
        ]
        root = Producer(task_name=ROOT)
        handles = {
            name: Handle(session, item, IOType.COMPONENT_INPUT, root, name)
            for name, item in stored.items()
        }
        with _running(run, links) as outcome:
            outcome.result = self.function(**handles)  # type: ignore[arg-type, call-arg]  # handles for values
        return outcome

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def _argument_type(was_given: bool) -> IOType:
    return IOType.RUNTIME_VALUE_INPUT if was_given else IOType.COMPONENT_DEFAULT_INPUT


def _store(run: ActiveRun, value: Any, name: str) -> Stored:
    if isinstance(value, Handle | FanOut | OutputHandles):
        raise HandleUsageError(f"pipeline parameter {name!r} got {value!r} of another run")
    if isinstance(value, ArtifactVersion):
        return Stored(value)
    return store_literal(run, value, f"{run.record.pipeline}-{name}")


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
    run = _new_run(check_name(name, "pipeline name"), {})
    with _running(run, []) as outcome:
        yield outcome


def _new_run(name: str, parameters: Mapping[str, Any]) -> ActiveRun:
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
    return ActiveRun(current_session(), name, dict(parameters))


@contextmanager
def _running(run: ActiveRun, links: list[ArtifactTaskLink]) -> Iterator[PipelineRun]:
    run.open(links)
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
    named = (
        result
        if isinstance(result, dict)
        else dict(result._by_key)
        if isinstance(result, OutputHandles)
        else {f"Output_{n}": item for n, item in enumerate(result)}
        if type(result) is tuple
        else {"Output": result}
    )
    links = []
    for key, item in named.items():
        elements = item if isinstance(item, FanOut | list) else [item]
        io_type = IOType.ITERATOR_OUTPUT if isinstance(item, FanOut) else IOType.OUTPUT
        links += [
            run.link(run.root, io_type, key, handle._stored, _source(item, handle), place)
            for place, handle in enumerate(elements)
            if isinstance(handle, Handle)
        ]
    return links


def _source(item: Any, handle: Handle) -> Producer:
    # Leaving a group, the producer is the child as its parent names it (R3).
    if isinstance(item, FanOut):
        return Producer(task_name=item._loop, iteration=handle._producer.iteration)
    return handle._producer
