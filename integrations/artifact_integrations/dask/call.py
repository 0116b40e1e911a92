"""DaskCall: one call in the cluster, and what became of it in words."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import Any

from artifact_plugins.errors import (
    ArtifactPluginsError,
    RunError,
    StepNotSendableError,
    WorkerLostError,
    describe,
)


class DaskCall(Future[Any]):
    """The future of a call; once it is sent, nobody here knows whether it runs already.

    So `cancel` asks the cluster and answers False: the call ends with
    `CancelledError`, not as one that never began.

    Args:
        address: Of the scheduler, for messages.
        give_up: Asks the cluster to cancel a future; returns at once.
    """

    def __init__(self, address: str, give_up: Callable[[Future[Any]], None]) -> None:
        super().__init__()
        self._address = address
        self._give_up = give_up
        self._sent: Future[Any] | None = None
        self._is_given_up = False
        self.set_running_or_notify_cancel()

    def follow(self, sent: Future[Any]) -> None:
        """Take the future that Dask made of the call."""
        self._sent = sent
        sent.add_done_callback(self._take)

    def cancel(self) -> bool:
        """Ask the cluster to drop the call; a step that runs there runs on, unheard."""
        if not self.done() and self._sent is not None:
            self._is_given_up = True
            self._give_up(self._sent)
        return False

    def lose(self, error: BaseException) -> None:
        """End it with an error, unless it has ended."""
        with suppress(InvalidStateError):
            self.set_exception(error)

    def _take(self, sent: Future[Any]) -> None:
        if sent.cancelled():
            self.lose(CancelledError() if self._is_given_up else self._lost())
        elif (error := sent.exception()) is not None:
            self.lose(explained(error, self._address))
        else:
            with suppress(InvalidStateError):
                self.set_result(sent.result())

    def _lost(self) -> WorkerLostError:
        return WorkerLostError(
            f"the connection to the Dask scheduler {self._address} broke, or somebody else "
            "cancelled the call, while this task was there",
            hint="what had ended before is committed; look at the log of the scheduler",
        )


def explained(error: BaseException, address: str) -> ArtifactPluginsError:
    """Return what the cluster raised, in our words; what a step raises never comes this way."""
    found = _explained(error, address)
    if found is not error:
        found.__cause__ = error
    return found


def _explained(error: BaseException, address: str) -> ArtifactPluginsError:
    from distributed import KilledWorker  # late: it is imported already when a call ends

    if isinstance(error, ArtifactPluginsError):
        return error
    if isinstance(error, KilledWorker):
        return WorkerLostError(
            f"every worker of the Dask scheduler {address} that ran this task died: "
            f"{describe(error)}",
            hint="what had ended before is committed; look for memory limits and crashes",
        )
    if isinstance(error, ImportError):
        return StepNotSendableError(
            f"a worker of the Dask scheduler {address} cannot import module {error.name!r}, "
            f"which the step or its arguments need: {describe(error)}",
            hint="install it, and artifact-plugins, where the workers run; the step was not called",
            module=error.name,
        )
    return RunError(
        f"a worker of the Dask scheduler {address} could not take the call: {describe(error)}",
        hint="workers need the versions of Python, cloudpickle and artifact-plugins "
        "that this process has",
    )
