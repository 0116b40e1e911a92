"""Async steps: side by side in one event loop, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from artifact_plugins.steps.inside import ActiveTask, active_task
from artifact_plugins.steps.job import (
    Arguments,
    Code,
    Outcome,
    Retrying,
    check_retry,
    load_inputs,
    stage_outputs,
)
from artifact_plugins.steps.lanes import Report

if TYPE_CHECKING:
    from artifact_plugins.steps.active import ActiveRun
    from artifact_plugins.steps.call import Call

_log = logging.getLogger("artifact_plugins")
ASYNC_CALLS = 256
"""How many async steps of a run are in their event loop at a time."""
CLOSE_SECONDS = 5.0
"""How long async steps have to end when they are cancelled."""


class AsyncLane:
    """One event loop in a thread of its own; async steps run in it side by side."""

    width = ASYNC_CALLS
    starts_at_once = True

    def __init__(self, run: ActiveRun) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="artifact_plugins-async", daemon=True
        )
        self._thread.start()

    def submit(self, call: Call) -> Future[Any]:
        """Start a call in the loop, in the context that the run began in."""
        context = call.run.context.copy()
        return context.run(asyncio.run_coroutine_threadsafe, _there(call), self._loop)

    def report(self, future: Future[Any]) -> Report:
        """Return how it ended."""
        found: Report = future.result()
        return found

    def close(self) -> None:
        """End the loop; what still runs in it is cancelled, or left behind if it will not end."""
        others = asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop)
        try:
            others.result(CLOSE_SECONDS)
        except TimeoutError:
            others.cancel()
            _log.warning("an async step does not end although it was cancelled; it is left behind")
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


async def _there(call: Call) -> Report:
    active = call.active()
    try:
        outcome = await perform_async(call.code, call.arguments, active, call.start)
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  # the scheduler hands it to whoever waits
        return Report(active.record, error=error, read=active.read)
    return Report(active.record, outcome, read=active.read)


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def perform_async(
    code: Code, arguments: Arguments, active: ActiveTask, retrying: Retrying
) -> Outcome:
    """Do the same with an async step function, beside others in one event loop.

    Inputs are read and outputs written in threads, so that the loop goes on.
    """
    active_task.set(active)  # each task of a loop has a context of its own
    while True:
        try:
            inputs = await asyncio.to_thread(load_inputs, code, arguments, active)
            started = time.perf_counter()
            try:
                returned = await code.function(**inputs)
            except BaseException as error:
                active.failed = error
                raise
            seconds = time.perf_counter() - started
            return Outcome(await asyncio.to_thread(stage_outputs, code, returned, active), seconds)
        except Exception as error:  # noqa: BLE001  # raised again, or tried again
            check_retry(code, active, error)
            await asyncio.sleep(code.retry_delay_seconds)
            retrying(active.next_attempt())
