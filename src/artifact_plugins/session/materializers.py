"""Materializer instances: one per class and options, shared by all threads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from artifact_plugins.contracts.abilities import DirectIO, PartialIO, StreamIO, UsesParts
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.errors import (
    ArtifactPluginsError,
    InputError,
    PluginError,
    SettingsError,
    UnsafeFormatError,
    describe,
)
from artifact_plugins.plugins import Choice, Resolver
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.parts import SessionParts


class Materializers:
    """Turns a choice of the resolver into a ready instance.

    Attributes:
        resolver: Chooses.
        verify_save: Which elements of containers are read back; see Settings.
        is_remote: Whether saves go to a store that is not on this machine.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        verify_save: Literal["small", "all", "none"] = "small",
        is_remote: bool = False,
    ) -> None:
        self.resolver = resolver
        self.is_remote = is_remote
        self.verify_save = verify_save
        self._made: dict[tuple[type, str, str], Equipped] = {}

    def for_value(
        self,
        value: Any,
        wanted: str | type | None,
        options: Mapping[str, Any] | None,
        *,
        streams: bool = False,
    ) -> Equipped:
        """Choose and equip the materializer that saves `value`.

        Args:
            wanted: Key, import path or class that overrides the resolution.
            options: What the caller chose.
            streams: Whether `value` is the first chunk of a stream, which
                gets no options that only the store suggests.

        Raises:
            UnsafeFormatError: This release would refuse to load what it writes.
        """
        choice = self.resolver.for_value(value, wanted=wanted)
        equipped = self.equip(choice, options)
        if self.is_remote and not streams:
            equipped = self._for_remote(choice, options, equipped)
        if equipped.instance.executes_on_load:
            raise UnsafeFormatError(
                f"materializer {equipped.key!r} writes {equipped.instance.format!r}, which "
                "executes code when loaded and could never be loaded again by this release",
                hint="nothing was saved; use a materializer of a data format",
                materializer=equipped.key,
            )
        return equipped

    def by_key(self, key: str, options: Mapping[str, Any] | None) -> Equipped:
        """Equip the materializer that a record names."""
        return self.equip(self.resolver.by_key(key), options)

    def equip(self, choice: Choice, options: Mapping[str, Any] | None) -> Equipped:
        """Return the instance of a choice with validated options.

        Raises:
            InputError: The options are no mapping with text as keys.
            SettingsError: The materializer has no such option.
            PluginError: The materializer cannot be made.
        """
        # By class: a notebook cell that runs again defines a new one under the old key.
        name = (
            choice.materializer_class,
            choice.key,
            "" if options is None or options == {} else _text(options),
        )
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(choice, options or {})
        return found

    def _for_remote(
        self, choice: Choice, options: Mapping[str, Any] | None, equipped: Equipped
    ) -> Equipped:
        cls = choice.materializer_class
        given = options or {}
        suggested = {
            name: value
            for name, value in cls.options_when_remote.items()
            # A subclass may have options of its own.
            if name not in given and name in cls.Options.model_fields
        }
        # What is consumed while it is saved cannot be saved a second time.
        if not suggested or equipped.counts_items:
            return equipped
        return replace(self.equip(choice, {**given, **suggested}), instead=equipped)

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
        instance, parameters = _instance(choice, cls, model)
        if isinstance(instance, UsesParts) or "parts" in getattr(cls, "__annotations__", {}):
            instance.parts = SessionParts(self)  # type: ignore[attr-defined]  # ability UsesParts
        offer = choice.offer
        return Equipped(
            key=choice.key,
            instance=instance,
            parameters=parameters,
            is_direct=isinstance(instance, DirectIO),
            is_partial=isinstance(instance, PartialIO),
            is_stream=isinstance(instance, StreamIO),
            counts_items=offer is not None and "iterator" in offer.kinds,
        )


def _instance(
    choice: Choice, cls: type[Materializer[Any]], model: BaseModel
) -> tuple[Materializer[Any], dict[str, Any]]:
    try:
        return cls(model), model.model_dump(mode="json", exclude_defaults=True)
    except ArtifactPluginsError:
        raise
    except Exception as error:
        raise PluginError(
            f"materializer {choice.key!r} cannot be made with its options: {describe(error)}",
            hint="its __init__ takes the options and passes them to super().__init__; "
            "nothing was saved",
            materializer=choice.key,
        ) from error


def _text(options: Mapping[str, Any]) -> str:
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        raise InputError(
            f"options {options!r:.200} are no mapping with text as keys",
            hint="write options={'compression': 'zstd'}; nothing was saved",
        )
    try:
        return json.dumps(dict(options), sort_keys=True, default=str) if options else ""
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"options cannot be read: {describe(error)}", hint="nothing was saved"
        ) from error
