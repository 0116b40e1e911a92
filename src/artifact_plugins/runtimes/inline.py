"""The inline runtime: a step runs where and when it is called."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from artifact_plugins.contracts.runtime import Runtime
from artifact_plugins.errors import SettingsError


class InlineRuntime:
    """Calls the function in this thread; async functions run in an event loop."""

    name = "inline"

    def call(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
        """Run `function(**kwargs)` and return its value; exceptions pass unchanged."""
        result = function(**kwargs)
        return _run(result) if inspect.iscoroutine(result) else result


def make_runtime(name: str) -> Runtime:
    """Return the runtime of a setting.

    Raises:
        SettingsError: There is no runtime of that name.
    """
    if name == "inline":
        return InlineRuntime()
    raise SettingsError(f"there is no runtime {name!r}", hint="use 'inline'")


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # A notebook has a loop running in this thread: use another thread.
    context = contextvars.copy_context()
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(context.run, asyncio.run, coroutine).result()
