"""Describes and previews tables from a bounded sample; never a pass over the whole."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from artifact_plugins import Preview

SAMPLE_ROWS = 65_536
_BLOCKS = 16
_MAX_COLUMNS = 50
_PREVIEW_ROWS = 10
_PREVIEW_COLUMNS = 12
_CELL = 40
_MAX_INT = 2**63 - 1


def describe_table(table: pa.Table) -> dict[str, Any]:
    """Return rows, bytes and, of the first 50 columns, type, nulls, min, max and mean.

    Null counts are exact. Ranges and means of tables over 65,536 rows come from
    16 blocks of rows from beginning to end, and say `"sampled": true`.
    """
    described: dict[str, Any] = {"rows": table.num_rows, "bytes": size_bytes(table)}
    if table.num_rows > SAMPLE_ROWS:
        described["sampled"] = True
    if table.num_columns > _MAX_COLUMNS:
        described["column_count"] = table.num_columns
    columns: dict[str, Any] = {}
    for number, name in enumerate(table.column_names[:_MAX_COLUMNS]):
        key = cell_text(name)
        columns[key if key not in columns else f"{key} [{number}]"] = describe_column(
            table.column(number)
        )
    described["columns"] = columns
    return described


def size_bytes(value: Any) -> int:
    """Return how many bytes of memory a table or array refers to."""
    try:
        # pyarrow 26 reads past the end of an empty dense union when asked for `nbytes`.
        if any(map(_holds_union, _types(value))):
            return int(value.get_total_buffer_size())
        return int(value.nbytes)
    except pa.ArrowException:  # views, in older releases: the whole buffers then
        return int(value.get_total_buffer_size())


def _types(value: Any) -> list[pa.DataType]:
    is_tabular = isinstance(value, pa.Table | pa.RecordBatch)
    return [field.type for field in value.schema] if is_tabular else [value.type]


def _holds_union(kind: pa.DataType) -> bool:
    return pa.types.is_union(kind) or any(
        _holds_union(kind.field(number).type) for number in range(kind.num_fields)
    )


def describe_column(column: pa.ChunkedArray) -> dict[str, Any]:
    """Return type, null count, and min, max and mean where the type has them."""
    found: dict[str, Any] = {"type": cell_text(str(column.type)), "null_count": column.null_count}
    kind = column.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not (is_number or pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
        return found
    try:
        return found | _range(_sample(column), is_number)
    except pa.ArrowException:  # no kernel for the type: a description may be short
        return found


def _sample(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if len(column) <= SAMPLE_ROWS:
        return column
    size = SAMPLE_ROWS // _BLOCKS
    last = len(column) - size
    blocks = [column.slice(last * number // (_BLOCKS - 1), size) for number in range(_BLOCKS)]
    return pa.chunked_array([chunk for block in blocks for chunk in block.chunks], column.type)


def _range(sample: pa.ChunkedArray, is_number: bool) -> dict[str, Any]:
    import pyarrow.compute as pc  # costs 30 ms and more; only columns with a range need it

    if pa.types.is_floating(sample.type):
        sample = sample.filter(pc.is_finite(sample))
    if sample.null_count == len(sample):
        return {}
    limits = pc.min_max(sample)
    if not is_number:
        # As text: Python has no nanoseconds, and pandas would be imported for them.
        return {name: limits[name].cast(pa.string()).as_py() for name in ("min", "max")}
    numbers = {"min": limits["min"].as_py(), "max": limits["max"].as_py()}
    numbers["mean"] = pc.mean(sample).as_py()
    return {
        name: value if abs(value) <= _MAX_INT else str(value)
        for name, value in numbers.items()
        if isinstance(value, int) or math.isfinite(value)
    }


def preview_table(table: pa.Table) -> list[Preview]:
    """Return the first 10 rows of the first 12 columns as a Markdown table."""
    head = table.slice(0, _PREVIEW_ROWS).select(range(min(table.num_columns, _PREVIEW_COLUMNS)))
    rows = [
        [_markdown(name) for name in head.column_names],
        ["---"] * head.num_columns,
        *([_markdown(_text(column[row])) for column in head.columns] for row in range(len(head))),
    ]
    title = f"{table.num_rows} rows, {table.num_columns} columns"
    content = "\n".join(f"| {' | '.join(row)} |" for row in rows) if head.num_columns else title
    return [Preview(kind="markdown", content=content, title=title)]


def _markdown(text: str) -> str:
    return cell_text(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")


def _text(scalar: pa.Scalar) -> str:
    """Return the beginning of a value without converting the whole of it."""
    kind = scalar.type
    if not scalar.is_valid:
        return ""
    if isinstance(scalar, pa.ExtensionScalar | pa.DictionaryScalar | pa.UnionScalar):
        return _text(scalar.value)
    if isinstance(scalar, pa.StructScalar):
        inner = (f"{name}: {_text(scalar[name])}" for name in list(scalar)[:4])
        return "{" + ", ".join(inner) + "}"
    if isinstance(scalar, pa.ListScalar | pa.FixedSizeListScalar):
        values = scalar.values
        inner = (_text(values[i]) for i in range(min(len(values), 4)))
        return "[" + ", ".join(inner) + (", …]" if len(values) > 4 else "]")
    if isinstance(scalar, pa.BinaryScalar):
        start = scalar.as_buffer()[: _CELL * 4].to_pybytes()
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        is_text = is_text or pa.types.is_string_view(kind)
        return str(start.decode(errors="replace") if is_text else start.hex())
    try:
        if pa.types.is_temporal(kind):
            return str(scalar.cast(pa.string()).as_py())
        return str(scalar.as_py())
    except (pa.ArrowException, ValueError, OverflowError):
        return str(kind)


def cell_text(text: str, width: int = _CELL) -> str:
    """Return at most `width` characters that JSON and terminals can show."""
    short = text if len(text) <= width else text[: width - 1] + "…"
    if short.isascii() and short.isprintable():
        return short
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short
    )
    return shown if len(shown) <= width * 4 else shown[: width * 4]
