"""Which materializer, with which options, brings a version into a form that somebody names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from artifact_plugins.contracts.refs import find_type, import_type
from artifact_plugins.errors import (
    ArtifactPluginsError,
    InputError,
    NoMaterializerError,
)
from artifact_plugins.plugins import TaskChoice
from artifact_plugins.plugins.index import loaded_object
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.session import Session
from artifact_plugins.session.artifact_tasks import writer_key
from artifact_plugins.session.equipped import Equipped

_FORMAT = re.compile(r"[^:/\s]+/[^:/\s]+")


@dataclass(frozen=True)
class Conversion:
    """How one version is saved anew.

    Attributes:
        writer: Key or class of a materializer, or `artifact_task:NAME`.
        options: Of the materializer or artifact task.
        format: What it writes.
    """

    writer: str | type
    options: Mapping[str, Any]
    format: str

    def __str__(self) -> str:
        writer = self.writer
        name = writer if isinstance(writer, str) else f"{writer.__module__}:{writer.__qualname__}"
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"{self.format} by {name}{options}"


class Target:
    """The form that versions are brought into.

    Args:
        to: Key or import path of a materializer, a class, `artifact_task:NAME`,
            or a format like `parquet/1`.

    Raises:
        InputError: It is neither text nor a class.
        NoMaterializerError, PluginError: There is nothing that it names.
    """

    def __init__(self, session: Session, to: str | type) -> None:
        if not isinstance(to, str | type) or to == "":
            raise InputError(
                f"the target {to!r:.200} is neither text nor a class",
                hint="name a materializer, artifact_task:NAME or a format like parquet/1",
            )
        self._session = session
        self._materializers = session.materializers
        is_format = isinstance(to, str) and _FORMAT.fullmatch(to) is not None
        self._format = str(to) if is_format else None
        if not is_format:
            self._writer = to
            self._equipped({})  # raises now what keeps it from being used at all

    def is_form_of(self, version: ArtifactVersion) -> bool:
        """Tell whether a version is stored in this form, under a class name that still holds."""
        if version.data_type in self._session.deciding.names.renames:
            return False
        if self._format is not None:
            return version.format == self._format
        equipped = self._equipped_for(version)
        return writer_key(version) == equipped.key and version.format == equipped.instance.format

    def conversion(self, version: ArtifactVersion, *, may_import: bool) -> Conversion | None:
        """Return how a version is saved in this form.

        Args:
            may_import: Whether the class that a version names may be imported
                or restored, as a load would do. If not, None says that only
                the class decides.

        Raises:
            NoMaterializerError: No materializer of its type writes the format.
            TrustError: Its class would have to be imported, and nobody vouches.
        """
        if self._format is None:
            equipped = self._equipped_for(version)
            return _conversion(equipped, equipped.parameters)
        own = self._own_writer(version, may_import=may_import)
        if own is not None:
            with_own = self._writing(self._format, own, version.parameters)
            if with_own is not None:
                return with_own
        cls = self._class_of(version, may_import=may_import)
        if cls is None:
            return None
        key = self._materializers.key_for_type(cls)
        found = self._writing(self._format, self._materializers.by_key(key, {}), {})
        if found is None:
            raise NoMaterializerError(
                f"materializer {key!r} of {version.data_type} writes {self._format!r} with none "
                "of its options",
                hint="name a materializer or artifact task; nothing was saved",
                version_id=version.id,
            )
        return found

    def _equipped_for(self, version: ArtifactVersion) -> Equipped:
        """Equip what is named; with the options of the version if that wrote it."""
        equipped = self._equipped({})
        if version.parameters and writer_key(version) == equipped.key:
            with suppress(ArtifactPluginsError):  # options of a release before
                return self._equipped(version.parameters)
        return equipped

    def _equipped(self, options: Mapping[str, Any]) -> Equipped:
        parts, resolver = self._materializers, self._materializers.resolver
        found = parts.tasks.chosen(object, self._writer, None, is_key=resolver.offers)
        if isinstance(found, TaskChoice):
            return parts.tasks.equip(found, options)
        return parts.equip(resolver.for_value(None, wanted=found), options)

    def _own_writer(self, version: ArtifactVersion, *, may_import: bool) -> Equipped | None:
        """Return what wrote a version, if it is installed."""
        with suppress(NoMaterializerError):
            if not may_import:
                return self._materializers.by_key(writer_key(version) or "", {})
            deciding = self._session.deciding
            return deciding.installed_writer(deciding.reading(version, allow_unsafe=False))
        return None

    def _class_of(self, version: ArtifactVersion, *, may_import: bool) -> type | None:
        deciding = self._session.deciding
        if may_import:
            with deciding.reading(version, allow_unsafe=False).active():
                return find_type(version.data_type)
        path = deciding.names.renames.get(version.data_type, version.data_type)
        found = loaded_object(path)
        if isinstance(found, type):
            return found
        return import_type(path) if path in deciding.names.offered else None

    def _writing(
        self,
        format: str,  # noqa: A002  # the word of the contract
        equipped: Equipped,
        recorded: Mapping[str, Any],
    ) -> Conversion | None:
        """Return with which options a writer writes a format: its default, or one other choice."""
        if equipped.artifact_task is not None:
            return _conversion(equipped, recorded) if equipped.instance.format == format else None
        for kept in (recorded, {}) if recorded else ({},):
            for options in _choices(equipped.instance.Options, kept):
                with suppress(ArtifactPluginsError):
                    found = self._with_options(equipped, options)
                    if found.instance.format == format:
                        return _conversion(found, options)
        return None

    def _with_options(self, equipped: Equipped, options: Mapping[str, Any]) -> Equipped:
        resolver = self._materializers.resolver
        return self._materializers.equip(resolver.for_value(None, wanted=_name(equipped)), options)


def _conversion(equipped: Equipped, options: Mapping[str, Any]) -> Conversion:
    """Say all that a store far away might otherwise choose by itself."""
    instance, stated = equipped.instance, dict(options)
    if equipped.artifact_task is None:
        for name in instance.options_when_remote:
            if name in instance.Options.model_fields:
                stated.setdefault(name, getattr(instance.options, name))
    return Conversion(_name(equipped), stated, equipped.instance.format)


def _name(equipped: Equipped) -> str | type:
    """Return what an output names it by: a class that no plugin offers may have moved."""
    if equipped.artifact_task is None and ":" in equipped.key:
        return equipped.writer.cls
    return equipped.key


def _choices(model: type[BaseModel], kept: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield options: those that are kept, then with one of finitely many other values."""
    yield dict(kept)
    for name, field in model.model_fields.items():
        for value in _values(field.annotation):
            yield {**kept, name: value}


def _values(annotation: Any) -> Iterator[Any]:
    """Yield what a Literal, an enum or a bool may be, also inside an Optional."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for part in get_args(annotation):
            yield from _values(part)
    elif annotation is bool:
        yield from (True, False)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (member.value for member in annotation)
