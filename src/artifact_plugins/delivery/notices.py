"""How a backend stands, said once in the log, and noted for other processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from artifact_plugins.delivery.breaker import BreakerState, Standing
from artifact_plugins.delivery.notes import LedgerNotes
from artifact_plugins.errors import ArtifactPluginsError

_log = logging.getLogger("artifact_plugins")
# Kind and key of the note that tells other processes.
STANDING = ("deliverer", "standing")
_WORDS = {
    BreakerState.CLOSED: "delivering",
    BreakerState.TRYING: "waiting",
    BreakerState.OPEN: "waiting",
    BreakerState.PAUSED: "paused",
}


def word_for(state: BreakerState) -> str:
    """Return how a state is called in a status."""
    return _WORDS[state]


class Notices:
    """Tells of one backend. Threads share it.

    Args:
        name: Of the backend.
        notes: Where other processes look.
        owner: Who tells.
    """

    def __init__(self, name: str, notes: LedgerNotes, owner: str) -> None:
        self._name = name
        self._notes = notes
        self._owner = owner
        self._lock = threading.Lock()
        self._is_noted: bool | None = None

    def stands(self, now: Callable[[], Standing]) -> None:
        """Tell of another standing: of the one now, since threads may come out of order."""
        with self._lock:
            standing = now()
            if standing.state is BreakerState.CLOSED:
                if self._is_noted:  # whoever opened it may not have come to tell
                    _log.info("backend %s is there again", self._name)
                self._take_back()
                return
            if self._is_noted is not True:
                _log.warning(
                    "backend %s is left alone for now: %s; nothing is lost",
                    self._name,
                    standing.reason,
                )
            self._is_noted = True
            note = {
                "standing": _WORDS[standing.state],
                "reason": standing.reason,
                "by": self._owner,
            }
            with suppress(ArtifactPluginsError):
                self._notes.note(*STANDING, note)

    def delivered(self) -> None:
        """Take back what was told: a record got through."""
        if self._is_noted is not False:
            with self._lock:
                self._take_back()

    def _take_back(self) -> None:
        with suppress(ArtifactPluginsError):
            if self._notes.external(*STANDING) is not None:
                self._notes.forget(*STANDING)
            self._is_noted = False
