"""`artifact-plugins drop`: never deliver something."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.chosen_backends import backend_option, known_backends
from artifact_plugins.cli.commands.pending import names_of, row_document, write_rows
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.seqs import id_option, rows_of

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import OutboxRow, RegisteredBackend

_SHOWN = 20


@make_command("drop")
@id_option
@click.option("--dead", is_flag=True, help="All that was given up.")
@backend_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    place: Place,
    seqs: tuple[int, ...],
    dead: bool,
    wanted: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Take records out of the outbox without delivering them: those of --id, or --dead ones.

    The ledger keeps them. They are delivered after all when they change, or
    with `sync --all`. Asks first; without a terminal only --yes does it.
    """
    if bool(seqs) == dead:
        raise click.UsageError("name records with --id, or all that was given up with --dead")
    with place.open_ledger() as ledger:
        backends = known_backends(ledger, wanted)
        rows = rows_of(ledger, backends, seqs) if seqs else _dead(ledger, backends)
        counts = {count.backend_id: count.dead for count in ledger.outbox.counts()}
        count = len(rows) if seqs else sum(counts.get(one.id, 0) for one in backends)
        names = names_of(ledger, rows)
        urls = {backend.id: backend.url for backend in backends}
        if not as_json:
            _write(rows, urls, names, count)
        is_executed = count > 0 and (yes or (not as_json and _is_wanted()))
        dropped = _drop(ledger, backends, seqs) if is_executed else 0
    if as_json:
        write_json(
            {
                "is_executed": is_executed,
                "count": dropped if is_executed else count,
                "rows": [row_document(row, urls, names) for row in rows],
            }
        )
    elif is_executed:
        write_text(f"dropped {dropped} records; the ledger keeps them")
    elif count:
        write_text("nothing was dropped; repeat the command with --yes to do it")


def _dead(ledger: Ledger, backends: Sequence[RegisteredBackend]) -> list[OutboxRow]:
    """Return the first of what was given up."""
    from artifact_plugins.records import OutboxState  # late: `--help` needs no records

    rows: list[OutboxRow] = []
    for backend in backends:
        limit = _SHOWN - len(rows)
        if limit > 0:
            rows += ledger.outbox.page(backend.id, state=OutboxState.DEAD, limit=limit)
    return rows


def _drop(ledger: Ledger, backends: Sequence[RegisteredBackend], seqs: tuple[int, ...]) -> int:
    from artifact_plugins.records import OutboxState  # late, as above

    state = None if seqs else OutboxState.DEAD
    return sum(
        ledger.outbox.drop(backend.id, seqs=seqs or None, state=state) for backend in backends
    )


def _is_wanted() -> bool:
    """Ask on a terminal; where nobody can answer, the answer is no."""
    return sys.stdin.isatty() and click.confirm("drop them?", default=False)


def _write(
    rows: Sequence[OutboxRow], urls: dict[int, str], names: dict[str, str], count: int
) -> None:
    if not count:
        write_text("nothing was given up")
        return
    write_rows(rows[:_SHOWN], urls, names)
    if count > _SHOWN:
        write_text(f"and {count - _SHOWN} more; `artifact-plugins pending --json` shows all")
