"""Imports `cryptography` at the first use, and never in the middle of a fork."""

from __future__ import annotations

import os
import threading

_lock = threading.Lock()
_is_loaded = False

# A child that is forked while another thread imports would wait for that thread,
# which it does not have, as soon as it imports the same module.
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def load() -> None:
    """Import what signing and verifying need: 40 ms the first time, nothing later."""
    global _is_loaded
    if _is_loaded:
        return
    with _lock:
        import cryptography.exceptions
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401

        _is_loaded = True
