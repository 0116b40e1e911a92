"""What one encoding or decoding knows, and the tables that choose by type and by tag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from artifact_materializers.python.plain import (
    CAREFUL,
    TAG,
    are_plain,
    are_plain_dicts,
    are_plain_lists,
)
from artifact_plugins.contracts.abilities import Parts
from artifact_plugins.contracts.files import FileReader

T = TypeVar("T")
Encode: TypeAlias = "Callable[[Any, Encoding], Any]"
Decode: TypeAlias = "Callable[[dict[str, Any], Decoding], Any]"
ReadColumns: TypeAlias = Callable[[Sequence[Any]], "list[list[Any]] | None"]
"""The fields of objects of one class as columns; None when an object needs a row of its own."""
MakeObjects: TypeAlias = Callable[[list[list[Any]]], list[Any]]
"""The objects of one class whose fields are given as columns of one length."""

# Shorter lists gain nothing from columns.
FEWEST_ROWS = 8
# Columns of columns hold all their objects at once, which rows never do: a
# value that contains itself must not fill the memory before it is found out.
_MOST_LEVELS = 4

_NESTED: frozenset[type] = frozenset({dict, list})


class Refused(Exception):
    """An object inside a value cannot be stored.

    Raised where the object is met, caught where the whole value is known:
    there its path is added. `script_class` is the class of the running script
    or notebook that is the reason; None for every other reason.
    """

    def __init__(self, value: Any, why: str, hint: str, *, script_class: str | None = None) -> None:
        super().__init__(why)
        self.value = value
        self.why = why
        self.hint = hint
        self.script_class = script_class


class AttachedInTable(Exception):
    """Something in a column is to lie beside the tree, where the order of rows counts."""


class ByType(dict[type, T], Generic[T]):
    """What is done with objects of an exact type; the first one of a new class adds its own."""

    def __init__(self, known: dict[type, T], choose: Callable[[type], T]) -> None:
        super().__init__(known)
        self._known = known
        self._choose = choose

    def __missing__(self, cls: type) -> T:
        if len(self) > 10_000:  # classes made in a loop would stay alive for ever
            self.clear()
            self.update(self._known)
        found = self[cls] = self._choose(cls)
        return found


@dataclass(slots=True, eq=False)
class Encoding:
    """One document being written.

    Attributes:
        atoms: Types that are JSON as they are.
        encoders: By exact type.
        readers: By exact type; None for types whose objects are no rows.
        describe_class: Makes the entry of a class in the table of the document.
        by_rows: Whether lists of objects are written object by object.
        classes: The number of each class met so far.
        declared: Their entries, in that order.
        attachments: What is to be saved beside the tree: the object that will
            refer to it, and the value.
        attached: How many attachments were saved already.
        levels: How many tables the walk is in.
        content_of: Gives JSON that tells attachments apart by what they hold.
        names_classes: Whether this is a scratch encoding; see `scratch`.
    """

    atoms: frozenset[type]
    encoders: ByType[Encode]
    readers: ByType[ReadColumns | None]
    describe_class: Callable[[type, Any], dict[str, Any]]
    by_rows: bool = False
    classes: dict[type, int | str] = field(default_factory=dict)
    declared: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[tuple[dict[str, Any], Any]] = field(default_factory=list)
    attached: int = 0
    levels: int = 0
    content_of: Callable[[Any], dict[str, Any]] = lambda value: {}
    names_classes: bool = False

    def encode(self, value: Any) -> Any:
        """Return JSON for any value."""
        cls = type(value)
        return value if cls in self.atoms else self.encoders[cls](value, self)

    def items(self, values: Sequence[Any]) -> Any:
        """Return JSON for a list of elements; `values` itself if they are JSON."""
        if self.atoms.issuperset(map(type, values)):
            return values
        if len(values) >= FEWEST_ROWS:
            together = self._together(values)
            if together is not None:
                return together
        return self._one_by_one(values)

    def _one_by_one(self, values: Sequence[Any]) -> list[Any]:
        atoms, encoders = self.atoms, self.encoders
        encoded = []
        for value in values:
            cls = type(value)
            encoded.append(value if cls in atoms else encoders[cls](value, self))
        return encoded

    def _together(self, values: Sequence[Any]) -> Any:
        """Return JSON for many elements without a look at each; None if that cannot be."""
        if self.atoms is CAREFUL and are_plain(values, CAREFUL):
            return values
        kind: type = type(values[0])
        if not {kind}.issuperset(map(type, values)):
            return None
        if kind is list:
            return values if are_plain_lists(values, self.atoms) else None
        if kind is dict:
            return values if are_plain_dicts(values, self.atoms) else None
        if self.by_rows or self.levels >= _MOST_LEVELS:
            return None
        read = self.readers[kind]
        return None if read is None else self._table(values, read)

    def _table(self, values: Sequence[Any], read: ReadColumns) -> Any:
        """Return objects of one class column by column; None if `read` says so.

        What is refused or attached on the way is met in the order of columns.
        Errors and numbers follow the order of rows, so the outermost table
        then gives its objects one by one.
        """
        known_classes = len(self.declared)
        self.levels += 1
        try:
            columns = read(values)
            if columns is None:
                return None
            number = self.class_number(values[0])
            return {TAG: "rows", "of": number, "v": [self.items(column) for column in columns]}
        except (Refused, AttachedInTable):
            if self.levels > 1:
                raise
            self.forget_classes(known_classes)
        finally:
            self.levels -= 1
        self.by_rows = True
        try:
            return self._one_by_one(values)
        finally:
            self.by_rows = False

    def class_number(self, value: Any) -> int | str:
        """Return the number of the class of `value` in this document.

        Raises:
            Refused: The class cannot be found by its import path.
        """
        cls = type(value)
        number = self.classes.get(cls)
        if number is None:
            entry = self.describe_class(cls, value)
            number = entry["name"] if self.names_classes else len(self.declared)
            self.classes[cls] = number
            self.declared.append(entry)
        return number

    def forget_classes(self, count: int) -> None:
        """Leave only the first `count` classes declared."""
        for cls in list(self.classes)[count:]:
            del self.classes[cls]
        del self.declared[count:]

    def attach(self, tag: str, value: Any) -> dict[str, Any]:
        """Return an object that will refer to `value`, which is saved after the walk."""
        if self.names_classes:
            return {TAG: tag, **self.content_of(value)}
        if self.levels:
            raise AttachedInTable
        reference: dict[str, Any] = {TAG: tag, "n": self.attached + len(self.attachments)}
        self.attachments.append((reference, value))
        return reference

    def scratch(self) -> Encoding:
        """Return an encoding whose results depend on the value alone.

        It names classes instead of numbering them, and holds the content of
        attachments instead of their number, so that elements of a set can be
        sorted before the order of either is known.
        """
        return Encoding(
            CAREFUL,
            self.encoders,
            self.readers,
            self.describe_class,
            by_rows=True,
            content_of=self.content_of,
            names_classes=True,
        )


@dataclass(slots=True, eq=False)
class Decoding:
    """One document being read.

    Attributes:
        decoders: By tag; the classes of the document are added under their number.
        parts: Loads the elements that other materializers saved.
        files: The files of the version, for what lies beside the document.
        makers: Of the classes declared so far, by their number.
    """

    decoders: dict[int | str, Decode]
    parts: Parts
    files: FileReader
    makers: list[MakeObjects] = field(default_factory=list)
    _tags_left: int = 0

    def hook(self) -> Callable[[dict[str, Any]], Any]:
        """Return what gives the value of a JSON object whose members are values already."""
        decoders, state = self.decoders, self

        def value_of(tree: dict[str, Any]) -> Any:
            return decoders[tree[TAG]](tree, state) if TAG in tree else tree

        return value_of

    def resolve(self, tree: Any, tags: int) -> Any:
        """Return the value of parsed JSON; what is inside `tree` is replaced by its values.

        Args:
            tags: How many tagged objects there are at most. The walk leaves
                alone whatever comes after the last one.
        """
        self._tags_left = tags
        return self._resolve(tree)

    def _resolve(self, tree: Any) -> Any:
        is_tagged = type(tree) is dict and TAG in tree
        if is_tagged:
            self._tags_left -= 1
        if self._tags_left > 0:
            places = tree.items() if type(tree) is dict else enumerate(tree)
            for place, item in places:
                if type(item) in _NESTED and self._tags_left > 0:
                    tree[place] = self._resolve(item)
        return self.decoders[tree[TAG]](tree, self) if is_tagged else tree
