"""The write gate: one writer at a time, over threads and processes.

SQLite 3.7.0 to 3.51.2 can damage a write-ahead log when a checkpoint meets a
writer (fixed in 3.51.3), so there every write transaction holds a lock on
`<ledger>.lock` too. The lock is two system calls on a file kept open, and
makes waiting fairer than SQLite's own polling.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

from artifact_plugins.file_lock import unlock, wait_for_lock
from artifact_plugins.ledger.failures import busy, system_failure

FILE_LOCK_NEEDED = sqlite3.sqlite_version_info < (3, 51, 3)
FORK_SECONDS = 5.0


class WriteGate:
    """Held by whoever writes to one ledger file.

    Args:
        path: The ledger file; None for a ledger in memory.
        timeout_seconds: How long `acquire` waits.
    """

    def __init__(self, path: Path | None, timeout_seconds: float) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._pid = os.getpid()
        self._threads = threading.Lock()
        self._fd: int | None = None
        self._is_locked = False
        self._holder: int | None = None

    def acquire(self, *, across_processes: bool = FILE_LOCK_NEEDED) -> None:
        """Wait for the gate.

        Raises:
            LedgerBusyError: Others held it for the whole timeout.
            StoreWriteError: The lock file cannot be made.
        """
        if self._pid != os.getpid():
            # A forked child shares the parent's locks, so they exclude nobody.
            self._leave_parent()
        started = time.monotonic()
        if not self._threads.acquire(blocking=False) and not self._threads.acquire(
            timeout=self._timeout
        ):
            raise busy(str(self._path), time.monotonic() - started)
        self._holder = threading.get_ident()
        if self._path is None or not across_processes:
            return
        try:
            fd = self._open(self._path)
            self._is_locked = wait_for_lock(fd, until=started + self._timeout)
        except OSError as error:
            self.release()
            raise system_failure(error, str(self._path), writing=True) from error
        except BaseException:
            self.release()
            raise
        if not self._is_locked:
            self.release()
            raise busy(str(self._path), time.monotonic() - started)

    def release(self) -> None:
        """Let the next writer in."""
        if self._is_locked and self._fd is not None:
            self._is_locked = False
            unlock(self._fd)
        self._holder = None
        self._threads.release()

    def close(self) -> None:
        """Close the lock file; the file stays, since others may hold it."""
        if self._fd is not None and self._pid == os.getpid():
            os.close(self._fd)
        self._fd = None

    def keep_shut(self) -> bool:
        """Let no thread of this process in; False when the caller is in, or somebody stays."""
        if self._holder == threading.get_ident():
            return False
        return self._threads.acquire(timeout=FORK_SECONDS)

    def open_again(self) -> None:
        """End `keep_shut`."""
        self._threads.release()

    def _leave_parent(self) -> None:
        self._pid = os.getpid()
        self._threads = threading.Lock()
        self._fd = None
        self._is_locked = False

    def _open(self, path: Path) -> int:
        if self._fd is None:
            self._fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._fd
