"""Materializer instances: one per class and options, shared by all threads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from artifact_plugins.contracts.abilities import DirectIO, PartialIO, StreamIO, UsesParts
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.errors import (
    ArtifactPluginsError,
    InputError,
    LoadFailedError,
    PluginError,
    SettingsError,
    UnsafeFormatError,
    describe,
)
from artifact_plugins.plugins import (
    TASK_PREFIX,
    Choice,
    PluginRegistry,
    Resolver,
    TaskChoice,
    TaskIndex,
    split_overrides,
)
from artifact_plugins.session.artifact_tasks import ArtifactTasks
from artifact_plugins.session.equipped import Equipped
from artifact_plugins.session.own_places import refuse_own
from artifact_plugins.session.parts import SessionParts
from artifact_plugins.settings import Settings

PICKLE = "pickle.object"


class Materializers:
    """Turns a choice of the resolver into a ready instance.

    Attributes:
        resolver: Chooses.
        tasks: Chooses and equips artifact tasks.
        verify_save: Which elements of containers are read back; see Settings.
        is_remote: Whether saves go to a store that is not on this machine.
        allows_pickle: Whether values are pickled, also when that is asked for.
        own_places: Where the store and the ledger lie on this machine.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        verify_save: Literal["small", "all", "none"] = "small",
        is_remote: bool = False,
        allows_pickle: bool = True,
        tasks: ArtifactTasks | None = None,
        own_places: Sequence[Path] = (),
    ) -> None:
        self.resolver = resolver
        self.tasks = tasks or ArtifactTasks(TaskIndex())
        self.is_remote = is_remote
        self.allows_pickle = allows_pickle
        self.verify_save = verify_save
        self.own_places = own_places
        self._made: dict[tuple[type, str, str], Equipped] = {}

    def for_value(
        self,
        value: Any,
        wanted: str | type | None,
        options: Mapping[str, Any] | None,
        *,
        streams: bool = False,
        task: str | type | None = None,
    ) -> Equipped:
        """Choose and equip the materializer or artifact task that saves `value`.

        Args:
            wanted: Key, import path or class that overrides the resolution.
            options: What the caller chose.
            task: Name, import path or class of an artifact task; overrides
                everything else.
            streams: Whether `value` is the first chunk of a stream, which
                gets no options that only the store suggests.

        Raises:
            UnsafeFormatError: It pickles, and `Settings.allow_pickle` is False.
            NotSerializableError: It is a path that holds the store or the ledger.
        """
        refuse_own(value, self.own_places)
        return self.for_class(type(value), wanted, options, streams=streams, task=task)

    def for_class(
        self,
        cls: type,
        wanted: str | type | None,
        options: Mapping[str, Any] | None,
        *,
        streams: bool = False,
        task: str | type | None = None,
    ) -> Equipped:
        """Choose and equip what saves values of exactly this class.

        Args, Raises: See `for_value`.
        """
        found = self.tasks.chosen(cls, wanted, task, is_key=self.resolver.offers)
        if isinstance(found, TaskChoice):
            equipped = self.tasks.equip(found, options)
        else:
            choice = self.resolver.for_class(cls, wanted=found)
            equipped = self.equip(choice, options)
            if self.is_remote and not streams:
                equipped = self._for_remote(choice, options, equipped)
        if equipped.key == PICKLE and not self.allows_pickle:
            raise UnsafeFormatError(
                f"materializer {PICKLE!r} is switched off by Settings.allow_pickle",
                hint="nothing was saved; use a materializer of a data format, or allow pickles",
                materializer=PICKLE,
            )
        return equipped

    def by_key(self, key: str, options: Mapping[str, Any] | None) -> Equipped:
        """Equip the materializer or artifact task that a record names.

        Raises:
            NoMaterializerError: There is none under the key.
            LoadFailedError: It does not take the recorded options any more.
        """
        if key.startswith(TASK_PREFIX):
            choice = self.tasks.index.by_name(key.removeprefix(TASK_PREFIX))
            return self.tasks.stored(choice, options or {})
        found = self.resolver.by_key(key)
        try:
            return self.equip(found, options)
        except SettingsError as error:
            raise LoadFailedError(
                f"the recorded options do not fit materializer {key!r}: {error.message}",
                hint="the stored bytes are untouched; the class differs from what wrote them",
                materializer=key,
            ) from error

    def offers(self, key: str) -> bool:
        """Tell whether a plugin offers a materializer under a key."""
        return self.resolver.offers(key)

    def key_for_type(self, cls: type) -> str:
        """Return the key of what saves values of exactly this type.

        Raises:
            MaterializerError: Nothing does, or several do with equal right.
        """
        task = self.tasks.index.for_type(cls)
        return self.resolver.for_type(cls).key if task is None else task.key

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
            plugin=choice.plugin,
            formats=_formats(choice, cls),
        )


def _formats(choice: Choice, cls: type[Materializer[Any]]) -> frozenset[str]:
    offered = (choice.offer.format, *choice.offer.reads) if choice.offer is not None else ()
    return frozenset((cls.format, *cls.reads, *offered))


def open_materializers(
    settings: Settings,
    plugins: PluginRegistry,
    *,
    is_remote: bool,
    own_places: Sequence[Path] = (),
) -> Materializers:
    """Return what the settings and plugins of a session say about materializers."""
    by_type, by_task = split_overrides(plugins, settings.materializers, settings.artifact_tasks)
    off = () if settings.allow_pickle else (PICKLE,)
    return Materializers(
        Resolver(plugins, overrides=by_type, not_saved_with=off),
        verify_save=settings.verify_save,
        is_remote=is_remote,
        allows_pickle=settings.allow_pickle,
        tasks=ArtifactTasks(TaskIndex(plugins, overrides=by_task)),
        own_places=own_places,
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
