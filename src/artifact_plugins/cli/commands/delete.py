"""`artifact-plugins delete`: put a version into the trash."""

from __future__ import annotations

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import record_json, write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("delete")
@click.argument("version")
@click.option(
    "--force", is_flag=True, help="Although a link, tag, alias or retention rule holds it."
)
def command(place: Place, version: str, force: bool, as_json: bool) -> None:
    """Put VERSION into the trash, unless something holds it.

    `restore` brings it back until `gc` has collected its bytes. Its record,
    its number and its links stay for ever.
    """
    with place.open() as session:
        record = session.delete(version, force=force)
    if as_json:
        write_json(record_json(record, without=("previews",)))
    else:
        write_text(f"deleted {record}; `artifact-plugins restore {record}` brings it back")
