"""Pipelines and runs: a body whose step calls are tasks of one run."""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, overload

from artifact_plugins.errors import HandleUsageError, RunUsageError, StepDefinitionError
from artifact_plugins.records import ArtifactVersion, IOType, check_name
from artifact_plugins.runtimes.inline import InlineRuntime
from artifact_plugins.session import Session, current_session
from artifact_plugins.steps.active import ActiveRun, active_run
from artifact_plugins.steps.bindings import Argument, is_handle, store_literal
from artifact_plugins.steps.exits import check_exit_step, run_exit_step
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles
from artifact_plugins.steps.inside import active_task
from artifact_plugins.steps.loop import for_each_body
from artifact_plugins.steps.nested import call_nested, parameters, root_links
from artifact_plugins.steps.progress import show_progress
from artifact_plugins.steps.result import PipelineRun
from artifact_plugins.steps.step import Step
from artifact_plugins.steps.views import NOBODY, Incoming, LinkPlan, Stored

P = ParamSpec("P")


class Pipeline(Generic[P]):
    """A function whose body calls steps; calling it is a run.

    Inside the body of another run, a call is a nested group of that run.

    Attributes:
        function: The plain body.
        name: Name of the pipeline; the function's.
        on_exit: The step that is told how each run ended.
        bound: Parameters bound by `partial`.
    """

    def __init__(
        self,
        function: Callable[P, Any],
        name: str,
        *,
        on_exit: Step[..., Any] | None = None,
        bound: Mapping[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name
        self.on_exit = on_exit
        self.bound = dict(bound or {})
        self.signature = inspect.signature(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> PipelineRun:
        """Run the body; returns when every step has ended.

        Inside the body of another run: a group of tasks; returns what the body
        returns, handles.

        Raises:
            Exception: What the first failing step raised; the run is FAILED.
        """
        bound = self.signature.bind(*args, **{**self.bound, **kwargs})
        given = set(bound.arguments)
        bound.apply_defaults()
        outer = active_run.get()
        if outer is not None and active_task.get() is None:
            nested: PipelineRun = call_nested(outer, self, bound.arguments, given)
            return nested
        run = _new_run(self.name)
        with run.gathering():
            arguments = {
                name: _root_argument(run, value, name, was_given=name in given)
                for name, value in bound.arguments.items()
            }
        links = [plan for name, a in arguments.items() for plan in a.plans(run.root, name)]
        handles = parameters(run, run.top, run.scope, arguments, bound.arguments)
        shown = {
            name: argument.items[0].stored
            for name, argument in arguments.items()
            if not argument.is_list
        }
        with _running(run, shown, links, self.on_exit) as outcome:
            outcome.result = self.function(**handles)  # type: ignore[call-arg]  # handles for values
        return outcome

    def map(self, **lists: Any) -> Any:
        """Call the pipeline once per item inside the body of another run; lists are zipped.

        Returns:
            What the calls return, as fan-outs.

        Raises:
            RunUsageError: There is no run that it could be part of.
            HandleUsageError: As `Step.map`.
        """
        return self._map(lists, is_product=False)

    def map_product(self, **lists: Any) -> Any:
        """Call the pipeline once per combination of items, the last list fastest."""
        return self._map(lists, is_product=True)

    def partial(self, **bound: Any) -> Pipeline[...]:
        """Return the pipeline with some parameters bound."""
        self._check_names(bound)
        return Pipeline(
            self.function, self.name, on_exit=self.on_exit, bound={**self.bound, **bound}
        )

    def _map(self, lists: Mapping[str, Any], *, is_product: bool) -> Any:
        self._check_names(lists)
        run = active_run.get()
        if run is None or active_task.get() is not None:
            raise RunUsageError(
                f"pipeline {self.name!r} was mapped outside the body of a run",
                hint="map it in another pipeline, or call it once per item",
            )
        return for_each_body(run, self, lists, name=self.name, is_product=is_product)

    def _check_names(self, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self.signature.parameters:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}")

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def _root_argument(run: ActiveRun, value: Any, name: str, *, was_given: bool) -> Argument:
    io_type = IOType.RUNTIME_VALUE_INPUT if was_given else IOType.COMPONENT_DEFAULT_INPUT
    if isinstance(value, Handle | FanOut | OutputHandles):
        raise HandleUsageError(
            f"pipeline parameter {name!r} got {value!r} of another run",
            hint="hand over its .version, or ap.value(handle)",
        )
    is_list = type(value) in (list, tuple) and any(map(is_handle, value))
    if is_list and not all(isinstance(item, ArtifactVersion) for item in value):
        raise HandleUsageError(
            f"pipeline parameter {name!r} got a list of versions and other things",
            hint="hand over versions only, or plain values only",
        )
    if is_list:
        stored = [Stored(item) for item in value]
    elif isinstance(value, ArtifactVersion):
        stored = [Stored(value)]
    else:
        stored = [store_literal(run, value, f"{run.record.pipeline}-{name}")]
    return Argument(tuple(Incoming(io_type, NOBODY, item) for item in stored), is_list=is_list)


@overload
def pipeline(function: Callable[P, Any], /) -> Pipeline[P]: ...


@overload
def pipeline(
    *, name: str | None = None, on_exit: Step[..., Any] | None = None
) -> Callable[[Callable[P, Any]], Pipeline[P]]: ...


def pipeline(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    on_exit: Step[..., Any] | None = None,
) -> Any:
    """Make a function a pipeline: its parameters arrive in the body as handles.

    Args:
        name: Name of the pipeline; the function's name when not given.
        on_exit: A step with one input annotated `ap.FinalStatus`: it runs last,
            however the others ended.

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
        if on_exit is not None:
            check_exit_step(on_exit)
        checked = check_name(name or function.__name__, "pipeline name")
        return Pipeline(function, checked, on_exit=on_exit)

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
    with _running(run, {}, [], None) as outcome:
        yield outcome


@contextmanager
def start_run_here(session: Session, name: str) -> Iterator[PipelineRun]:
    """Make the step calls of a `with` block one run of a session; they run in this thread.

    Raises:
        RunUsageError: A run is in progress already.
    """
    _check_is_free(name)
    with _running(ActiveRun(session, name, InlineRuntime()), {}, [], None) as outcome:
        yield outcome


def _new_run(name: str) -> ActiveRun:
    _check_is_free(name)
    return ActiveRun(current_session(), name)


def _check_is_free(name: str) -> None:
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


@contextmanager
def _running(
    run: ActiveRun,
    shown: Mapping[str, Stored],
    links: list[LinkPlan],
    on_exit: Step[..., Any] | None,
) -> Iterator[PipelineRun]:
    token = active_run.set(run)
    try:
        run.context = contextvars.copy_context()
        run.open(shown, links)
        outcome = PipelineRun(run.session, run.record.id)
        error: BaseException | None = None
        outputs: list[LinkPlan] = []
        try:
            with show_progress(run.record.name):
                yield outcome
                outputs = root_links(run, outcome.result)
                run.drain()
        except BaseException as raised:  # noqa: BLE001  # raised again when the run is closed
            error = run.stop(raised)
        error = error or run.first_error
        if on_exit is not None and run.is_ours:
            try:
                run_exit_step(run, on_exit, run.top, error)
            except BaseException as raised:  # noqa: BLE001  # as above
                error = raised
        error = run.close(error, outputs)
    finally:
        active_run.reset(token)
    if error is not None:
        raise error
