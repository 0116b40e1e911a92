"""`artifact-plugins tags`: show or change the tags and aliases of a version."""

from __future__ import annotations

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_fields, write_json
from artifact_plugins.cli.place import Place


@make_command("tags")
@click.argument("version")
@click.option("--add", multiple=True, metavar="TAG", help="Add a tag; may be repeated.")
@click.option("--remove", multiple=True, metavar="TAG", help="Remove a tag; may be repeated.")
@click.option("--alias", multiple=True, metavar="ALIAS", help="Point an alias at VERSION.")
@click.option("--remove-alias", multiple=True, metavar="ALIAS", help="Take an alias away.")
def command(
    place: Place,
    version: str,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    alias: tuple[str, ...],
    remove_alias: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the tags and aliases of VERSION, after changing them if asked to.

    An alias belongs to one version of an artifact at a time: pointing it at
    VERSION takes it from the version that had it.
    """
    with place.open() as session:
        record = session.find(version)
        if add or remove:
            record = session.tag(record, add=add, remove=remove)
        for name in alias:
            record = session.set_alias(record, name)
        for name in remove_alias:
            record = session.ledger.delete_alias(record.id, name)
    if as_json:
        write_json(
            {
                "version_id": record.id,
                "version": str(record),
                "tags": list(record.tags),
                "aliases": list(record.aliases),
            }
        )
    else:
        write_fields(
            {
                "Version": record,
                "Tags": ", ".join(record.tags) or "none",
                "Aliases": ", ".join(record.aliases) or "none",
            }
        )
