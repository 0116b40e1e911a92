"""`artifact-plugins reconcile`: find what a backend has lost, and deliver it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.chosen_backends import backend_option
from artifact_plugins.cli.delivering import open_to_deliver
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place

if TYPE_CHECKING:
    from artifact_plugins.delivery import Reconciled


@make_command("reconcile")
@backend_option
@click.option("--dry-run", is_flag=True, help="Only say what is missing: the default.")
@click.option("--yes", is_flag=True, help="Order its delivery.")
def command(place: Place, wanted: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Ask the backends for every record that was delivered; with --yes order what is missing again.

    After a server was restored from a backup, or its records were deleted.
    What was never ordered for the backend is ordered too. `sync` delivers it now.
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes contradict each other")
    with open_to_deliver(place, wanted) as session:
        deliverer = session.deliverer
        found = {
            line.url: deliverer.reconcile(line.name, dry_run=not yes)
            for line in deliverer.backends.each()
        }
    if as_json:
        rows = [_document(url, one) for url, one in found.items()]
        write_json({"is_executed": yes, "backends": rows})
        return
    for url, one in found.items():
        write_text(f"{url}: {_told(one, is_executed=yes)}")
    if any(one.lost or one.unsent for one in found.values()):
        write_text(
            "`artifact-plugins sync` delivers it now"
            if yes
            else "nothing was ordered; repeat the command with --yes to do it"
        )


def _document(url: str, found: Reconciled) -> dict[str, Any]:
    return {
        "url": url,
        "compared": found.compared,
        "lost": dict(found.lost),
        "unsent": found.unsent,
    }


def _told(found: Reconciled, *, is_executed: bool) -> str:
    lost = ", ".join(f"{count} {kind}s" for kind, count in found.lost.items()) or "nothing"
    text = f"of {found.compared} records {lost} missing there"
    if found.unsent:
        text += f", {found.unsent} never ordered before"
    return (
        f"{text}; they wait for delivery" if is_executed and (found.lost or found.unsent) else text
    )
