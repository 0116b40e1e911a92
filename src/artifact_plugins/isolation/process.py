"""The child as its parent sees it: started, asked with a time limit, killed with all it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from artifact_plugins.errors import LoadFailedError
from artifact_plugins.isolation.killing import kill_group
from artifact_plugins.isolation.wire import Message, receive, send

_CHILD = Path(__file__).with_name("child.py")
_CORE = _CHILD.parents[1]
_LAST_BYTES = 4000
# The libraries of the interpreter itself may be found through these.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TZ", "LANG", "LC_ALL")


class ChildEndedError(Exception):
    """The child is gone; the text says how it ended and what it printed last."""


class ChildProcess:
    """One child with a private folder, which is its home and its temporary folder.

    Args:
        python: Interpreter of the environment.
    """

    def __init__(self, python: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="artifact_plugins-isolated-"))
        self._lock = threading.Lock()
        self._is_late = False
        errors = (self.folder / "stderr.txt").open("wb")
        (self.folder / "home").mkdir()
        try:
            self._process = subprocess.Popen(
                # -I: neither variables nor the working folder decide what is imported.
                [str(python), "-I", "-B", "-X", "utf8", str(_CHILD), str(_CORE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.folder / "home",
                env=self._environment(),
                start_new_session=True,
            )
        except OSError:
            _remove(self.folder)
            raise
        finally:
            errors.close()
        # Not a method of self, which would keep self alive.
        self._finalizer = weakref.finalize(self, _end, self._process, self.folder, os.getpid())

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._finalizer.alive

    def ask(
        self,
        header: Mapping[str, Any] | None,
        folder: Path | None = None,
        *,
        seconds: float,
        most_bytes: int,
    ) -> Message:
        """Send a message, unless `header` is None, and return the answer.

        The child is gone after anything but an answer.

        Raises:
            ChildEndedError: It ended, or did not answer in time and was killed.
            EnvironmentMismatchError, StoreIntegrityError: It answered what
                cannot be read.
        """
        with self._lock:
            process = self._process
            if not self.is_open:
                raise ChildEndedError("it was closed")
            requests, answers = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
            timer = threading.Timer(seconds, self._expire)
            timer.daemon = True
            timer.start()
            try:
                if header is not None:
                    send(requests, header, folder)
                return receive(answers, most_bytes=most_bytes)
            except (EOFError, OSError) as error:
                raise ChildEndedError(self._how_it_ended(seconds)) from error
            except BaseException:
                self.close()
                raise
            finally:
                timer.cancel()

    def close(self) -> None:
        """End the child and everything it started, and remove its folder."""
        self._finalizer()

    def _expire(self) -> None:
        self._is_late = True
        kill_group(self._process)

    def _how_it_ended(self, seconds: float) -> str:
        said = _last_words(self.folder / "stderr.txt")
        self.close()
        code = self._process.returncode
        if self._is_late:
            how = f"it gave no answer within {seconds:g} seconds and was killed"
        elif code is not None and code < 0:
            with contextlib.suppress(ValueError):
                code = signal.Signals(-code).name
            how = f"it was ended by {code}"
        else:
            how = f"it ended without an answer (exit code {code})"
        return f"{how}; it printed last:\n{said}" if said else how

    def _environment(self) -> dict[str, str]:
        home = str(self.folder / "home")
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"HOME": home, "TMPDIR": home, "TEMP": home, "TMP": home, "PATH": os.defpath}
        return {**kept, **own}


def _end(process: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the parent: neither is its own
        return
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            assert stream is not None
            stream.close()
    # Whatever the child answered or not, what it started ends with it.
    kill_group(process)
    process.wait()
    _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _last_words(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - _LAST_BYTES))
            return stream.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def failed_to_end(error: ChildEndedError, what: str) -> LoadFailedError:
    """Return the error of a load or call whose child ended."""
    return LoadFailedError(
        f"the isolated process of {what} is gone: {error}",
        hint="nothing of it was used; the stored bytes are untouched",
    )
