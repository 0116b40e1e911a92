"""Who holds a stream: named so that the processes of the same machine see when it is gone."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

from artifact_plugins.ledger import Outbox


def new_owner() -> str:
    """Return a name for one courier of this process: `host:system:pid:random`."""
    return f"{socket.gethostname()}:{_system()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def free_abandoned(outbox: Outbox, backend_id: int, *, seconds: float) -> None:
    """Have the leases of processes of this machine that are gone end soon.

    Not at once: the server may still be at what they asked for last, and then
    whoever looks whether it is there finds nothing.

    Args:
        outbox: Of the ledger.
        backend_id: Whose streams.
        seconds: How long a server may be at a request that nobody waits for.

    Raises:
        LedgerError: The outbox cannot be read or written.
    """
    for stream, owner in outbox.holders(backend_id).items():
        if is_gone(owner):
            outbox.shorten(backend_id, stream, owner=owner, lease_seconds=seconds)


def is_gone(owner: str) -> bool:
    """Tell whether the process of an owner has certainly ended."""
    system, _, pid = owner.rpartition(":")[0].rpartition(":")
    if not pid.isdecimal() or not _system() or system != f"{socket.gethostname()}:{_system()}":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's, so it lives
        return False
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and its parent has not asked for its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _system() -> str:
    """Return which processes are seen from here: the boot and the namespace; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().partition("-")[0]
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
