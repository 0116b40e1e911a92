"""Resolver: from a type to its materializer, the same whatever was imported or loaded first."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeAlias, cast
from weakref import WeakKeyDictionary

from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.contracts.refs import find_type, type_path
from artifact_plugins.errors import (
    MaterializerError,
    NoMaterializerError,
    PayloadClassNotFoundError,
    PluginError,
    SettingsError,
)
from artifact_plugins.plugins.choice import Choice
from artifact_plugins.plugins.explanation import Explanation, explained
from artifact_plugins.plugins.index import Level, OfferIndex, loaded_object, names_class
from artifact_plugins.plugins.offers import refuse_second_claims
from artifact_plugins.plugins.refusals import Refusals
from artifact_plugins.plugins.registry import PluginRegistry

_Bare: TypeAlias = "Iterable[MaterializerOffer | tuple[MaterializerOffer, str]]"
_ChoiceByFormat: TypeAlias = "dict[tuple[str, str | None], Choice]"
_SOME_MODULE = "MODULE"


class Resolver:
    """Chooses materializers.

    The order: (1) what an output itself asks for; (2) `overrides` by type
    name; (3) the classes of the MRO, nearest first, where a base only counts
    for materializers that keep subclasses; (4) the kind of class; (5) an offer
    for `object`. Two claims at one place are a tie, and a tie is an error.

    Args:
        offers: A registry, or offers (each alone or with its plugin's name).
        overrides: `Settings.materializers`: import path of a type to the key
            of an offer or the `module:Class` of a materializer.
        not_saved_with: Keys that the settings keep from being chosen for a
            type when a value is saved; what they wrote is still loaded.

    Raises:
        SettingsError: An override names no `module:Class` as its type.
        PluginConflictError: Two offers have one key.
    """

    def __init__(
        self,
        offers: PluginRegistry | _Bare,
        *,
        overrides: Mapping[str, str] = {},
        not_saved_with: Collection[str] = (),
    ) -> None:
        registry = offers if isinstance(offers, PluginRegistry) else None
        pairs = list(_pairs(registry.offers if registry else cast(_Bare, offers)))
        refuse_second_claims(pairs)
        choices = [Choice.of_offer(offer, plugin) for offer, plugin in pairs]
        self._by_key = {choice.key: choice for choice in choices}
        # One class may serve several offers; the last by name of key is taken.
        by_key = sorted(choices, key=lambda choice: choice.key)
        self._by_target = {choice.target: choice for choice in by_key}
        self._index = OfferIndex(choices)
        self._overrides = dict(overrides)
        self._not_saved_with = frozenset(not_saved_with)
        for path in overrides:
            _check_override(path)
        self._refusals = Refusals(
            choices,
            plugins=registry.plugins if registry else (),
            disabled=registry.disabled if registry else (),
        )
        # Weak, because classes made in functions or notebook cells come and go.
        self._chosen: WeakKeyDictionary[type, Choice] = WeakKeyDictionary()
        self._readers: WeakKeyDictionary[type, _ChoiceByFormat] = WeakKeyDictionary()
        # Classes that this process was handed, by the path they are recorded under.
        self._given: dict[str, Choice] = {}

    def for_value(self, value: object, *, wanted: str | type | None = None) -> Choice:
        """Return the materializer that saves a value.

        Args, Raises: See `for_class`; only the type of the value is looked at.
        """
        return self.for_class(type(value), wanted=wanted)

    def for_class(self, cls: type, *, wanted: str | type | None = None) -> Choice:
        """Return the materializer that saves values of exactly this class, or the wanted one.

        Args:
            cls: Of the value.
            wanted: The output's own choice: a key, a `module:Class` path that
                its author wrote, or a class.

        Raises:
            NoMaterializerError: Nobody handles the type; says what to do.
            AmbiguousMaterializerError: Several claim it; names them.
            PluginError: `wanted` is no materializer or cannot be imported.
        """
        if wanted is None:
            return self.for_type(cls)
        if isinstance(wanted, type):
            return self._of_class(wanted)
        if not isinstance(wanted, str):
            raise PluginError(
                f"materializer {wanted!r:.200} is neither a class, a key nor an import path",
                hint="hand in the class itself, without parentheses; nothing was saved",
            )
        return self._named(wanted, source="materializer=")

    def offers(self, key: str) -> bool:
        """Tell whether a plugin offers a materializer under a key."""
        return key in self._by_key

    def for_type(self, cls: type) -> Choice:
        """Return the materializer that saves values of exactly this type.

        Raises:
            NoMaterializerError: Nobody handles the type; says what to do.
            AmbiguousMaterializerError: Several claim it; names them.
        """
        try:
            return self._chosen[cls]
        except (KeyError, TypeError):  # new, or its metaclass has no hash
            pass
        _, found = self._walk(cls)
        # A failure is not remembered: a module imported later may change it.
        if isinstance(found, MaterializerError):
            raise found
        with suppress(TypeError):
            self._chosen[cls] = found
        return found

    def by_key(self, key: str) -> Choice:
        """Return the materializer that a record names.

        A key is looked up among the offers, the settings, the classes handed
        in and the classes already imported. Nothing is imported because a
        store says so.

        Raises:
            NoMaterializerError: There is none; names the plugin when it is
                known as broken or switched off.
        """
        found = self._by_key.get(key) or self._given.get(key) or self._by_target.get(key)
        if found is not None:
            return found
        if ":" in key:
            if key in self._overrides.values():
                return self._named(key, source="Settings.materializers")
            imported = loaded_object(key)
            if isinstance(imported, type) and issubclass(imported, Materializer):
                return self._of_class(imported)
        raise self._refusals.unknown_key(key)

    def reader_for(
        self, wanted: type, *, stored_format: str, stored_key: str | None = None
    ) -> Choice:
        """Return the materializer of the wanted type that loads a stored format.

        The same walk as for saving, over the claims that read the format.

        Args:
            wanted: The class that the consumer asks for.
            stored_format: Format of the version: `arrow/1`.
            stored_key: Who wrote it; settles a tie.

        Raises:
            NoMaterializerError: None; names who reads the format, and as what.
            AmbiguousMaterializerError: Several do, and none of them wrote it.
        """
        try:
            return self._readers[wanted][stored_format, stored_key]
        except (KeyError, TypeError):  # new, or its metaclass has no hash
            pass
        levels, found = self._walk(wanted, reads=stored_format, settles=stored_key)
        if isinstance(found, NoMaterializerError):
            raise self._refusals.no_reader(wanted, stored_format, stored_key, levels)
        if isinstance(found, MaterializerError):
            raise found
        with suppress(TypeError):
            self._readers.setdefault(wanted, {})[stored_format, stored_key] = found
        return found

    def explain(self, type_or_path: type | str) -> Explanation:
        """Return the walk for a type: what was looked at, considered and decided.

        Args:
            type_or_path: A class, or its import path (`pandas:DataFrame`,
                `pandas.DataFrame`, `int`), which is imported.

        Raises:
            PayloadClassNotFoundError: There is no such class.
        """
        cls = type_or_path if isinstance(type_or_path, type) else _found(type_or_path)
        levels, found = self._walk(cls)
        return explained(cls, levels, found, entries=self._overrides)

    def _walk(
        self, cls: type, *, reads: str | None = None, settles: str | None = None
    ) -> tuple[list[Level], Choice | MaterializerError]:
        if not isinstance(cls, type):
            return [], NoMaterializerError(f"{cls!r} is no class", hint="hand in a class")
        levels: list[Level] = []
        for place in self._places(cls):
            if isinstance(place, MaterializerError):
                return levels, place
            if reads is None:
                level = place.without(self._not_saved_with)
            else:
                level = place.only_readers_of(reads)
            levels.append(level)
            if len(level.taken) == 1:
                return levels, level.taken[0]
            if level.taken:
                writer = [choice for choice in level.taken if choice.key == settles]
                return levels, writer[0] if writer else self._refusals.ambiguous(cls, level)
        return levels, self._refusals.no_materializer(cls, levels)

    def _places(self, cls: type) -> Iterator[Level | MaterializerError]:
        if self._overrides and (path := self._override(cls)) is not None:
            try:
                named = self._named(
                    self._overrides[path], source=f"Settings.materializers[{path!r}]"
                )
            except NoMaterializerError as error:
                yield error
                return
            yield Level("settings", cls, (named,))
        yield from self._index.levels(cls)

    def _override(self, cls: type) -> str | None:
        for path in (type_path(cls), f"{cls.__module__}:{cls.__qualname__}"):
            if path in self._overrides:
                return path
        # Other public names of the same class: `types:GeneratorType`.
        return next((path for path in self._overrides if names_class(path, cls)), None)

    def _named(self, name: str, *, source: str) -> Choice:
        """Return what a person named: a key, or the import path of a class."""
        found = self._by_key.get(name) or self._by_target.get(name) or self._given.get(name)
        if found is None:
            if ":" not in name:
                raise self._refusals.unknown_key(name, source=source)
            found = self._given[name] = Choice(name, name)
        return found

    def _of_class(self, given: type) -> Choice:
        if given.__module__ == "__main__":
            raise PluginError(
                f"materializer {given.__qualname__!r} belongs to the running script or notebook, "
                "where no other program finds it to load with",
                hint="nothing was saved; move it to a module and import it from there",
            )
        path = f"{given.__module__}:{given.__qualname__}"
        offered = self._by_target.get(path)
        if offered is not None and offered.materializer_class is given:
            return offered
        known = self._given.get(path)
        # A class defined again in a notebook replaces the one of that name.
        if known is None or known.materializer_class is not given:
            known = self._given[path] = Choice.of_class(given)
        return known


def _pairs(
    offers: Iterable[MaterializerOffer | tuple[MaterializerOffer, str]],
) -> Iterator[tuple[MaterializerOffer, str | None]]:
    for item in offers:
        yield (item, None) if isinstance(item, MaterializerOffer) else item


def _check_override(path: str) -> None:
    module, _, name = path.partition(":")
    if not module or not name:
        raise SettingsError(
            f"Settings.materializers names the type {path!r}",
            hint=f"write it as {_path_of(path)!r}; nothing was opened",
            name="materializers",
        )


def _path_of(text: str) -> str:
    """Return `module:Class` for what people type: `pandas.DataFrame`, `int`."""
    if ":" in text:
        return text
    module, _, name = text.rpartition(".")
    own = "builtins" if hasattr(builtins, name) else _SOME_MODULE
    return f"{module or own}:{name}"


def _found(text: str) -> type:
    path = _path_of(text)
    if path == f"{_SOME_MODULE}:{text}":
        raise PayloadClassNotFoundError(
            f"Python itself has no class {text!r}",
            hint=f"write it as {path!r}, with the module that defines it",
            data_type=text,
        )
    return find_type(path)
