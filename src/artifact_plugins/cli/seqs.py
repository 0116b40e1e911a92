"""`--id`: rows of the outbox by the number that `pending` shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.errors import InputError

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import OutboxRow, RegisteredBackend

Function = Callable[..., Any]


def id_option(function: Function) -> Function:
    """Add `--id`."""
    return click.option(
        "--id",
        "seqs",
        type=click.IntRange(1, 2**63 - 1),
        multiple=True,
        metavar="ID",
        help="Only the record with this id in `pending`; may be repeated.",
    )(function)


def rows_of(
    ledger: Ledger, backends: Sequence[RegisteredBackend], seqs: Sequence[int]
) -> list[OutboxRow]:
    """Return the rows with these ids.

    Raises:
        InputError: One of them is not in the outbox of these backends.
    """
    found = []
    for seq in dict.fromkeys(seqs):
        rows = [
            row
            for backend in backends
            for row in ledger.outbox.page(backend.id, state=None, after=seq - 1, limit=1)
            if row.seq == seq
        ]
        if not rows:
            raise InputError(
                f"nothing with id {seq} waits for a backend",
                hint="`artifact-plugins pending` and `pending --dead` list the ids; "
                "nothing was changed",
            )
        found += rows
    return found
