"""What backends call our records: kept in the ledger, or in memory for one caller."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from artifact_plugins.errors import BackendContractError
from artifact_plugins.ledger import Ledger

# What is noted of a record that a backend has no way to keep: why.
UNSUPPORTED = "unsupported"
# Kind of the note about a task of which a version was sent before it, and may be there unnoted.
TRIED = "tried"


class NoteBook(Protocol):
    """What one backend noted, by kind and key."""

    def external(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what was noted; None when nothing was."""
        ...

    def note(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep something; what was noted before is replaced."""
        ...

    def forget(self, kind: str, key: str) -> None:
        """Drop what was noted."""
        ...


class LedgerNotes:
    """The notes of one backend in the ledger."""

    def __init__(self, ledger: Ledger, backend_id: int) -> None:
        self._outbox = ledger.outbox
        self._backend_id = backend_id

    def external(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what was noted; None when nothing was."""
        return self._outbox.external(self._backend_id, kind, key)

    def note(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep something; what was noted before is replaced."""
        self._outbox.note(self._backend_id, kind, key, value)

    def forget(self, kind: str, key: str) -> None:
        """Drop what was noted."""
        self._outbox.forget(self._backend_id, kind, [key])


class MemoryNotes:
    """Notes that last as long as this object: for tools and tests that deliver without an outbox."""

    def __init__(self) -> None:
        self.noted: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()

    def external(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what was noted; None when nothing was."""
        found = self.noted.get((kind, key))
        return None if found is None else dict(found)

    def note(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep something; what was noted before is replaced."""
        with self._lock:
            self.noted[kind, key] = json.loads(json.dumps(dict(value), allow_nan=False))

    def forget(self, kind: str, key: str) -> None:
        """Drop what was noted."""
        with self._lock:
            self.noted.pop((kind, key), None)

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return everything that was noted of a kind, by key."""
        return {key: dict(value) for (found, key), value in self.noted.items() if found == kind}


def checked_note(kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a note as it comes back from the ledger.

    Raises:
        BackendContractError: It is not JSON.
    """
    try:
        found = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise BackendContractError(
            f"a backend notes about a {kind} what is not JSON: {error}",
            hint="report it to the authors of the backend; the ledger has the record",
        ) from error
    assert isinstance(found, dict)
    return found
