"""What one encoding or decoding knows, and the tables that choose by type and by tag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, TypeAlias

from artifact_plugins.contracts.abilities import Parts
from artifact_plugins.contracts.files import FileReader

TAG = "$"
"""The key that tells a tagged object from a plain dict."""

Encode: TypeAlias = "Callable[[Any, Encoding], Any]"
Decode: TypeAlias = "Callable[[dict[str, Any], Decoding], Any]"

# Written without a look at their value: `encode` finds out from the finished
# text whether a surrogate, a NaN or a long integer was among them, and then
# encodes again with the second set. Looking at each costs more than JSON does.
TRUSTING: frozenset[type] = frozenset({str, int, float, bool, NoneType})
CAREFUL: frozenset[type] = frozenset({bool, NoneType})


class Refused(Exception):
    """An object inside a value cannot be stored.

    Raised where the object is met, caught where the whole value is known:
    there its path is added.
    """

    def __init__(self, value: Any, why: str, hint: str) -> None:
        super().__init__(why)
        self.value = value
        self.why = why
        self.hint = hint


class EncoderTable(dict[type, Encode]):
    """Encoders by exact type; the first object of a class of users adds its own."""

    def __init__(self, known: dict[type, Encode], choose: Callable[[type], Encode]) -> None:
        super().__init__(known)
        self._known = known
        self._choose = choose

    def __missing__(self, cls: type) -> Encode:
        if len(self) > 10_000:  # classes made in a loop would stay alive for ever
            self.clear()
            self.update(self._known)
        encode = self[cls] = self._choose(cls)
        return encode


@dataclass(slots=True, eq=False)
class Encoding:
    """One document being written.

    Attributes:
        atoms: Types that are JSON as they are.
        encoders: By exact type.
        describe_class: Makes the entry of a class in the table of the document.
        classes: The number of each class met so far.
        declared: Their entries, in that order.
        attachments: What is to be saved beside the tree: the object that will
            refer to it, and the value.
        attached: How many attachments were saved already.
        content_of: Gives JSON that tells attachments apart by what they hold.
        names_classes: Whether this is a scratch encoding; see `scratch`.
    """

    atoms: frozenset[type]
    encoders: EncoderTable
    describe_class: Callable[[type, Any], dict[str, Any]]
    classes: dict[type, int | str] = field(default_factory=dict)
    declared: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[tuple[dict[str, Any], Any]] = field(default_factory=list)
    attached: int = 0
    content_of: Callable[[Any], dict[str, Any]] = lambda value: {}
    names_classes: bool = False

    def encode(self, value: Any) -> Any:
        """Return JSON for any value."""
        cls = type(value)
        return value if cls in self.atoms else self.encoders[cls](value, self)

    def items(self, values: Any) -> Any:
        """Return a JSON list of the encoded elements; `values` itself if they are JSON."""
        atoms, encoders = self.atoms, self.encoders
        if atoms.issuperset(map(type, values)):
            return values
        encoded = []
        for value in values:
            cls = type(value)
            encoded.append(value if cls in atoms else encoders[cls](value, self))
        return encoded

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

    def attach(self, tag: str, value: Any) -> dict[str, Any]:
        """Return an object that will refer to `value`, which is saved after the walk."""
        if self.names_classes:
            return {TAG: tag, **self.content_of(value)}
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
            self.describe_class,
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
        class_count: Classes declared so far.
    """

    decoders: dict[int | str, Decode]
    parts: Parts
    files: FileReader
    class_count: int = 0

    def hook(self, tree: dict[str, Any]) -> Any:
        """Return the value of one JSON object whose members are values already."""
        if TAG not in tree:
            return tree
        return self.decoders[tree[TAG]](tree, self)
