"""The filesystem object of this process: made at first use, made again after a fork."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from fsspec.asyn import sync

from artifact_plugins.content.remote.faults import Fault
from artifact_plugins.errors import StoreError

T = TypeVar("T")

# The libraries' own timeouts begin again with every byte.
ANSWER_SECONDS = 900
_CLOSING_SECONDS = 5
# How many that were let go may still have requests under way.
_RETIRED = 2


class Connection:
    """Hands coroutines to the event loop of an fsspec filesystem and waits for them.

    A child of a fork has neither the thread of that loop nor sockets of its
    own, so it gets a filesystem of its own. fsspec's cache of filesystems is
    not used: it would hand out one that knows an earlier environment.

    Args:
        make: Returns a new filesystem, which finds its credentials itself.
        end: Closes what a filesystem holds open.
        translate: Returns what an exception of the provider means.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        end: Callable[[Any], Awaitable[None]],
        translate: Callable[[Exception], Fault],
    ) -> None:
        self._make = make
        self._end = end
        self._translate = translate
        # By process id: what a parent made stays untouched in its child.
        self._made: dict[int, Any] = {}
        self._retired: list[tuple[int, Any]] = []
        _connections.add(self)

    @property
    def filesystem(self) -> Any:
        """The filesystem of this process."""
        process = os.getpid()
        found = self._made.get(process)
        # Two threads at once may make one each; both then use the first.
        return self._made.setdefault(process, self._make()) if found is None else found

    def run(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        """Return what the coroutine `ask(filesystem)` returns.

        Raises:
            Fault: Whatever else the provider's library raised.
        """
        try:
            filesystem = self.filesystem
            result: T = sync(filesystem.loop, ask, filesystem, timeout=ANSWER_SECONDS)
        except (Fault, StoreError):
            raise
        except Exception as error:
            # Nobody lists all that these libraries and theirs raise.
            raise self._translate(error) from error
        return result

    def renew(self) -> None:
        """Let the next call make another filesystem; requests under way keep theirs."""
        process = os.getpid()
        filesystem = self._made.pop(process, None)
        if filesystem is not None:
            self._retired.append((process, filesystem))
            self._end_retired(keep=_RETIRED)

    def close(self) -> None:
        """Close the filesystems of this process; the next call makes another one."""
        self.renew()
        self._end_retired(keep=0)

    def _end_retired(self, *, keep: int) -> None:
        while len(self._retired) > keep:
            process, filesystem = self._retired.pop(0)
            if process == os.getpid():
                # The connections are lost either way.
                with suppress(Exception):
                    sync(filesystem.loop, self._end, filesystem, timeout=_CLOSING_SECONDS)

    def __del__(self) -> None:
        self.close()


_connections: weakref.WeakSet[Connection] = weakref.WeakSet()


def _close_all() -> None:
    for connection in list(_connections):
        connection.close()


# Runs before the finalizers of the filesystems, which close from the wrong thread.
atexit.register(_close_all)
