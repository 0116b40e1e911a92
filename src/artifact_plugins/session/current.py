"""Which session the front door uses: the innermost open one, else the default."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from artifact_plugins.errors import RunUsageError
from artifact_plugins.session.session import Session
from artifact_plugins.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

_innermost: ContextVar[Session | None] = ContextVar("artifact_plugins_session", default=None)
# Sessions that the main thread has open: other threads start with an empty
# context and use the last of these, but nobody else's.
_shared: list[Session] = []
_shared_lock = threading.Lock()
# The default session of each working folder and process that used one.
_defaults: dict[tuple[str, int], Session] = {}
# Re-entrant, so that a plugin which needs the session it is loaded for is told so.
_defaults_lock = threading.RLock()
_being_opened: set[tuple[str, int]] = set()


@contextmanager
def open_session(
    settings: Settings | None = None, *, runtime: Executor | None = None
) -> Iterator[Session]:
    """Open a session for the `with` block; the front door uses it meanwhile.

    Threads started inside the block use it too when the main thread opened
    it; a session opened by another thread is that thread's own.

    Args:
        settings: `Settings()` when not given, that is environment and pyproject.toml.
        runtime: An executor that runs the steps, instead of `settings.runtime`;
            it stays open.

    Raises:
        SettingsError, StoreError, LedgerError: The session could not be opened.
    """
    session = Session(settings or Settings(), runtime=runtime)
    token = _innermost.set(session)
    is_shared = threading.current_thread() is threading.main_thread()
    if is_shared:
        with _shared_lock:
            _shared.append(session)
    try:
        yield session
    finally:
        try:
            if is_shared:
                with _shared_lock:
                    _shared.remove(session)
            session.close()
        finally:
            # A generator may be finished in another context than it began in:
            # there is nothing to take back there.
            with suppress(ValueError):
                _innermost.reset(token)


def current_session() -> Session:
    """Return the innermost open session, or the default one of the working folder.

    Raises:
        RunUsageError: The default session is needed while it is being opened,
            or the working folder was removed.
        SettingsError, StoreError, LedgerError: The default could not be opened.
    """
    session = _innermost.get()
    if session is not None:
        return session
    if threading.current_thread() is not threading.main_thread():
        with _shared_lock:
            if _shared:
                return _shared[-1]
    key = _default_key()
    return _defaults.get(key) or _open_default(key)


def _default_key() -> tuple[str, int]:
    try:
        return os.getcwd(), os.getpid()
    except FileNotFoundError as error:
        raise RunUsageError(
            "the working folder was removed, so there is no default session",
            hint="change to a folder that exists, or use ap.open_session(ap.Settings(...)) "
            "with absolute places; nothing was saved",
        ) from error


def _open_default(key: tuple[str, int]) -> Session:
    with _defaults_lock:
        default = _defaults.get(key)
        if default is not None:  # another thread opened it meanwhile
            return default
        if key in _being_opened:
            raise RunUsageError(
                "the default session was used by a plugin while it is being opened",
                hint="a plugin module saves and loads inside its hooks, not when it is imported",
            )
        _being_opened.add(key)
        try:
            default = _defaults[key] = Session(Settings())
        finally:
            _being_opened.discard(key)
        atexit.register(_close_default, key)
        return default


def _close_default(key: tuple[str, int]) -> None:
    """Remove private folders at exit, but not those of the parent of a fork."""
    if key[1] == os.getpid():
        _defaults.pop(key).close()
