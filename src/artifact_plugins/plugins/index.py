"""Which offers claim a class, level by level, nearest first; nothing is imported to tell."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from artifact_plugins.contracts.offers import Kind
from artifact_plugins.plugins.choice import Choice
from artifact_plugins.plugins.kinds import kind_of

Rule: TypeAlias = Literal["settings", "class", "base", "kind", "any object"]

# The standard library is one library: its classes do not say where they are
# public (`types:GeneratorType` calls itself `builtins.generator`).
_STDLIB = ""
SWITCHED_OFF = "is switched off by Settings.allow_pickle"


@dataclass(frozen=True, slots=True)
class Level:
    """One place of the walk and who claims the class there.

    Attributes:
        rule: Which rule looked.
        subject: The class, base or kind that was looked at.
        taken: Claims that count here. One decides, several are a tie.
        refused: Claims that do not count, with the reason.
    """

    rule: Rule
    subject: type | str
    taken: tuple[Choice, ...] = ()
    refused: tuple[tuple[Choice, str], ...] = ()

    def only_readers_of(self, format: str) -> Level:  # noqa: A002  # the word of the contract
        """Return the level with the claims that load a format."""
        reading = tuple(choice for choice in self.taken if choice.reads(format))
        others = tuple(
            (choice, f"does not read {format!r}") for choice in self.taken if choice not in reading
        )
        return Level(self.rule, self.subject, reading, self.refused + others)

    def without(self, keys: frozenset[str]) -> Level:
        """Return the level without claims that the settings switch off; its own choice stays."""
        if self.rule == "settings" or not any(choice.key in keys for choice in self.taken):
            return self
        kept = tuple(choice for choice in self.taken if choice.key not in keys)
        others = tuple((choice, SWITCHED_OFF) for choice in self.taken if choice not in kept)
        return Level(self.rule, self.subject, kept, self.refused + others)


class OfferIndex:
    """The offers by the library of their types and by kind."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        self._by_library: dict[str, list[tuple[str, Choice]]] = {}
        self._by_kind: dict[Kind, list[Choice]] = {}
        # Sorted by key, so that no plugin gains by being loaded first.
        for choice in sorted(choices, key=lambda choice: choice.key):
            if choice.offer is None:
                continue
            for path in dict.fromkeys(choice.offer.types):
                self._by_library.setdefault(library_of(path), []).append((path, choice))
            for kind in dict.fromkeys(choice.offer.kinds):
                self._by_kind.setdefault(kind, []).append(choice)

    def levels(self, cls: type) -> Iterator[Level]:
        """Yield where the class is looked for: itself, its bases, its kind, any object.

        `object` is a base of everything and so says nothing about a class; an
        offer for it comes last instead of hiding the kinds.
        """
        for base in cls.__mro__:
            if base is not object:
                yield self._level("class" if base is cls else "base", base)
        kind = kind_of(cls)
        if kind is not None:
            yield Level("kind", kind, tuple(self._by_kind.get(kind, ())))
        yield self._level("class" if cls is object else "any object", object)

    def _level(self, rule: Rule, base: type) -> Level:
        claims: dict[Choice, None] = {}
        for path, choice in self._by_library.get(_library_of_class(base), ()):
            if names_class(path, base):
                claims[choice] = None
        if rule == "class":
            return Level(rule, base, tuple(claims))
        keeps = tuple(choice for choice in claims if choice.offer and choice.offer.keeps_subclasses)
        others = tuple(
            (choice, "does not keep subclasses") for choice in claims if choice not in keeps
        )
        return Level(rule, base, keeps, others)


def library_of(path: str) -> str:
    """Return the top-level module of an import path; "" for the standard library."""
    library = path.partition(":")[0].partition(".")[0]
    return _STDLIB if library in sys.stdlib_module_names else library


def names_class(path: str, cls: type) -> bool:
    """Tell whether an import path leads to this very class, through loaded modules only.

    The value exists, so the library of its class is imported; what is not
    imported cannot be its class.
    """
    if loaded_object(path) is cls:
        return True
    module_name, _, name = path.partition(":")
    if name != cls.__name__ or module_name not in sys.modules:
        return False
    # Some packages export names at first use. Only the one of this class is
    # asked for, and its module is there already.
    try:
        return getattr(sys.modules[module_name], name, None) is cls
    except Exception:  # noqa: BLE001  # a module's own __getattr__ may raise anything
        return False


def loaded_object(path: str) -> Any:
    """Return what an import path leads to, or None; runs no import and no module code."""
    module_name, _, qualname = path.partition(":")
    first, *rest = qualname.split(".")
    module = sys.modules.get(module_name)
    if module is None:
        return None
    try:
        # Past `__getattribute__`: looking at a lazily loaded module loads it.
        found: Any = object.__getattribute__(module, "__dict__").get(first)
    except AttributeError:
        return None
    for part in rest:
        found = vars(found).get(part) if isinstance(found, type) else None
    return found


def _library_of_class(cls: type) -> str:
    module = getattr(cls, "__module__", None)
    return library_of(module) if isinstance(module, str) else _STDLIB
