"""Which backends a ledger keeps rows for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from artifact_plugins.errors import InputError, SettingsError
from artifact_plugins.ledger.database import Database, repeat
from artifact_plugins.ledger.outbox.clock import own_moment
from artifact_plugins.ledger.rows import from_time
from artifact_plugins.records import RegisteredBackend


def register(database: Database, url: str) -> int:
    """Return the id of a backend, known or new; see `Ledger.register_backend`."""
    if urlsplit(url).password is not None:
        raise SettingsError(
            "the URL of a backend holds a password, which the ledger does not keep",
            hint="nothing was written; give it in the environment or as a secret reference",
        )
    sql = database.outbox_sql
    found = database.read(sql.BACKEND_BY_URL, (url,))
    if not found:

        def add() -> None:
            with database.transaction() as cursor:
                cursor.execute(sql.ADD_BACKEND, (url, own_moment()))

        repeat(database, add, is_keyed=True)
        found = database.read(sql.BACKEND_BY_URL, (url,))
    backend_id: int = found[0][0]
    return backend_id


def registered(database: Database) -> tuple[RegisteredBackend, ...]:
    """Return every backend that was ever registered, in that order.

    A server of ours over the ledger keeps notes under a name that is no URL.
    """
    return tuple(
        RegisteredBackend(number, url, from_time(at))
        for number, url, at in database.read(database.outbox_sql.BACKENDS)
        if not url.endswith("-face:")
    )


def choose(database: Database, backend_ids: Sequence[int]) -> None:
    """Have later commits and edits leave rows for these; see `Ledger.deliver_to`."""
    known = {row[0] for row in database.read(database.outbox_sql.BACKENDS)} if backend_ids else ()
    unknown = sorted(set(backend_ids).difference(known))
    if unknown:
        raise InputError(
            f"the ledger has no backend with id {unknown[0]!r}",
            hint="register it by its URL; nothing was changed",
            backend_ids=unknown,
        )
    # Sorted: everybody takes the rows of a stream in one order.
    database.backends = tuple(sorted(set(backend_ids)))
