"""What KFP keeps of a record and our record has no field for.

It lies in the ledger's table of external values, under a registered backend
whose URL is `kfp-face:`, as JSON by kind and key:

task         `<run id>/<task id>`: pods, parameters, state history, ...
child        `<run id>/<parent's id>/<task id>`: nothing, but it is found below its parent
identity     `<run id>/<sha256>`: which task has this logical identity
run          run id: experiment, state history, ...; that it was deleted here; that
             the children of its tasks are noted
experiment   experiment id: name, description, namespace

A note is written before the record that it belongs to: one without its record
says nothing, a record without its note would be served incomplete. Versions
need no notes: what KFP knows of them besides is in their own metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artifact_plugins.ledger import Ledger

URL = "kfp-face:"
Note = dict[str, Any]


class Notes:
    """The notes of one ledger; kept from one process to the next."""

    def __init__(self, ledger: Ledger) -> None:
        self._outbox = ledger.outbox
        self._id = ledger.register_backend(URL)

    def get(self, kind: str, key: str) -> Note | None:
        """Return a note, or None."""
        return self._outbox.external(self._id, kind, key)

    def put(self, kind: str, key: str, note: Note) -> None:
        """Write a note; it replaces the one of that key."""
        self._outbox.note(self._id, kind, key, note)

    def below(self, kind: str, prefix: str = "") -> Iterator[tuple[str, Note]]:
        """Yield key and note of all keys that begin so, in their order."""
        after = prefix
        while True:
            page = self._outbox.external_page(self._id, kind, after=after, limit=1000)
            for key, note in page:
                if not key.startswith(prefix):
                    return
                yield key, note
            if len(page) < 1000:
                return
            after = page[-1][0]
