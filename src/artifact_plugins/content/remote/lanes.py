"""The threads that move bytes to and from a bucket, and how many bytes wait for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")

# Each thread waits for one request; the bytes move in the one loop of fsspec.
THREADS = 8
# What may wait for the threads; a save or a load holds about twice as much.
WAITING_BYTES = 64 * 1024 * 1024


class Lanes:
    """Runs requests beside each other; made again after a fork."""

    def __init__(self) -> None:
        # By process id: a child of a fork has no threads of its parent.
        self._pools: dict[int, _Pool] = {}

    def submit(self, size_bytes: int, work: Callable[..., T], *args: object) -> Future[T]:
        """Start `work(*args)`, which holds `size_bytes` in memory; waits for room first."""
        process = os.getpid()
        pool = self._pools.get(process)
        if pool is None:
            pool = self._pools.setdefault(process, _Pool())
        return pool.submit(size_bytes, partial(work, *args))

    def close(self) -> None:
        """End the threads of this process once their requests are answered."""
        pool = self._pools.pop(os.getpid(), None)
        if pool is not None:
            pool.threads.shutdown(wait=True)


class _Pool:
    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="artifact-store")
        self._room = threading.Condition()
        self._waiting_bytes = 0

    def submit(self, size_bytes: int, work: Callable[[], T]) -> Future[T]:
        with self._room:
            # One piece may always wait, however large it is.
            self._room.wait_for(
                lambda: not self._waiting_bytes or self._waiting_bytes + size_bytes <= WAITING_BYTES
            )
            self._waiting_bytes += size_bytes
        try:
            future = self.threads.submit(work)
        except BaseException:
            self._done(size_bytes)
            raise
        # Also called when it is cancelled.
        future.add_done_callback(lambda _: self._done(size_bytes))
        return future

    def _done(self, size_bytes: int) -> None:
        with self._room:
            self._waiting_bytes -= size_bytes
            self._room.notify_all()
