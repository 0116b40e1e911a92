"""Servers of other systems as processes of the tests, on free ports of the loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

# One request at a time: with threads moto looks whether a key is taken, and
# another thread may write it before it does.
MOTO = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
application = DomainDispatcherApplication(create_backend_app)
run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=False)
"""


@contextmanager
def serving(command: Callable[[int], list[str]]) -> Iterator[str]:
    """Run a server on a free port of the loopback; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command(port), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(f"{command(port)[0]} ended with {server.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
