"""The command group; a command's module is imported when the command is called."""

from __future__ import annotations

import importlib

import click

from artifact_plugins.cli.options import place_options

# Name, module in `commands`, one line of help: `--help` imports none of them.
_COMMANDS = {
    "list": ("listing", "List artifacts, or versions."),
    "show": ("show", "Show the record of a version, its metadata and previews."),
    "load": ("load", "Load a version and print it."),
    "export": ("export", "Copy the verified files of a version into a folder."),
    "lineage": ("lineage", "Draw what a version was made from, or what was made from it."),
    "runs": ("runs", "List runs, or the tasks and links of one."),
    "tasks": ("tasks", "List tasks of all runs."),
    "links": ("links", "List the links of all runs."),
    "tags": ("tags", "Show or change the tags and aliases of a version."),
    "update": ("update", "Change the description, tags, metadata or name of a version."),
    "delete": ("delete", "Put a version into the trash."),
    "restore": ("restore", "Bring a deleted version back."),
    "trash": ("trash", "List deleted versions that can be restored."),
    "prune": ("prune", "Put versions that nothing holds into the trash; a dry run first."),
    "gc": ("gc", "Remove the bytes of what was deleted long ago or never finished."),
    "explain": ("explain", "Explain which materializer handles a type."),
    "explain-cache": ("explain_cache", "Explain why a task was or was not served from the cache."),
    "explain-load": ("explain_load", "Explain with which code a version would be loaded."),
    "migrate": ("migrate", "Write old versions anew in another form, as new versions."),
    "trust": ("trust", "List and change whose code and pickles may execute."),
    "export-task": ("export_task", "Write an artifact task or materializer for another system."),
    "backends": ("backends", "List the backends, and what waits for each."),
    "pending": ("pending", "List what the backends do not have yet."),
    "sync": ("sync", "Deliver what waits for the backends now."),
    "replay": ("replay", "Deliver again what was given up."),
    "reconcile": ("reconcile", "Find what a backend has lost, and deliver it again."),
    "drop": ("drop", "Never deliver something."),
    "serve-kfp": ("serve_kfp", "Serve the ledger to clients of Kubeflow Pipelines."),
    "plugins": ("plugins", "List the installed plugins, broken ones too."),
    "doctor": ("doctor", "Check the ledger, every stored byte and the plugins."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"artifact_plugins.cli.commands.{_COMMANDS[cmd_name][0]}")
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="artifact-plugins", message="%(prog)s %(version)s")
@place_options
@click.pass_context
def group(context: click.Context, /, **place: str | None) -> None:
    """Look at artifacts: what is saved, from what it was made, and whether it is intact.

    VERSION is a name (its newest version), name@3, name@alias, or the first 8
    or more characters of an id. Without options the store and the ledger are
    those of the settings: .artifact_plugins/ in the working folder.
    """
    context.obj = place
