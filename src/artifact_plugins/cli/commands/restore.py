"""`artifact-plugins restore`: bring a deleted version back."""

from __future__ import annotations

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import record_json, write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("restore")
@click.argument("version")
def command(place: Place, version: str, as_json: bool) -> None:
    """Bring VERSION back from the trash: name@3, an id, or a name for its newest deleted one."""
    with place.open() as session:
        record, elsewhere = session.ledger.restore_version(session.find_deleted(version).id)
    if as_json:
        document = record_json(record, without=("previews",))
        write_json({"version": document, "aliases_elsewhere": elsewhere})
        return
    write_text(f"restored {record}")
    for alias, holder in elsewhere.items():
        write_text(f"alias {alias!r} stays on version id {holder}, which got it meanwhile")
