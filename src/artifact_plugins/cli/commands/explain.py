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
    """Print how a value of TYPE (pandas.DataFrame, int, shop:Order) finds what saves it."""
    # Late: `--help` loads no plugin.
    from artifact_plugins.plugins import Resolver, TaskIndex, load_plugins, split_overrides

    settings = place.settings
    registry = load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins)
    by_type, by_task = split_overrides(registry, settings.materializers, settings.artifact_tasks)
    off = () if settings.allow_pickle else ("pickle.object",)
    found = Resolver(registry, overrides=by_type, not_saved_with=off).explain(type_path)
    found = TaskIndex(registry, overrides=by_task).explain(found)
    if as_json:
        choice, error, task = found.choice, found.error, found.task
        write_json(
            {
                "data_type": found.data_type,
                "steps": [dataclasses.asdict(step) for step in found.steps],
                "materializer": choice.key if choice else None,
                "artifact_task": task.name if task else None,
                "plugin": task.plugin if task else choice.plugin if choice else None,
                "error": {"code": error.code, "message": str(error)} if error else None,
            }
        )
    else:
        write_text(found.text())
    if found.error is not None:
        raise found.error
