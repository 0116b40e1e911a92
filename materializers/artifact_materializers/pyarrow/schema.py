"""Saves Schemas, Fields and DataTypes as Arrow schema messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pyarrow as pa

from artifact_materializers.pyarrow.ipc import check_schema, reading, restore_schema, with_names
from artifact_materializers.pyarrow.summary import cell_text
from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LoadFailedError

FILE = "schema.arrow"
_MAX_PREVIEW = 4000


class SchemaMaterializer(DirectMaterializer[Any]):
    """Schemas with their metadata; a Field or DataType is stored as a schema of one field."""

    format = "arrow-schema/1"
    media_type = "application/vnd.apache.arrow.file"
    exact: ClassVar[bool] = True

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write `schema.arrow`.

        Raises:
            LossyConversionError: An unregistered extension type; names the field.
        """
        schema = _as_schema(value)
        check_schema(schema)
        message = with_names(schema).serialize()
        with files.open(FILE) as sink:
            sink.write(memoryview(message))

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return the schema, or its only field or type when `data_type` asks for that."""
        with reading(FILE):
            schema = restore_schema(pa.ipc.read_schema(pa.py_buffer(files.buffer(FILE))), FILE)
        if issubclass(data_type, pa.Schema):
            return schema
        if len(schema) != 1:
            raise LoadFailedError(
                f"the schema has {len(schema)} fields, not one", hint="load it as pyarrow.Schema"
            )
        return schema.field(0) if issubclass(data_type, pa.Field) else schema.field(0).type

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return how many fields there are."""
        return {"fields": len(value)} if isinstance(value, pa.Schema) else {}

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return the fields as text."""
        lines = [
            cell_text(f"{field.name}: {field.type}{'' if field.nullable else ' not null'}", 120)
            for field in list(_as_schema(value))[:50]
        ]
        return (Preview(kind="text", content="\n".join(lines)[:_MAX_PREVIEW]),)

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether class, names, types and metadata agree."""
        return type(left) is type(right) and bool(
            _as_schema(left).equals(_as_schema(right), check_metadata=True)
        )


def _as_schema(value: Any) -> pa.Schema:
    if isinstance(value, pa.Schema):
        return value
    return pa.schema([value if isinstance(value, pa.Field) else pa.field("value", value)])
