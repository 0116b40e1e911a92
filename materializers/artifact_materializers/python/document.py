"""Any nesting of plain values and objects, as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from artifact_materializers.python.decode import read_document
from artifact_materializers.python.encode import write_document
from artifact_materializers.python.equality import deep_equal
from artifact_materializers.python.parts import NO_PARTS
from artifact_materializers.python.pretty import describe, pretty
from artifact_plugins import Preview
from artifact_plugins.contracts.abilities import Parts
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer

FILE = "value.json"
_NO_PICTURE = frozenset({int, float, bool, complex, type(None)})


class DocumentMaterializer(DirectMaterializer[Any]):
    """Keeps Python's own types, and objects made of them, exactly.

    `value.json` holds `{"value": ...}`: plain JSON where JSON has the value,
    otherwise an object `{"$": tag, ...}`. Classes are listed once, before the
    value, with their fields. Eight or more objects of one class in a row are
    a table, one list for each field. Elements of other types are saved by
    their own materializers, embedded when small.
    """

    format = "document/2"
    # The first had no columns: it wrote every object by itself.
    reads: ClassVar[tuple[str, ...]] = ("document/1",)
    media_type = "application/json"
    exact: ClassVar[bool] = True
    # Set by the session; without one, only what is listed above can be stored.
    parts: Parts = NO_PARTS

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write the value.

        Raises:
            NotSerializableError: Something in the value cannot be stored, the
                value contains itself or is deeper than 100 levels; names the path.
        """
        data = write_document(value, self.parts, files)
        with files.open(FILE) as sink:
            sink.write(data)

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return the value with the types it was saved with.

        Raises:
            LoadFailedError: A class lost or gained a field, an enum a member.
            PayloadClassNotFoundError: A class is gone.
            ResourceLimitError: The document is too deep.
        """
        return read_document(bytes(files.buffer(FILE)), self.parts, files)

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the value of a number, or the length and element types of a container."""
        return describe(value)

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return the start of the value as text; nothing for numbers."""
        if type(value) in _NO_PICTURE:
            return ()
        text = pretty(value)
        return (Preview(kind="text", content=text),) if text else ()

    def equal(self, left: Any, right: Any) -> bool:
        """Compare deeply: types on every level, NaN equal to NaN, order of dicts."""
        return deep_equal(left, right)
