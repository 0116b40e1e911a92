"""IsolatedValue: a value that stays in the process of its own environment, and answers from there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from artifact_plugins.errors import (
    EnvironmentMismatchError,
    HandleUsageError,
    LoadFailedError,
)
from artifact_plugins.isolation.exchange import Exchange
from artifact_plugins.isolation.process import ChildEndedError, ChildProcess, failed_to_end
from artifact_plugins.isolation.wire import Message
from artifact_plugins.isolation.work import Limits


class IsolatedValue:
    """A value in another process; use its methods as if it were here.

    Arguments and results are copied as Arrow, npy or JSON. Public attributes
    that hold data come as copies; setting one has no effect there and is
    refused here. Close it, or leave its `with` block, to end the process.

        with session.load("model") as model:
            model.predict(frame)
    """

    def __init__(
        self,
        process: ChildProcess,
        exchange: Exchange,
        *,
        what: str,
        data_type: str,
        limits: Limits,
    ) -> None:
        own = vars(self)
        own["_process"] = process
        own["_exchange"] = exchange
        own["_what"] = what
        own["_data_type"] = data_type
        own["_limits"] = limits

    def close(self) -> None:
        """End the process; every later use is an error. Closing twice is fine."""
        self._process.close()

    def __enter__(self) -> IsolatedValue:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "" if self._process.is_open else ", closed"
        return f"<isolated {self._data_type} of {self._what}{state}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the value itself."""
        return self._call("__call__", args, kwargs)

    def __iter__(self) -> Iterator[Any]:
        """Yield the items of a stream or another iterable; each comes as a copy when it is asked for.

        Raises:
            LoadFailedError: The value cannot be iterated, or failed on the way.
            EnvironmentMismatchError: An item cannot come back as data.
        """
        self._ask({"do": "iterate", "name": "__iter__"}, None)
        while (answer := self._ask({"do": "next", "name": "__next__"}, None)).header["is"] != "end":
            yield self._result(answer, "an item")

    def __getattr__(self, name: str) -> Any:
        """Return a method that is called there, or a copy of a data attribute.

        Raises:
            AttributeError: The value has none, or the name is private.
            EnvironmentMismatchError: The attribute is neither callable nor data.
            LoadFailedError: The process is gone.
        """
        if name.startswith("_"):
            raise AttributeError(f"{name!r} of an isolated value cannot be reached")
        answer = self._ask({"do": "attribute", "name": name}, None)
        if answer.header.get("is") == "callable":
            return self._method(name)
        return self._result(answer, f"attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise HandleUsageError(
            f"{name!r} of {self!r} cannot be set from here", hint="the value is unchanged"
        )

    def __reduce__(self) -> NoReturn:
        raise HandleUsageError(
            f"{self!r} lives in a process of its own and can be neither pickled nor copied",
            hint="load the version where it is needed",
        )

    def _method(self, name: str) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            return self._call(name, args, kwargs)

        method.__name__ = method.__qualname__ = name
        return method

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with tempfile.TemporaryDirectory(prefix="artifact_plugins-") as text:
            folder = Path(text)
            part = self._exchange.pack({"args": args, "kwargs": kwargs}, folder)
            answer = self._ask({"do": "call", "name": name, "part": part}, folder)
        return self._result(answer, f"what {name!r} gave")

    def _ask(self, header: dict[str, Any], folder: Path | None) -> Message:
        limits = self._limits
        try:
            answer: Message = self._process.ask(
                {**header, "seconds": limits.call_seconds},
                folder,
                seconds=limits.call_seconds,
                most_bytes=limits.answer_bytes,
            )
        except ChildEndedError as error:
            raise failed_to_end(error, self._what) from error
        said = answer.header
        if said.get("is") == "failed":
            if said.get("name") == "AttributeError" and header["do"] == "attribute":
                raise AttributeError(f"{self!r} has no attribute {header['name']!r}")
            raise LoadFailedError(
                f"{header['name']!r} of {self!r} failed there: {said.get('error')!s:.2000}",
                hint="its traceback is the attribute `trace` of this error",
                trace=str(said.get("trace"))[:20_000],
            )
        return answer

    def _result(self, answer: Message, which: str) -> Any:
        said = answer.header
        if said.get("is") != "value":
            raise EnvironmentMismatchError(
                f"{which} of {self!r} cannot come back as data: {said.get('why')!s:.2000}",
                hint="call what gives arrays, frames, numbers, text or containers of them",
            )
        return self._exchange.unpack(said.get("part"), answer.files)
