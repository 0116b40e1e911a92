"""What backends call our records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artifact_plugins.cli.output import write_heading, write_table

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger

Externals = Mapping[str, Mapping[str, Any]]
"""What a backend noted about one record, by the backend's URL."""


def externals_of(ledger: Ledger, kind: str, ids: Sequence[str]) -> dict[str, Externals]:
    """Return what each backend noted about records of one kind, by id; nothing without backends."""
    if not ledger.registered_backends():
        return {}
    found = {one: ledger.outbox.externals(kind, one) for one in ids}
    return {one: noted for one, noted in found.items() if noted}


def write_externals(rows: Sequence[tuple[str, Externals]]) -> None:
    """Write what the backends call records, each with what it is here; nothing when none does.

    Where no backend has a page for people, the column of the pages is left out.
    """
    found = [
        (name, url, value.get("external_id"), value.get("url"))
        for name, noted in rows
        for url, value in noted.items()
    ]
    if not found:
        return
    shown = 4 if any(page for *_, page in found) else 3
    write_heading("Backends")
    write_table(("Record", "Backend", "Id there", "Page")[:shown], [row[:shown] for row in found])
