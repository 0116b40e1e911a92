"""The step decorator: a function that is recorded when it is called inside a run."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from artifact_plugins.errors import HandleUsageError, InvalidNameError, StepDefinitionError
from artifact_plugins.records import IOType, check_name
from artifact_plugins.steps.active import ActiveRun, active_run
from artifact_plugins.steps.bindings import Argument, default_argument, normalize
from artifact_plugins.steps.call import call_step
from artifact_plugins.steps.handles import FanOut, Handle, OutputHandles, collapse
from artifact_plugins.steps.inside import active_task
from artifact_plugins.steps.job import Code
from artifact_plugins.steps.loop import map_step
from artifact_plugins.steps.scopes import Place, leaf_origin, own_producer
from artifact_plugins.steps.signature import StepSignature, read_signature

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Step(Generic[P, R]):
    """A function whose calls inside a run are tasks.

    Outside a run, and inside another step, it is the plain function.

    Attributes:
        function: The plain function.
        name: Name of the step; the function's.
        retries: How often a failing call is repeated.
        retry_delay_seconds: Pause before each repetition.
        cache: Whether results of an earlier call are used; None: as the settings say.
        bound: Inputs bound by `partial`.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        retries: int = 0,
        retry_delay_seconds: float = 0.0,
        cache: bool | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name: str = name or str(getattr(function, "__name__", ""))
        self.retries = retries
        self.retry_delay_seconds = retry_delay_seconds
        self.cache = cache
        self.bound = dict(fixed or {})
        self._is_method = False

    def __set_name__(self, owner: type, name: str) -> None:
        # Only what was defined in the class body has a `self`; a step that is
        # merely kept as an attribute has not.
        self._is_method = self.function.__qualname__ == f"{owner.__qualname__}.{name}"
        for cached in ("signature", "code"):
            self.__dict__.pop(cached, None)  # read before the class was complete

    def __get__(self, instance: object, owner: type | None = None) -> Step[..., R]:
        if instance is None or not self._is_method:
            return self
        return self._copy(self.function.__get__(instance, owner), self.bound)

    @functools.cached_property
    def code(self) -> Code:
        """Return what a call needs to know."""
        return Code(
            self.name,
            self.function,
            self.signature,
            self.retries,
            self.retry_delay_seconds,
            self.cache,
        )

    @functools.cached_property
    def signature(self) -> StepSignature:
        """Return the declared inputs and outputs."""
        return read_signature(self.function, self.name, bound=self._is_method)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        run = active_run.get()
        if run is None or active_task.get() is not None:
            return self._plain(args, kwargs)
        given = self._names(args, kwargs)
        with run.gathering():
            arguments = self.arguments(run, given)
        scope = run.scope
        call = call_step(run, self.code, arguments, Place(scope.task_name(self.name), scope))
        producer = own_producer(call.task)
        handles = {
            key: Handle(
                run,
                scope,
                stored,
                IOType.TASK_OUTPUT_INPUT,
                producer,
                key,
                origin=leaf_origin(call.task, key),
            )
            for key, stored in call.outputs.items()
        }
        return cast(R, collapse(handles, self.signature.is_multiple))

    def map(self, **lists: Any) -> Any:
        """Call the step once per item of the lists given; several lists are zipped.

        Args:
            lists: By input name: a list, a handle of one, or a mapped result.

        Returns:
            A fan-out: hand it to a step that takes a list, or map over it.

        Raises:
            HandleUsageError: Not a list, lists of different lengths, no list,
                or more than 100,000 items.
        """
        return self._map(lists, is_product=False)

    def map_product(self, **lists: Any) -> Any:
        """Call the step once per combination of items, the last list fastest; else as `map`."""
        return self._map(lists, is_product=True)

    def _map(self, lists: Mapping[str, Any], *, is_product: bool) -> Any:
        self._check_names(lists)
        if not lists:
            raise HandleUsageError(f"step {self.name!r} is mapped over nothing")
        run = active_run.get()
        if run is None or active_task.get() is not None:
            return self._plain_map(lists, is_product=is_product)
        with run.gathering():
            broadcast = self.arguments(run, self.bound, omitted=lists.keys())
        return map_step(run, self, lists, broadcast, is_product=is_product)

    def partial(self, **fixed: Any) -> Step[..., R]:
        """Return the step with some inputs bound, the same for every call."""
        self._check_names(fixed)
        return self._copy(self.function, {**self.bound, **fixed})

    def _copy(self, function: Callable[..., Any], fixed: Mapping[str, Any]) -> Step[..., R]:
        return Step(
            function,
            name=self.name,
            retries=self.retries,
            retry_delay_seconds=self.retry_delay_seconds,
            cache=self.cache,
            fixed=fixed,
        )

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def _plain(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
        function = cast(Callable[..., R], self.function)
        for argument in (*args, *kwargs.values(), *self.bound.values()):
            if isinstance(argument, Handle | FanOut | OutputHandles):
                raise HandleUsageError(
                    f"step {self.name!r} got {argument!r} outside a run",
                    hint="use ap.value(handle) for the value",
                )
        if not self.bound:
            return function(*args, **kwargs)
        return function(**self._names(args, kwargs))

    def _plain_map(self, lists: Mapping[str, Any], *, is_product: bool) -> list[R]:
        for name, values in lists.items():
            if not isinstance(values, list | tuple | range):
                raise HandleUsageError(
                    f"step {self.name!r} is mapped over a {type(values).__qualname__} as {name!r}",
                    hint="map over a list",
                )
        rows: Iterable[tuple[Any, ...]] = itertools.product(*lists.values())
        if not is_product:
            if len({len(values) for values in lists.values()}) > 1:
                raise HandleUsageError(
                    f"step {self.name!r} is mapped over lists of different lengths"
                )
            rows = zip(*lists.values(), strict=True)
        return [self._plain((), dict(zip(lists, row, strict=True))) for row in rows]

    def _names(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Bind positional arguments; wrong calls fail like the plain function would."""
        self._check_names(kwargs)
        by_place = dict(zip(self.signature.positional, args, strict=False))
        if len(by_place) < len(args):
            raise TypeError(
                f"{self.name}() takes {len(by_place)} positional arguments "
                f"but {len(args)} were given"
            )
        for name in by_place:
            if name in kwargs:
                raise TypeError(f"{self.name}() got multiple values for argument {name!r}")
        return {**self.bound, **by_place, **kwargs}

    def _check_names(self, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self.signature.inputs:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {name!r}")

    def arguments(
        self, run: ActiveRun, given: Mapping[str, Any], omitted: AbstractSet[str] = frozenset()
    ) -> dict[str, Argument]:
        """Return what the inputs get: given, declared default, or a TypeError.

        Args:
            given: By name, in the body that is running.
            omitted: Inputs that somebody else takes care of.
        """
        arguments: dict[str, Argument] = {}
        for name, port in self.signature.inputs.items():
            label = f"{self.name}-{name}"
            if name in omitted:
                continue
            if name in given:
                arguments[name] = normalize(run, given[name], label).check(port, label)
            elif port.default is not inspect.Parameter.empty:
                arguments[name] = default_argument(run, port, label)
            else:
                raise TypeError(f"{self.name}() missing a required argument: {name!r}")
        return arguments


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(
    *,
    name: str | None = None,
    retries: int = 0,
    retry_delay_seconds: float = 0.0,
    cache: bool | None = None,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retries: int = 0,
    retry_delay_seconds: float = 0.0,
    cache: bool | None = None,
) -> Any:
    """Make a function a pipeline step.

    Args:
        name: Name of its tasks; the function's name when not given.
        retries: How often a call that raises is repeated.
        retry_delay_seconds: Pause before each repetition.
        cache: Use the results of an earlier call with the same code, inputs and
            options instead of calling again; `Settings.cache` when not given.

    Raises:
        StepDefinitionError: The declaration cannot work; says what and where.
    """

    def decorate(function: Callable[..., Any]) -> Step[..., Any]:
        if isinstance(function, Step):
            raise StepDefinitionError(f"{function!r} is a step already")
        if not callable(function) or isinstance(function, type | staticmethod | classmethod):
            raise StepDefinitionError(
                f"{function!r} is not a function", hint="decorate a function or a method"
            )
        if inspect.isasyncgenfunction(function):
            raise StepDefinitionError(
                f"step {function.__name__!r} is an async generator",
                hint="use a plain generator, or return a list",
            )
        if not _is_count(retries) or not _is_count(retry_delay_seconds, float, int):
            raise StepDefinitionError(
                f"retries={retries!r} and retry_delay_seconds={retry_delay_seconds!r} "
                "are numbers from 0 up"
            )
        made = Step(
            function,
            name=name,
            retries=retries,
            retry_delay_seconds=retry_delay_seconds,
            cache=cache,
        )
        try:
            check_name(made.name, "step name")
            _ = made.signature
        except InvalidNameError as error:
            raise StepDefinitionError(str(error)) from error
        return made

    return decorate if function is None else decorate(function)


def _is_count(number: object, *kinds: type) -> bool:
    return type(number) in (kinds or (int,)) and 0 <= cast(float, number) < math.inf
