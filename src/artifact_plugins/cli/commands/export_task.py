"""`artifact-plugins export-task`: an artifact task or materializer for another system."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place

if TYPE_CHECKING:
    from artifact_plugins.plugins import PluginRegistry

GROUP = "artifact_plugins.task_exports"
"""Entry points: functions of a class, a folder and `key=` that return the folder."""


@make_command("export-task")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format", "system", default="dioptra", show_default=True, help="System that will run it."
)
def command(place: Place, name: str, folder: Path, system: str, as_json: bool) -> None:
    """Write NAME into the new FOLDER, with the code it needs.

    NAME is an artifact task (csv_frame), a materializer (pandas.frame), or the
    import path of one (shop.io:OrderTask).
    """
    from artifact_plugins.plugins import load_plugins  # late: `--help` loads no plugin

    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if system not in found:
        raise click.BadParameter(f"{system!r} is not one of {', '.join(sorted(found))}")
    settings = place.settings
    registry = load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins)
    written = found[system].load()(_class(registry, name), folder, key=name)
    if as_json:
        write_json({"name": name, "format": system, "folder": str(written)})
    else:
        write_text(f"wrote {name} as a {system} plugin into {written}")


def _class(registry: PluginRegistry, name: str) -> type:
    """Return the class that a person names.

    Raises:
        NoMaterializerError: Nothing has that name.
        PluginError: It cannot be imported.
    """
    from artifact_plugins.contracts.refs import load_target  # late, as above
    from artifact_plugins.plugins import Resolver, TaskIndex

    index, resolver = TaskIndex(registry), Resolver(registry)
    if not index.knows(name) and resolver.offers(name):
        return resolver.by_key(name).materializer_class
    if ":" in name:
        found: type = load_target(name)
        return found
    return index.named(name, source="export-task").task_class
