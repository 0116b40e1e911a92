"""Whether a worker has the code that the process which sends it a step has now.

A worker imports a step by name and keeps what it imported, so after a reload
it would go on with old code. Only code is compared: data that a step keeps in
its module may rightly differ from process to process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from artifact_plugins.code import digest_function
from artifact_plugins.errors import StaleWorkerError

CodeParts = dict[str, str]


@runtime_checkable
class Renewable(Protocol):
    """Ability of a runtime: workers that are started afresh."""

    def renew(self) -> None:
        """Give later calls fresh workers; calls that were sent end where they are."""
        ...


_sent: WeakKeyDictionary[Any, dict[str, CodeParts]] = WeakKeyDictionary()


def code_parts(function: Callable[..., Any]) -> CodeParts:
    """Return the digests of the code that a function runs, by part; data is left out."""
    found = digest_function(function)
    data = {name for name in found.values if not name.startswith("library ")}
    return {name: digest for name, digest in found.parts.items() if name not in data}


def renew_workers(runtime: Any, step: str, parts: CodeParts) -> None:
    """Let go of workers that were sent a step with other code, where the runtime can."""
    known = _sent.setdefault(runtime, {})
    if known.get(step, parts) != parts and isinstance(runtime, Renewable):
        runtime.renew()
        known.clear()
    known[step] = parts


def check_code(step: str, function: Callable[..., Any], parts: Mapping[str, str]) -> None:
    """Check in a worker that a step is the one that was sent.

    Raises:
        StaleWorkerError: Its code differs; names the parts.
    """
    own = code_parts(function)
    if own == parts:
        return
    names = sorted(name for name in own.keys() | parts.keys() if own.get(name) != parts.get(name))
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    raise StaleWorkerError(
        f"worker {os.getpid()} on {socket.gethostname()!r} has other code of step {step!r} than "
        f"the process that runs the pipeline: {shown}",
        hint="a worker keeps what it imported: start the workers afresh, with the same files; "
        "the step was not called",
        parts=tuple(names),
    )
