"""Notices what a save touches outside its folder: files, working folder, environment."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events that change files, and where among their arguments the paths are.
_EVENTS = {
    "os.mkdir": (0,),
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
}

_lock = threading.Lock()
_touched: list[str] | None = None
_hooked = False


@contextmanager
def watch_writes(directory: Path) -> Iterator[list[str]]:
    """Yield a list that fills with paths written outside `directory` by Python code.

    Files in the folder of temporary files count only when they stay there.
    Also listed: a changed working folder, a changed environment variable.
    Writes of compiled libraries that open files themselves are not seen.

    Source:
        Audit events: https://docs.python.org/3/library/audit_events.html
    """
    global _touched
    _install()
    found: list[str] = []
    environment, folder = dict(os.environ), Path.cwd()
    temporary = Path(tempfile.gettempdir())
    before = {path.name for path in temporary.iterdir()}
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    with _lock:
        _touched = []
        try:
            yield found
        finally:
            touched, _touched = _touched, None
            sys.dont_write_bytecode = bytecode
    inside = (directory.resolve(), Path("/dev"), Path("/proc"))
    for path in dict.fromkeys(Path(os.path.realpath(name)) for name in touched):
        if any(path.is_relative_to(root) for root in inside):
            continue
        if path.is_relative_to(temporary.resolve()):
            top = path.relative_to(temporary.resolve()).parts[:1]
            if not top or (top[0] not in before and not (temporary / top[0]).exists()):
                continue
        found.append(str(path))
    if Path.cwd() != folder:
        found.append(f"working folder {str(Path.cwd())!r}")
    changed = {k for k in {*environment, *os.environ} if environment.get(k) != os.environ.get(k)}
    # pytest keeps the name of the running test there.
    found.extend(f"environment variable {name}" for name in sorted(changed - {_PYTEST}))


_PYTEST = "PYTEST_CURRENT_TEST"


def _install() -> None:
    global _hooked
    if not _hooked:
        # An audit hook cannot be removed; without a watch it is one comparison.
        sys.addaudithook(_note)
        _hooked = True


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _touched is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | bytes) and isinstance(flags, int) and flags & _WRITE_FLAGS:
            _touched.append(os.fsdecode(path))
    elif event in _EVENTS:
        for position in _EVENTS[event]:
            path = arguments[position]
            if isinstance(path, str | bytes | os.PathLike):
                _touched.append(os.fsdecode(path))
