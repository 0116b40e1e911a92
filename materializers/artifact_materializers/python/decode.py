"""The bytes of a document to the value that was saved."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from artifact_materializers.python import containers, scalars
from artifact_materializers.python.attachments import load_part
from artifact_materializers.python.classes import check_fields
from artifact_materializers.python.families import BY_KIND
from artifact_materializers.python.json_text import (
    MAX_JSON_DEPTH,
    UNREAD,
    fast_from_json,
    from_plain_json,
    is_deeper,
    refuse_constant,
)
from artifact_materializers.python.plain import TAG
from artifact_materializers.python.state import Decode, Decoding, MakeObjects
from artifact_plugins.contracts.abilities import Parts
from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.refs import find_type
from artifact_plugins.errors import ArtifactPluginsError, LoadFailedError, ResourceLimitError

# What a text that no `write_document` made can raise while it is read.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, re.error)
_TAG_BYTES = f'"{TAG}"'.encode()
# Where more is to be walked through, calling back for each object is quicker.
_BYTES_PER_STEP = 256
_SAMPLE_BYTES = 4096


def read_document(data: bytes, parts: Parts, files: FileReader) -> Any:
    """Return the value of a whole document.

    Raises:
        LoadFailedError: The text is not a document, or a class has lost or
            gained a field, or an enum a member.
        PayloadClassNotFoundError: A class of the document is gone.
        ResourceLimitError: The text is nested too deeply or holds a number of
            thousands of digits.
    """
    document = DocumentDecoder(parts, files).decode(data)
    if not isinstance(document, dict) or "value" not in document:
        raise LoadFailedError(
            "the file is not a document: it has no 'value'", hint="the stored bytes are intact"
        )
    return document["value"]


class DocumentDecoder:
    """Decodes one document, or lines that share their classes."""

    def __init__(self, parts: Parts, files: FileReader) -> None:
        self._state = Decoding(_DECODERS.copy(), parts, files)
        self._tagged: json.JSONDecoder | None = None

    def decode(self, data: bytes) -> Any:
        """Return the value of one JSON text; None for the declaration of a class.

        Raises:
            See `read_document`.
        """
        try:
            return self._decode(data)
        except ArtifactPluginsError:
            raise
        except RecursionError:
            raise _too_deep() from None
        except _MALFORMED as error:
            if type(error) is ValueError and "digits" in str(error):
                raise ResourceLimitError(
                    "a document holds an integer of thousands of digits", hint="nothing was loaded"
                ) from error
            raise LoadFailedError(
                f"a document cannot be read: {type(error).__name__}: {error}",
                hint="the stored bytes are intact",
            ) from error

    def _decode(self, data: bytes) -> Any:
        last = data.rfind(_TAG_BYTES)
        is_tagged = last >= 0
        tags = _tags_to_resolve(data, last + len(_TAG_BYTES) + 1) if is_tagged else 0
        if tags is not None:
            tree = fast_from_json(data)
            if tree is not UNREAD:
                return self._state.resolve(tree, tags) if is_tagged else tree
        if is_deeper(data, MAX_JSON_DEPTH):
            raise _too_deep()
        text = data.decode()
        if not is_tagged:
            return from_plain_json(text)
        if self._tagged is None:
            self._tagged = json.JSONDecoder(
                object_hook=self._state.hook(), parse_constant=refuse_constant
            )
        return self._tagged.decode(text)


def _tags_to_resolve(data: bytes, end: int) -> int | None:
    """Return the number of tags when a walk through the parsed text finds them soon.

    Args:
        end: Where the last tag ends; nothing behind it is walked through.

    Returns:
        None if many arrays and objects begin before `end`, or a text of the
        value looks like a tag.
    """
    # The start tells most dense texts, so that not all of them is counted.
    for part, whole in ((_SAMPLE_BYTES, _SAMPLE_BYTES), (end, len(data))):
        if part <= end:
            steps = data.count(b"{", 0, part) + data.count(b"[", 0, part)
            if steps * _BYTES_PER_STEP > whole:
                return None
    tags = data.count(_TAG_BYTES, 0, end)
    return tags if tags == data.count(_TAG_BYTES + b":", 0, end) else None


def _too_deep() -> ResourceLimitError:
    return ResourceLimitError(
        f"a document is nested deeper than {MAX_JSON_DEPTH} levels", hint="nothing was loaded"
    )


def _declare(tree: dict[str, Any], state: Decoding) -> None:
    """Add a class of the document; its objects follow and refer to it by number."""
    cls = find_type(tree["name"])
    decode, make = _class_decoder(cls, tree["kind"], tuple(tree["fields"]))
    state.decoders[len(state.makers)] = decode
    state.makers.append(make)


@lru_cache(maxsize=4096)
def _class_decoder(cls: type, kind: str, fields: tuple[str, ...]) -> tuple[Decode, MakeObjects]:
    family = BY_KIND.get(kind)
    # Looked at again: a document must not make objects of any class it likes.
    if family is None or not family.claims(cls):
        raise LoadFailedError(
            f"class {cls.__module__}:{cls.__qualname__} is no {kind} class",
            hint="nothing was made; it may have been another kind of class when it was saved",
        )
    check_fields(cls, fields, family.names(cls))
    return family.decoder(cls, fields), family.maker(cls, fields)


def _read_table(tree: dict[str, Any], state: Decoding) -> list[Any]:
    columns = tree["v"]
    if set(map(type, columns)) != {list} or len(set(map(len, columns))) != 1:
        raise ValueError("the columns of a table are not lists of one length")
    make: MakeObjects = state.makers[tree["of"]]
    return make(columns)


_DECODERS: dict[int | str, Decode] = {
    **scalars.DECODERS,
    **containers.DECODERS,
    "part": load_part,
    "class": _declare,
    "rows": _read_table,
}
