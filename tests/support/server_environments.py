"""Servers of other systems: their own environments, built once, and their processes.

bin_folder = environment("mlte", ["mlte[backend,rdbs]==2.7.0"])
with ServerProcess(
    [str(bin_folder / "mlte"), "backend", "--port", "{port}"],
    ready="/api/healthz",
    cwd=folder,
) as server:
    requests_to(server.url)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import pytest

# What a server gets of the tests' own environment: many read unprefixed
# variables (LOG_LEVEL, STORE_URI, PORT), and none needs a proxy to the loopback.
KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_FILE", "TMPDIR", "TZ")
_READY_SECONDS = 180.0
_STOP_SECONDS = 20.0
_BUILD_SECONDS = 900
_TAIL_BYTES = 6_000
_STARTS = 3


def environment(
    name: str,
    requirements: Sequence[str],
    constraints: Sequence[str] = (),
    python: str = "3.11",
) -> Path:
    """Build a virtual environment below the user's cache, once per set of requirements.

    Test processes that ask at the same time build it once: the others wait.

    Args:
        requirements: What pip would be told to install.
        constraints: Upper and lower limits of what these bring along.

    Returns:
        Its folder of programs: `environment(...) / "python"`.
    """
    uv = shutil.which("uv")
    if uv is None or sys.platform == "win32":
        pytest.skip(f"the environment of {name} needs uv and a POSIX system")
    contents = json.dumps([sorted(requirements), sorted(constraints), python])
    digest = hashlib.sha256(contents.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "artifact_plugins-tests" / f"{name}-{digest}"
    ready = folder / "ready.json"
    if not ready.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not ready.exists():
                _build(uv, folder, requirements, constraints, python)
                ready.write_text(contents)
    return folder / "bin"


def _build(
    uv: str, folder: Path, requirements: Sequence[str], constraints: Sequence[str], python: str
) -> None:
    limits = folder.with_name(f"{folder.name}.constraints")
    limits.write_text("\n".join(constraints))
    target = ["--python", str(folder / "bin" / "python")]
    options = ["--compile-bytecode", "--constraint", str(limits)]
    variables = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", python, str(folder)],
        [uv, "pip", "install", "--quiet", *target, *options, *requirements],
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, env=variables, timeout=_BUILD_SECONDS
        )
        if done.returncode:
            pytest.fail(f"{folder.name} cannot be built: {done.stderr[-500:]}", pytrace=False)


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class ServerProcess:
    """A server on a port of the loopback, from its start to its end.

    `{port}` in the command and in the variables becomes the port. The server
    and the processes that it starts are a group of their own and end together.

    Args:
        ready: Path that answers once the server serves; None when a TCP
            connection says so.
        env: Variables beside `KEPT_VARIABLES`; nothing else is inherited.
        cwd: Its working folder, where its log `server-<port>.log` lies too.
        port: A port of your own; else a free one.
        ready_statuses: The HTTP statuses of `ready` that count.
        seconds: How long the start may take.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        ready: str | None = "/",
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        ready_statuses: Container[int] = range(200, 400),
        seconds: float = _READY_SECONDS,
    ) -> None:
        self._command = tuple(command)
        self._cwd = cwd
        self._ready = ready
        self._env = dict(env or {})
        self._own_port = port is None
        self._statuses = ready_statuses
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the server printed, both streams."""
        return self._cwd / f"server-{self.port}.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> ServerProcess:
        """Start it and wait until it serves; after a stop, again on the same port."""
        for left in reversed(range(_STARTS)):
            self._launch()
            try:
                if self._serves():
                    break
            except BaseException:  # Ctrl-C: it is in a group of its own and would live on
                self.kill()
                raise
            # Between our look and its bind another process may take the port.
            if not (left and self._own_port and "ddress already in use" in self.tail()):
                self._fail("ended early")
            self.port = free_port()
        self._own_port = False  # its clients know the port from now on
        return self

    def stop(self) -> None:
        """Ask it to end with SIGTERM, then end the whole group with SIGKILL."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)  # a frozen one would not hear the next
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the whole group at once, as a crash does."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_STOP_SECONDS)
        self._process = None

    def freeze(self) -> None:
        """Stop the group from running: connections are accepted, nothing is answered."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen group run again."""
        os.killpg(self.pid, signal.SIGCONT)

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")

    def _launch(self) -> None:
        port = str(self.port)
        variables = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        variables |= {name: value.replace("{port}", port) for name, value in self._env.items()}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [part.replace("{port}", port) for part in self._command],
                cwd=self._cwd,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _serves(self) -> bool:
        """Wait until it serves; False when it ended instead."""
        assert self._process is not None
        ends_at = time.monotonic() + self._seconds
        while self._process.poll() is None:
            # Asked twice: the answer may be that of another server on this port.
            if self._answers() and self._process.poll() is None:
                return True
            if time.monotonic() > ends_at:
                self._fail(f"did not serve within {self._seconds} s")
            time.sleep(0.1)
        return False

    def _answers(self) -> bool:
        if self._ready is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
                return True
            return False
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + self._ready, timeout=10) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except OSError:
            return False
        return status in self._statuses

    def _fail(self, what: str) -> None:
        tail = self.tail()
        self.kill()
        pytest.fail(f"{Path(self._command[0]).name} {what}; its log ends:\n{tail}", pytrace=False)
