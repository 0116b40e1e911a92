"""Named points on the write path at which a test may kill or fail the process.

`ARTIFACT_PLUGINS_FAILPOINTS="save.after_payload=kill;commit.before=error:EIO@3"`
acts on the named point (at its third passage with `@3`), only when
`ARTIFACT_PLUGINS_TESTING=1` is set too. Without them a point costs one test
of an empty dict.
"""

from __future__ import annotations

import errno
import os
import signal

_active: dict[str, tuple[str, int]] = {}
_passed: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Do what the environment asks for at `name`; normally nothing."""
    if _active:
        _trip(name)


def configure(text: str) -> None:
    """Set the points from `name=action[@passage]` items joined by `;`."""
    _active.clear()
    _passed.clear()
    for item in filter(None, text.split(";")):
        name, _, action = item.partition("=")
        action, _, passage = action.partition("@")
        _active[name.strip()] = (action.strip(), int(passage or 1))


def _trip(name: str) -> None:
    if name not in _active:
        return
    action, passage = _active[name]
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] != passage:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action.startswith("error:"):
        number = getattr(errno, action.removeprefix("error:"))
        raise OSError(number, os.strerror(number))
    elif action == "interrupt":
        raise KeyboardInterrupt
    else:
        raise RuntimeError(f"failpoint {name!r} reached")


if os.environ.get("ARTIFACT_PLUGINS_TESTING") == "1":
    configure(os.environ.get("ARTIFACT_PLUGINS_FAILPOINTS", ""))
