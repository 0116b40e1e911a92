"""Materializer instances: one per class and options, shared by all threads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from artifact_plugins.contracts.abilities import DirectIO, PartialIO, StreamIO, UsesParts
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.errors import SettingsError
from artifact_plugins.plugins import Choice, PluginRegistry, Resolver
from artifact_plugins.session.parts import SessionParts


@dataclass(frozen=True, slots=True)
class Equipped:
    """A materializer ready for use, and which abilities it has.

    Attributes:
        key: What is recorded with a version.
        parameters: The options as JSON, recorded with a version.
    """

    key: str
    instance: Materializer[Any]
    parameters: dict[str, Any]
    is_direct: bool
    is_partial: bool
    is_stream: bool
    counts_items: bool


class Materializers:
    """Turns a choice of the resolver into a ready instance."""

    def __init__(self, resolver: Resolver, registry: PluginRegistry) -> None:
        self.resolver = resolver
        self._registry = registry
        self._made: dict[tuple[type, str, str], Equipped] = {}

    def for_value(
        self, value: Any, wanted: str | type | None, options: Mapping[str, Any] | None
    ) -> Equipped:
        """Choose and equip the materializer that saves `value`."""
        return self.equip(self.resolver.for_value(value, wanted=wanted), options)

    def by_key(self, key: str, options: Mapping[str, Any] | None) -> Equipped:
        """Equip the materializer that a record names."""
        return self.equip(self.resolver.by_key(key), options)

    def equip(self, choice: Choice, options: Mapping[str, Any] | None) -> Equipped:
        """Return the instance of a choice with validated options.

        Raises:
            SettingsError: The materializer has no such option.
        """
        # By class: a notebook cell that runs again defines a new one under the old key.
        name = (choice.materializer_class, choice.key, _text(options))
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(choice, options or {})
        return found

    def _make(self, choice: Choice, options: Mapping[str, Any]) -> Equipped:
        cls = choice.materializer_class
        try:
            model = cls.Options(**options)
        except ValidationError as error:
            first = error.errors()[0]
            option = ".".join(str(part) for part in first["loc"])
            raise SettingsError(
                f"option {option!r} of materializer {choice.key!r}: {first['msg']}",
                hint=f"it takes {sorted(cls.Options.model_fields)}; nothing was saved",
                materializer=choice.key,
            ) from error
        instance = cls(model)
        if isinstance(instance, UsesParts) or "parts" in getattr(cls, "__annotations__", {}):
            instance.parts = SessionParts(self)  # type: ignore[attr-defined]  # ability UsesParts
        offer = choice.offer
        return Equipped(
            key=choice.key,
            instance=instance,
            parameters=model.model_dump(mode="json", exclude_defaults=True),
            is_direct=isinstance(instance, DirectIO),
            is_partial=isinstance(instance, PartialIO),
            is_stream=isinstance(instance, StreamIO),
            counts_items=offer is not None and "iterator" in offer.kinds,
        )


def _text(options: Mapping[str, Any] | None) -> str:
    return json.dumps(options, sort_keys=True, default=str) if options else ""
