"""Processes that run Python code, forked from one that has imported the library.

What tests ask of another process is seldom a fresh interpreter, and to import
the library in each costs more than all that it does there. A process from here
has its own arguments, environment, folder and output, ends as an interpreter
ends, and can be killed, stopped and waited for. It opened no session before.
"""

from __future__ import annotations

import array
import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

_IMPORTED = (
    "artifact_materializers.python.document",
    "artifact_plugins.cli.app",
    "artifact_plugins.content",
    "artifact_plugins.delivery",
    "artifact_plugins.ledger.compiled_sqlite",
    "artifact_plugins.ledger.sqlite.opening",
    "artifact_plugins.session.collecting",
    "artifact_plugins.session.saving",
    "artifact_plugins.snapshots",
    "artifact_plugins.steps.front",
    "artifact_plugins.trust",
    "blake3",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "pydantic_settings",
    "rich.table",
)


class WarmProcess:
    """What `start` returns; it is used as a `subprocess.Popen` of text is.

    Attributes:
        returncode: The exit code, or minus the signal that ended it; None
            until it was waited for.
    """

    def __init__(self, pid: int, ended: socket.socket, files: Sequence[IO[str]]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended
        self._files = files
        self._texts: list[str] = []

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()

    def wait(self, timeout: float = 110) -> int:
        """Wait for its end and return the exit code."""
        if self.returncode is None:
            self._ended.settimeout(timeout)
            said = self._ended.recv(16)
            self._ended.close()
            self.returncode = int(said)
            for file in self._files:
                file.seek(0)
                self._texts.append(file.read())
                file.close()
        return self.returncode

    def communicate(self, timeout: float = 110) -> tuple[str, str]:
        """Wait for its end and return what it printed, to stdout and to stderr."""
        self.wait(timeout)
        return self._texts[0], self._texts[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it was waited for."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.send_signal(signal.SIGKILL)


def start(
    program: str | Path,
    *arguments: object,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    imported: tuple[str, ...] = (),
) -> WarmProcess:
    """Start a process beside this one.

    Args:
        program: The code, as after `python -c`, or the path of a script.
        arguments: What it finds in `sys.argv`.
        env: All of its environment variables; those of this process by default.
        cwd: Its working folder; that of this process by default.
        imported: More modules that are imported already.
    """
    # `WarmProcess.wait` closes them.
    files = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2)]  # noqa: SIM115
    ours, theirs = socket.socketpair()
    request = {
        "program": str(program),
        "is_script": isinstance(program, Path),
        "arguments": list(map(str, arguments)),
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd or Path.cwd()),
    }
    data = json.dumps(request).encode()
    channel = _server(os.getpid(), imported)
    descriptors = [files[0].fileno(), files[1].fileno(), theirs.fileno()]
    socket.send_fds(channel, [len(data).to_bytes(8, "big")], descriptors)
    channel.sendall(data)
    theirs.close()
    ours.settimeout(60)
    return WarmProcess(int(ours.recv(16)), ours, files)


def run(
    program: str | Path,
    *arguments: object,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 110,
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; the arguments are those of `start`."""
    process = start(program, *arguments, env=env, cwd=cwd)
    output, errors = process.communicate(timeout)
    assert process.returncode is not None
    return subprocess.CompletedProcess([str(program)], process.returncode, output, errors)


@cache
def _server(owner: int, imported: tuple[str, ...]) -> socket.socket:
    """The way to the process that forks, one for each process that asks."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno()), *imported],
        # The variables of the test that comes first are not those of all.
        env={k: v for k, v in os.environ.items() if not k.startswith("ARTIFACT_PLUGINS_")},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(channel: socket.socket) -> dict[str, Any]:
    """Fork for each request; return in the forked process alone, with its request."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets who has ended
    while True:
        head, descriptors = _received(channel)
        if not head:
            os._exit(0)
        data = b""
        while len(data) < int.from_bytes(head, "big"):
            data += channel.recv(2**20)
        if os.fork() == 0:
            channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if _is_forked_again(descriptors):
                return dict(json.loads(data))
        for descriptor in descriptors:
            os.close(descriptor)


def _received(channel: socket.socket) -> tuple[bytes, list[int]]:
    size = socket.CMSG_LEN(3 * array.array("i").itemsize)
    head, passed, _, _ = channel.recvmsg(8, size)
    found = array.array("i")
    for _, _, data in passed:
        found.frombytes(data)
    return head, list(found)


def _is_forked_again(descriptors: Sequence[int]) -> bool:
    """Be the process that runs the code; another one waits for it and tells how it ended."""
    ended = socket.socket(fileno=descriptors[2])
    pid = os.fork()
    if pid == 0:
        ended.close()
        for number, descriptor in enumerate(descriptors[:2], 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        return True
    ended.sendall(b"%16d" % pid)
    _, status = os.waitpid(pid, 0)
    ended.sendall(b"%16d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(request: Mapping[str, Any]) -> types.CodeType:
    """Take over what the request gives, and return the code to run."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    program = request["program"]
    path = Path(program) if request["is_script"] else None
    first = str(path.resolve().parent) if path else ""
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [first, *given]
    sys.argv = [program if path else "-c", *request["arguments"]]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    for stream in (sys.stdout, sys.stderr):
        cast("TextIOWrapper", stream).reconfigure(encoding=encoding)
    module = types.ModuleType("__main__")
    if path:
        module.__file__ = program
    sys.modules["__main__"] = module
    failpoints = importlib.import_module("artifact_plugins.failpoints")
    points = os.environ.get("ARTIFACT_PLUGINS_FAILPOINTS", "")
    failpoints.configure(points if os.environ.get("ARTIFACT_PLUGINS_TESTING") == "1" else "")
    text = path.read_text(encoding="utf-8") if path else program
    return compile(text, program if path else "<string>", "exec", dont_inherit=True)


if __name__ == "__main__":
    for _name in (*_IMPORTED, *sys.argv[2:]):
        importlib.import_module(_name)
    gc.freeze()  # what is never looked at again stays one copy
    _request = _serve(socket.socket(fileno=int(sys.argv[1])))
    exec(_become(_request), vars(sys.modules["__main__"]))
