"""A value to the bytes of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artifact_materializers.python import containers, scalars
from artifact_materializers.python.attachments import content_of, save_attachments
from artifact_materializers.python.classes import class_entry
from artifact_materializers.python.families import family_of
from artifact_materializers.python.json_text import fast_json, has_long_digits, is_deeper, to_json
from artifact_materializers.python.locate import MAX_DEPTH, check_nesting, path_to
from artifact_materializers.python.plain import CAREFUL, TRUSTING
from artifact_materializers.python.state import ByType, Encode, Encoding, ReadColumns, Refused
from artifact_plugins.contracts.abilities import Parts
from artifact_plugins.contracts.files import FileWriter
from artifact_plugins.errors import NotSerializableError

KEY = "python.document"
"""The key of the materializer of documents."""


def write_document(value: Any, parts: Parts, files: FileWriter) -> bytes:
    """Return the JSON of a whole value; what lies beside it is written into `files`.

    Raises:
        NotSerializableError: The value holds something that cannot be stored,
            contains itself or is deeper than 100 levels; names the path.
        MaterializerError: What the materializer of an element raised.
    """
    return DocumentEncoder("value").encode(value, parts, files, with_classes=True)


def is_known(cls: type) -> bool:
    """Tell whether objects of a class are documents themselves, not parts of them."""
    return cls in TRUSTING or _TABLE[cls] is not _part


class DocumentEncoder:
    """Encodes one value, or one after the other with a common table of classes.

    Attributes:
        name: What the value is called in errors.
        state: Knows the classes so far, and how much was attached.
    """

    def __init__(self, name: str, *, by_rows: bool = False) -> None:
        self.name = name
        self.state = Encoding(TRUSTING, _TABLE, _READERS, _describe_class, by_rows=by_rows)

    def encode(
        self, value: Any, parts: Parts, files: FileWriter, *, with_classes: bool = False
    ) -> bytes:
        """Return the JSON of a value, alone or below its table of classes.

        Without the table the caller writes `state.declared` before the value.

        Raises:
            See `write_document`.
        """
        state = self.state
        state.content_of = lambda item: content_of(item, parts)
        before = len(state.declared)
        try:
            tree = self._tree(value)
            if len(state.declared) > before and self._give_up(parts, before):
                return self.encode(value, parts, files, with_classes=with_classes)
            data = fast_json(self._document(tree, with_classes))
            is_certain = not state.attachments and not has_long_digits(data)
        except ValueError:  # NaN, a lone surrogate, or deep
            is_certain = False
        if not is_certain:
            data = self._careful(value, parts, files, with_classes)
        if is_deeper(data, MAX_DEPTH):
            check_nesting(value, self.name)
        return data

    def _give_up(self, parts: Parts, before: int) -> bool:
        """Leave classes that a plugin has a materializer for to that plugin."""
        state = self.state
        new = list(state.classes)[before:]
        claimed = [cls for cls in new if parts.claims(cls, KEY)]
        if claimed:
            state.forget_classes(before)
            state.attachments.clear()
            state.encoders = ByType({**state.encoders, **dict.fromkeys(claimed, _part)}, _choose)
            state.readers = ByType({**state.readers, **dict.fromkeys(claimed)}, _choose_reader)
        return bool(claimed)

    def _careful(self, value: Any, parts: Parts, files: FileWriter, with_classes: bool) -> bytes:
        state = self.state
        state.attachments.clear()
        state.atoms = CAREFUL
        try:
            tree = self._tree(value)
        finally:
            state.atoms = TRUSTING
        if state.attachments:
            check_nesting(value, self.name)
            save_attachments(
                state.attachments, parts, files, lambda item: path_to(value, item, self.name)
            )
            state.attached += len(state.attachments)
            state.attachments.clear()
            # What other materializers wrote into their records was not looked at.
            return to_json(self._document(tree, with_classes)).encode()
        document = self._document(tree, with_classes)
        try:
            return fast_json(document)
        except ValueError:
            return to_json(document).encode()

    def _tree(self, value: Any) -> Any:
        try:
            return self.state.encode(value)
        except Refused as error:
            path = path_to(value, error.value, self.name)
            facts = {} if error.script_class is None else {"script_class": error.script_class}
            raise NotSerializableError(
                f"{path} {error.why}", hint=error.hint, path=path, **facts
            ) from None
        except RecursionError:
            check_nesting(value, self.name)
            raise NotSerializableError(
                f"{self.name} is too deep for what is left of the call stack (depth)",
                hint="nothing was saved; save it from a function that is called less deeply",
                path=self.name,
            ) from None

    def _document(self, tree: Any, with_classes: bool) -> Any:
        if not with_classes:
            return tree
        declared = self.state.declared
        return {"classes": declared, "value": tree} if declared else {"value": tree}


def _describe_class(cls: type, value: Any) -> dict[str, Any]:
    family = family_of(cls)
    assert family is not None, cls
    return class_entry(family, cls, value)


def _choose(cls: type) -> Encode:
    family = family_of(cls)
    if family is not None:
        return family.encoder(cls)
    if issubclass(cls, type):
        return _refuse_class
    # An open file is an iterator too.
    return _refuse_iterator if issubclass(cls, Iterator) else _part


def _part(value: Any, state: Encoding) -> Any:
    return state.attach("part", value)


def _refuse_iterator(value: Any, state: Encoding) -> Any:
    cls = type(value)
    raise Refused(
        value,
        f"is a {cls.__module__}.{cls.__qualname__}, which can be read only once",
        "nothing was saved; store what it yields, as a list",
    )


def _refuse_class(value: Any, state: Encoding) -> Any:
    raise Refused(
        value,
        f"is the class {value.__module__}.{value.__qualname__}, not a value",
        "nothing was saved; store its name",
    )


def _choose_reader(cls: type) -> ReadColumns | None:
    family = family_of(cls)
    return None if family is None else family.reader(cls)


_TABLE = ByType({**scalars.ENCODERS, **containers.ENCODERS}, _choose)
_READERS: ByType[ReadColumns | None] = ByType({}, _choose_reader)
