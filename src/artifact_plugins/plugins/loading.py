"""Load plugins one by one: a broken one is a line in a report, a conflict is an error."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pluggy

from artifact_plugins.contracts import hookspecs
from artifact_plugins.errors import PluginConflictError, PluginError
from artifact_plugins.plugins.discovery import FoundPlugin, find_plugins
from artifact_plugins.plugins.offers import (
    checked_backends,
    checked_offers,
    checked_renames,
    checked_runtimes,
    checked_tasks,
    refuse_second_claims,
    refuse_second_renames,
    refuse_second_schemes,
    refuse_second_tasks,
)
from artifact_plugins.plugins.registry import LoadedPlugin, PluginRegistry, text_of

Answer = TypeVar("Answer")


def load_plugins(*, modules: Sequence[str] = (), disabled: Sequence[str] = ()) -> PluginRegistry:
    """Load the installed plugins, then the modules named in the settings.

    Entry points of the group `artifact_plugins` are loaded in the order of
    their names. One that cannot be imported, has hooks that do not exist, or
    fails when asked for its offers is kept with its `error`, takes no part,
    and does not disturb the others.

    Args:
        modules: Importable modules with hook implementations. They were asked
            for by name, so a broken one is an error.
        disabled: Plugin names that are neither imported nor compared.

    Raises:
        PluginConflictError: A plugin name, an offer key, the scheme of a
            runtime or backend or the name of an artifact task is claimed twice,
            or a class is said to be at two places.
        PluginError: A module from `modules` cannot be used; names it and why.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = [_load_installed(manager, found) for found in find_plugins(disabled=disabled)]
    names = {plugin.name: plugin for plugin in loaded}
    for module in dict.fromkeys(modules):
        if module in names:
            raise _name_taken(names[module])
        if module not in disabled and (plugin := _load_named(manager, module)) is not None:
            loaded.append(plugin)
    refuse_second_claims((offer, plugin.name) for plugin in loaded for offer in plugin.offers)
    refuse_second_schemes((offer, plugin.name) for plugin in loaded for offer in plugin.runtimes)
    refuse_second_schemes(
        ((offer, plugin.name) for plugin in loaded for offer in plugin.backends), "backend"
    )
    refuse_second_tasks((offer, p.name) for p in loaded for offer in p.artifact_tasks)
    refuse_second_renames((plugin.renames, plugin.name) for plugin in loaded)
    return PluginRegistry(manager, loaded, disabled=disabled)


def _load_installed(manager: pluggy.PluginManager, found: FoundPlugin) -> LoadedPlugin:
    plugin = LoadedPlugin(
        name=found.name,
        module=found.target,
        distribution=found.distribution,
        distribution_version=found.distribution_version,
    )
    try:
        if isinstance(found.entry_point, PluginError):
            raise found.entry_point
        return _admitted(manager, plugin, found.entry_point.load)
    except (Exception, SystemExit) as caught:  # noqa: BLE001  # a plugin may raise anything
        return replace(plugin, error=text_of(caught))


def _load_named(manager: pluggy.PluginManager, module: str) -> LoadedPlugin | None:
    try:
        imported = importlib.import_module(module)
        if manager.is_registered(imported):
            return None  # it is installed too, and loaded already
        plugin = LoadedPlugin(name=module, module=module, origin="settings")
        return _admitted(manager, plugin, lambda: imported)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"plugin module {module!r} cannot be used: {text_of(error)}",
            hint="correct it or take it out of Settings.plugins; nothing was opened",
            module=module,
        ) from error


def _admitted(
    manager: pluggy.PluginManager, plugin: LoadedPlugin, load: Callable[[], Any]
) -> LoadedPlugin:
    """Import and register one plugin and return it with its offers; all of it or nothing."""
    module = load()
    if manager.is_registered(module):
        raise PluginError(f"it is the same module as plugin {manager.get_name(module)!r}")
    try:
        manager.register(module, name=plugin.name)
        _check_hooks(manager, module)
        hook = manager.hook
        return replace(
            plugin,
            offers=_gathered(hook.register_materializers, module, checked_offers),
            runtimes=_gathered(hook.register_runtimes, module, checked_runtimes),
            backends=_gathered(hook.register_backends, module, checked_backends),
            artifact_tasks=_gathered(hook.register_artifact_tasks, module, checked_tasks),
            renames=dict(_gathered(hook.register_renames, module, _rename_pairs)),
        )
    except BaseException:
        if manager.is_registered(module):
            manager.unregister(module)
        raise


def _rename_pairs(answer: Any) -> tuple[tuple[str, str], ...]:
    return tuple(checked_renames(answer).items())


def _gathered(
    caller: pluggy.HookCaller, plugin: Any, checked: Callable[[Any], tuple[Answer, ...]]
) -> tuple[Answer, ...]:
    """Ask one plugin alone; pluggy would ask all of them."""
    impls = [impl for impl in caller.get_hookimpls() if impl.plugin is plugin]
    return tuple([offer for impl in impls for offer in checked(impl.function())])


def _check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    known = [name for name, caller in vars(manager.hook).items() if caller.has_spec()]
    for caller in manager.get_hookcallers(plugin) or ():
        for impl in caller.get_hookimpls():
            if impl.plugin is not plugin or impl.optionalhook:
                continue
            if not caller.has_spec():
                import difflib  # costs every session a millisecond, and only an error needs it

                near = difflib.get_close_matches(caller.name, known, n=1)
                raise PluginError(
                    f"it implements {caller.name!r}, which is no hook",
                    hint=f"the nearest is {near[0]!r}" if near else f"there are {sorted(known)}",
                )
            if impl.wrapper or impl.hookwrapper:
                # Plugins observe each on its own; one around all others would
                # undo the isolation of their failures.
                raise PluginError(
                    f"it implements {caller.name!r} as a wrapper", hint="write a plain function"
                )


def _name_taken(plugin: LoadedPlugin) -> PluginConflictError:
    return PluginConflictError(
        f"module {plugin.name!r} in Settings.plugins has the name of the plugin "
        f"that {plugin.source} installs",
        hint="rename the module, or take it out of Settings.plugins if they are the same",
        plugin=plugin.name,
        distributions=(plugin.source,),
    )
