"""`artifact-plugins gc`: remove bytes that nobody can load any more."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import click

from artifact_plugins.cli.failures import FAILED
from artifact_plugins.cli.formats import size_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.spans import as_span


@make_command("gc")
@click.option("--trash", type=as_span, metavar="SPAN", help="Collect what was deleted so long ago.")
@click.option(
    "--grace", type=as_span, metavar="SPAN", help="Leave unfinished saves younger than this."
)
@click.option("--trust-ledger", is_flag=True, help="What the ledger does not know is garbage.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def command(
    place: Place,
    trash: timedelta | None,
    grace: timedelta | None,
    trust_ledger: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Remove the bytes of versions deleted long ago, and of saves that never ended.

    The times are those of the settings (7 days and 24 hours) if not given.
    Safe while others save, load and delete. Exits with 1 when something
    could not be removed.
    """
    with place.open(needs_store=True) as session:
        found = session.collect(
            trash=trash, grace=grace, trust_ledger=trust_ledger, dry_run=dry_run
        )
    if as_json:
        write_json(dataclasses.asdict(found))
    else:
        verb = "would remove" if dry_run else "removed"
        write_text(
            f"{verb} {len(found.versions)} deleted versions and {len(found.saves)} unfinished "
            f"saves, {size_text(found.freed_bytes)}"
        )
        for problem in found.problems:
            write_text(f"left: {problem}")
    return FAILED if found.problems else 0
