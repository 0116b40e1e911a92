"""`artifact-plugins export`: copy the verified files of a version into a folder."""

from __future__ import annotations

from pathlib import Path

import click

from artifact_plugins.cli.formats import size_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("export")
@click.argument("version")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
def command(place: Place, version: str, target: Path, as_json: bool) -> None:
    """Copy the files of VERSION into the folder TARGET; nothing there is replaced."""
    with place.open(needs_store=True) as session:
        record = session.find(version)
        files = session.export(record, target)
    if as_json:
        write_json({"version_id": record.id, "files": [str(file) for file in files]})
    else:
        for file in files:
            write_text(f"{file}  {size_text(file.stat().st_size)}")
