"""TaskIndex: artifact tasks by name, by class and by the types that the settings give them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.contracts.refs import find_type
from artifact_plugins.errors import (
    ArtifactPluginsError,
    NoMaterializerError,
    PluginError,
    SettingsError,
)
from artifact_plugins.plugins.explanation import Explanation, Step
from artifact_plugins.plugins.index import loaded_object, names_class
from artifact_plugins.plugins.registry import PluginRegistry
from artifact_plugins.plugins.task_choice import TASK_PREFIX, TaskChoice

MATERIALIZER_PREFIX = "materializer:"


class TaskIndex:
    """Chooses artifact tasks; they are never chosen unless somebody names one.

    Args:
        registry: The plugins that offer and adapt them.
        overrides: Import path of a type to the name of its artifact task.

    Raises:
        SettingsError: An override names no `module:Class` as its type.
    """

    def __init__(
        self, registry: PluginRegistry | None = None, *, overrides: Mapping[str, str] = {}
    ) -> None:
        self._registry = registry
        self._plugins = registry.plugins if registry is not None else ()
        choices = [
            TaskChoice(offer.name, offer.target, plugin.name, offer, registry)
            for plugin in self._plugins
            for offer in plugin.artifact_tasks
        ]
        self._by_name = {choice.name: choice for choice in choices}
        self._by_target = {choice.target: choice for choice in choices}
        self._given: dict[str, TaskChoice] = {}
        self._overrides = dict(overrides)
        for path in overrides:
            module, _, name = path.partition(":")
            if not module or not name:
                raise SettingsError(
                    f"Settings.artifact_tasks names the type {path!r}",
                    hint="write it as in 'pandas:DataFrame'; nothing was opened",
                    name="artifact_tasks",
                )

    def knows(self, name: object) -> bool:
        """Tell whether a plugin offers an artifact task of that name."""
        return isinstance(name, str) and name.removeprefix(TASK_PREFIX) in self._by_name

    def for_type(self, cls: type) -> TaskChoice | None:
        """Return what the settings give values of exactly this type; None: nothing."""
        for path in self._overrides:
            if names_class(path, cls) or path == f"{cls.__module__}:{cls.__qualname__}":
                return self.named(
                    self._overrides[path], source=f"Settings.artifact_tasks[{path!r}]"
                )
        return None

    def named(self, wanted: str | type, *, source: str = "task=") -> TaskChoice:
        """Return what a person named: a name, an import path, a class, a folder.

        Raises:
            NoMaterializerError: Nobody offers that name; names the nearest.
            PluginError: It is neither a text nor a class.
        """
        if isinstance(wanted, type):
            return self.of_class(wanted)
        if not isinstance(wanted, str):
            raise PluginError(
                f"artifact task {wanted!r:.200} is neither a class, a name nor an import path",
                hint="hand in the class itself, without parentheses; nothing was saved",
            )
        name = wanted.removeprefix(TASK_PREFIX)
        found = self._by_name.get(name) or self._by_target.get(name) or self._given.get(name)
        if found is not None:
            return found
        if ":" not in name:
            raise self._unknown(name, source)
        choice = TaskChoice(name, name, _registry=self._registry)
        self._given[name] = choice
        # A text that a plugin adapts is recorded under the path of its class.
        adapted = choice.task_class.adapted
        if adapted is not None:
            path = f"{adapted.__module__}:{adapted.__qualname__}"
            choice = TaskChoice(path, name, None, None, self._registry, choice.task_class)
            self._given[name] = self._given[path] = choice
        return choice

    def by_name(self, name: str) -> TaskChoice:
        """Return the artifact task that a record names; imports nothing because of it.

        Raises:
            NoMaterializerError: Nobody offers it, and no class of that path is imported.
        """
        found = self._by_name.get(name) or self._given.get(name) or self._by_target.get(name)
        if found is not None:
            return found
        for named in self._overrides.values():
            with suppress(ArtifactPluginsError):  # a broken one is no reason for another's version
                chosen = self.named(named)
                if chosen.name == name:
                    return chosen
        imported = loaded_object(name) if ":" in name else None
        if isinstance(imported, type):
            return self.of_class(imported)
        raise self._unknown(name, "")

    def of_class(self, given: type) -> TaskChoice:
        """Return the choice of a class that was handed in.

        Raises:
            PluginError: It is no artifact task, and no plugin adapts it.
        """
        path = f"{given.__module__}:{given.__qualname__}"
        offered = self._by_target.get(path)
        if offered is not None and _source(offered.task_class) is given:
            return offered
        known = self._given.get(path)
        if known is None or _source(known.task_class) is not given:
            known = TaskChoice(path, path, None, None, self._registry, given)
            self._given[path] = known
        return known

    def alone(self, given: type, name: str) -> TaskChoice:
        """Return the choice of a class that only one version uses; it is not remembered."""
        return TaskChoice(name, name, None, None, self._registry, given)

    def explain(self, explanation: Explanation) -> Explanation:
        """Return the walk of a type with what the settings and the offers say of tasks."""
        path = explanation.data_type
        found = self.for_type(find_type(path))
        offered = [c for c in self._by_name.values() if c.offer and path in c.offer.types]
        names = tuple(sorted(choice.name for choice in offered))
        also = f"; Output(task=...) may name {', '.join(map(repr, names))}" if names else ""
        outcome = f"artifact task {found} is taken" if found else f"no artifact task is set{also}"
        step = Step("artifact task", path, names, outcome, is_taken=found is not None)
        steps = [replace(s, is_taken=s.is_taken and not found) for s in explanation.steps]
        steps.insert(1, step)
        if found is None:
            return replace(explanation, steps=tuple(steps))
        return replace(explanation, steps=tuple(steps), choice=None, error=None, task=found)

    def _unknown(self, name: str, source: str) -> NoMaterializerError:
        import difflib  # costs every session a millisecond, and only an error needs it

        near = difflib.get_close_matches(name, list(self._by_name), n=1)
        broken = [plugin.name for plugin in self._plugins if plugin.error]
        if ":" in name:
            hint = f"import {name.partition(':')[0]!r} first, or name it in Settings.artifact_tasks"
        else:
            hint = f"the nearest is {near[0]!r}" if near else "install the plugin that offers it"
        if broken:
            hint += f"; broken plugins: {', '.join(map(repr, broken))}"
        named = f", named in {source}" if source else ""
        return NoMaterializerError(
            f"no plugin offers the artifact task {name!r}{named}", hint=hint, artifact_task=name
        )


def split_overrides(
    registry: PluginRegistry, materializers: Mapping[str, str], tasks: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Sort the settings by what they name, whichever of the two they stand in.

    `artifact_task:NAME` in `Settings.materializers` is an artifact task,
    `materializer:KEY` in `Settings.artifact_tasks` a materializer. The prefix
    may be left out of a name that only the other kind has. A type that stands
    in both is `Settings.artifact_tasks`' business.

    Returns:
        The overrides of the resolver and those of the `TaskIndex`.
    """
    keys = {offer.key for offer, _ in registry.offers}
    names = {offer.name for plugin in registry.plugins for offer in plugin.artifact_tasks}
    by_type: dict[str, str] = {}
    by_task: dict[str, str] = {}
    for path, named in materializers.items():
        is_task = named.startswith(TASK_PREFIX) or (named in names and named not in keys)
        (by_task if is_task else by_type)[path] = named
    for path, named in tasks.items():
        by_type.pop(path, None)
        by_task.pop(path, None)
        is_key = named.startswith(MATERIALIZER_PREFIX) or (named in keys and named not in names)
        (by_type if is_key else by_task)[path] = named.removeprefix(MATERIALIZER_PREFIX)
    return by_type, by_task


def _source(task: type[ArtifactTask[Any]]) -> type:
    return task.adapted or task
