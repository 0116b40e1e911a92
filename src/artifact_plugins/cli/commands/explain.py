"""`artifact-plugins explain`: which materializer handles a type, and why."""

from __future__ import annotations

import dataclasses

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("explain")
@click.argument("type_path", metavar="TYPE")
def command(place: Place, type_path: str, as_json: bool) -> None:
    """Print how a value of TYPE (pandas.DataFrame, int, shop:Order) finds its materializer."""
    from artifact_plugins.plugins import Resolver, load_plugins  # late: `--help` loads no plugin

    settings = place.settings
    registry = load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins)
    found = Resolver(registry, overrides=settings.materializers).explain(type_path)
    if as_json:
        choice, error = found.choice, found.error
        write_json(
            {
                "data_type": found.data_type,
                "steps": [dataclasses.asdict(step) for step in found.steps],
                "materializer": choice.key if choice else None,
                "plugin": choice.plugin if choice else None,
                "error": {"code": error.code, "message": str(error)} if error else None,
            }
        )
    else:
        write_text(found.text())
    if found.error is not None:
        raise found.error
