"""`artifact-plugins plugins`: the installed plugins, broken ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_heading, write_json, write_table, write_text
from artifact_plugins.cli.place import Place

if TYPE_CHECKING:
    from artifact_plugins.contracts.offers import RuntimeOffer
    from artifact_plugins.plugins import LoadedPlugin


@make_command("plugins")
def command(place: Place, as_json: bool) -> None:
    """List the plugins, where each comes from, and what it offers or why it does not work."""
    from artifact_plugins.plugins import load_plugins  # late: `--help` loads no plugin

    settings = place.settings
    registry = load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins)
    if as_json:
        write_json(
            {
                "plugins": [_document(p) for p in registry.plugins],
                "disabled": list(registry.disabled),
            }
        )
        return
    if not registry.plugins:
        write_text(
            "no plugin is loaded; install artifact-plugins, or name modules in Settings.plugins"
        )
    else:
        write_table(
            ("Plugin", "From", "State", "Offers"),
            [
                (
                    plugin.name,
                    plugin.source,
                    "works" if plugin.is_working else "broken",
                    ", ".join(
                        [
                            *(o.key for o in plugin.offers),
                            *map(_url, plugin.runtimes),
                            *(f"{o.scheme}+http://..." for o in plugin.backends),
                            *(f"task {o.name}" for o in plugin.artifact_tasks),
                        ]
                    ),
                )
                for plugin in registry.plugins
            ],
            whole=("From", "State"),
        )
    for plugin in registry.plugins:
        if not plugin.is_working:
            write_heading(f"{plugin.name} is broken")
            write_text(str(plugin.error))
    if registry.disabled:
        write_heading("Disabled by the settings")
        write_text(", ".join(registry.disabled))


def _document(plugin: LoadedPlugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "module": plugin.module,
        "distribution": plugin.distribution,
        "distribution_version": plugin.distribution_version,
        "origin": plugin.origin,
        "error": plugin.error,
        "materializers": [
            {
                "key": o.key,
                "target": o.target,
                "format": o.format,
                "reads": list(o.reads),
                "types": list(o.types),
                "kinds": list(o.kinds),
            }
            for o in plugin.offers
        ],
        "runtimes": [{"scheme": o.scheme, "target": o.target} for o in plugin.runtimes],
        "backends": [{"scheme": o.scheme, "target": o.target} for o in plugin.backends],
        "artifact_tasks": [
            {"name": o.name, "target": o.target, "types": list(o.types)}
            for o in plugin.artifact_tasks
        ],
        "renames": dict(plugin.renames),
    }


def _url(offer: RuntimeOffer) -> str:
    return f"{offer.scheme}://..."
