"""TaskChoice: the artifact task taken; its class is imported, adapted and checked at first use."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from artifact_plugins.contracts.artifact_task import ArtifactTask
from artifact_plugins.contracts.offers import ArtifactTaskOffer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.errors import PluginError
from artifact_plugins.plugins.registry import PluginRegistry

TASK_PREFIX = "artifact_task:"


@dataclass(frozen=True)
class TaskChoice:
    """An artifact task, named but not yet imported.

    Attributes:
        name: What is recorded with a version: the offer's name, or
            `module:Qualname` of a class that no plugin offers.
        target: Import path of the class, or what an adapting plugin understands.
        plugin: Name of the plugin that offers it; None for a bare class.
        offer: What the plugin said about it; None for a bare class.
    """

    name: str
    target: str
    plugin: str | None = None
    offer: ArtifactTaskOffer | None = None
    _registry: PluginRegistry | None = field(default=None, repr=False, compare=False)
    _given: Any = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> str:
        """What stands where the key of a materializer would: `artifact_task:csv_frame`."""
        return f"{TASK_PREFIX}{self.name}"

    @cached_property
    def task_class(self) -> type[ArtifactTask[Any]]:
        """The class; imported and checked at first use, then at hand.

        Raises:
            PluginError: It cannot be imported, is no artifact task, or lacks
                something; names the artifact task and what is missing.
        """
        found = self._given
        if found is None:
            found = _adapted(self._registry, self.target)
        if found is None:
            try:
                found = load_target(self.target)
            except Exception as error:
                raise PluginError(
                    f"artifact task {self} cannot be imported from {self.target!r}: {error}",
                    hint="check who names it, and install what it needs",
                    artifact_task=self.name,
                ) from error
        if not _is_task(found):
            found = _adapted(self._registry, found) or found
        return _checked(found, self.name)

    @property
    def executes_on_load(self) -> bool:
        """Whether loading can run code from the files: the offer's word, or the class's."""
        said = self.offer.executes_on_load if self.offer else None
        return self.task_class.executes_on_load if said is None else said

    def __str__(self) -> str:
        return f"{self.name!r} of plugin {self.plugin!r}" if self.plugin else repr(self.name)


def _adapted(registry: PluginRegistry | None, given: Any) -> type | None:
    if registry is None or not (isinstance(given, type) or _has_scheme(given)):
        return None
    return next(registry.ask("adapt_artifact_task", given=given), None)


def _has_scheme(text: str) -> bool:
    """Tell whether a text is more than an import path: `dioptra:plugins/text:TextTask`."""
    module, _, name = text.partition(":")
    return ":" in name or not all(part.isidentifier() for part in module.split("."))


def _is_task(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, ArtifactTask)


def _checked(found: Any, name: str) -> type[ArtifactTask[Any]]:
    if not _is_task(found):
        raise PluginError(
            f"artifact task {name!r} is {found!r:.200}, which is no subclass of ArtifactTask",
            hint="derive the class from artifact_plugins.ArtifactTask",
            artifact_task=name,
        )
    task: type[ArtifactTask[Any]] = found
    missing = sorted(task.__abstractmethods__)
    missing += [
        text for text in ("name", "format") if not isinstance(getattr(task, text, None), str)
    ]
    if missing:
        raise PluginError(
            f"artifact task {name!r} ({task.__qualname__}) does not define {', '.join(missing)}",
            hint="name, format, serialize and deserialize are what every artifact task has",
            artifact_task=name,
        )
    return task
