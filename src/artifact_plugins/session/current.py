"""Which session the front door uses: the innermost open one, else the default."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from artifact_plugins.session.session import Session
from artifact_plugins.settings import Settings

_innermost: ContextVar[Session | None] = ContextVar("artifact_plugins_session", default=None)
_lock = threading.Lock()
# Sessions opened anywhere in the process: threads start with empty context.
_opened: list[Session] = []
# The default session of each working folder that was used.
_defaults: dict[tuple[str, int], Session] = {}


@contextmanager
def open_session(settings: Settings | None = None) -> Iterator[Session]:
    """Open a session for the `with` block; the front door uses it meanwhile.

    Args:
        settings: `Settings()` when not given, that is environment and pyproject.toml.

    Raises:
        SettingsError, StoreError, LedgerError: The session could not be opened.
    """
    session = Session(settings or Settings())
    token = _innermost.set(session)
    with _lock:
        _opened.append(session)
    try:
        yield session
    finally:
        _innermost.reset(token)
        with _lock:
            _opened.remove(session)
        session.close()


def current_session() -> Session:
    """Return the innermost open session, or the default one of the working folder."""
    session = _innermost.get()
    if session is not None:
        return session
    if _opened:
        return _opened[-1]
    key = (os.getcwd(), os.getpid())
    with _lock:
        default = _defaults.get(key)
        if default is None:
            default = _defaults[key] = Session(Settings())
            atexit.register(_close_default, key)
    return default


def _close_default(key: tuple[str, int]) -> None:
    """Remove private folders at exit, but not those of the parent of a fork."""
    if key[1] == os.getpid():
        _defaults.pop(key).close()
