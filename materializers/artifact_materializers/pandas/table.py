"""A frame, series or index as named Arrow columns and a sidecar, and back.

The columns of the file are the columns of the frame, then the columns of its
index. Everything that Arrow does not keep lies in the sidecar, JSON under the
key `artifact_plugins.pandas` of the schema metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from artifact_plugins.errors import LossyConversionError, MetadataValueError

from . import tagged
from .axes import column_count, decode_index, decode_inline, encode_index, encode_inline
from .columns import array_of, decode_array, encode_array
from .encoded import Encoded
from .memory import Memory
from .refusal import Refused, short
from .text import text_dtype

KEY = b"artifact_plugins.pandas"
INDEX_PREFIX = "__index_level_"
# Below this many rows, columns of one dtype are joined into one block: copying
# is cheap, and thousands of tiny blocks would slow down every later operation.
JOIN_BELOW_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class Encoding:
    """A value on its way to a file.

    Attributes:
        names: Names of the Arrow columns, unique.
        columns: Their data and specifications, in the same order.
        sidecar: JSON without the specifications of `columns`.
    """

    names: list[str]
    columns: list[Encoded]
    sidecar: dict[str, Any] = field(default_factory=dict)

    def schema(self) -> Any:
        """Return the Arrow schema, with the sidecar in its metadata."""
        fields = [
            pa.field(name, column.type)
            for name, column in zip(self.names, self.columns, strict=True)
        ]
        return pa.schema(fields, metadata={KEY: tagged.dumps(self.sidecar).encode()})


def encode_frame(frame: pd.DataFrame, *, for_stream: bool = False) -> Encoding:
    """Return the Arrow form of a frame; see `decode_frame`.

    Args:
        frame: A plain DataFrame.
        for_stream: Make the Arrow types independent of the values.

    Raises:
        LossyConversionError: Names the column or index that would not come
            back equal.
        MetadataValueError: `frame.attrs` cannot be kept.
    """
    _check_class(frame, pd.DataFrame)
    sidecar: dict[str, Any] = {"is": "frame", "rows": len(frame)}
    columns = []
    for number, (label, series) in enumerate(frame.items()):
        place = f"column {short(label)} (position {number})"
        columns.append(_named(place, encode_array, array_of(series), text_only=for_stream))
    sidecar["columns"] = [column.spec for column in columns]
    names = _column_names(frame.columns.tolist())
    sidecar["labels"] = _named("the column labels", _encode_labels, frame.columns, names)
    sidecar["index"], levels = _named("the index", encode_index, frame.index, by_value=for_stream)
    _keep_extras(frame, sidecar)
    return Encoding(names + _level_names(levels), columns + levels, sidecar)


def encode_series(series: pd.Series[Any]) -> Encoding:
    """Return the Arrow form of a series: one column and its index.

    Raises:
        LossyConversionError, MetadataValueError: As for `encode_frame`.
    """
    _check_class(series, pd.Series)
    place = f"series {short(series.name)}"
    column = _named(place, encode_array, array_of(series))
    sidecar: dict[str, Any] = {"is": "series", "rows": len(series), "columns": [column.spec]}
    sidecar["name"] = _named("the series name", tagged.encode, series.name)
    sidecar["index"], levels = _named("the index", encode_index, series.index)
    _keep_extras(series, sidecar)
    names = _column_names([series.name])
    return Encoding(names + _level_names(levels), [column, *levels], sidecar)


def encode_axis(index: pd.Index[Any]) -> Encoding:
    """Return the Arrow form of an index on its own.

    Raises:
        LossyConversionError: The index would not come back equal.
    """
    spec, levels = _named("the index", encode_index, index)
    sidecar = {"is": "index", "rows": len(index), "columns": [], "index": spec}
    return Encoding(_level_names(levels), levels, sidecar)


def decode_frame(
    sidecar: Any, columns: Sequence[Any], memory: Memory, rows: slice = slice(None)
) -> pd.DataFrame:
    """Return the frame that `encode_frame` described.

    Args:
        sidecar: Its sidecar; `columns` and `labels` may be a selection.
        columns: The Arrow columns of the frame and then of its index, sliced
            to `rows` already.
        memory: The file that they point into; columns of fixed width are
            writable views of it.
        rows: The rows that are wanted, with step 1.
    """
    specs = sidecar["columns"]
    index = decode_index(sidecar["index"], columns[len(specs) :], memory, rows)
    arrays: dict[int, Any] = {}
    for number, (spec, column) in enumerate(zip(specs, columns, strict=False)):
        values = decode_array(spec, column, memory)
        if isinstance(values, np.ndarray) and values.dtype.kind == "O":
            # Without a dtype pandas 3 would infer text.
            values = pd.Series(values, index=index, dtype=object, copy=False)
        arrays[number] = values
    frame = pd.DataFrame(arrays, index=index, copy=len(index) < JOIN_BELOW_ROWS)
    frame.columns = sidecar["labels"]
    _restore_extras(frame, sidecar)
    return frame


def decode_series(sidecar: Any, columns: Sequence[Any], memory: Memory) -> pd.Series[Any]:
    """Return the series that `encode_series` described."""
    index = decode_index(sidecar["index"], columns[1:], memory)
    values = decode_array(sidecar["columns"][0], columns[0], memory)
    series: Any = pd.Series(
        values, index=index, dtype=values.dtype, name=tagged.decode(sidecar["name"]), copy=False
    )
    _restore_extras(series, sidecar)
    return cast("pd.Series[Any]", series)


def decode_axis(sidecar: Any, columns: Sequence[Any], memory: Memory) -> pd.Index[Any]:
    """Return the index that `encode_axis` described."""
    return decode_index(sidecar["index"], columns, memory)


def read_sidecar(metadata: Any, names: Sequence[str]) -> Any:
    """Return the sidecar of a file with its column labels decoded; None if it has none.

    Args:
        metadata: Schema metadata, or None.
        names: Names of the columns in the file.
    """
    if not metadata or KEY not in metadata:
        return None
    return decode_sidecar(tagged.loads(metadata[KEY]), names)


def decode_sidecar(sidecar: Any, names: Sequence[str]) -> Any:
    """Return `sidecar` with its column labels decoded, checked against the file.

    Raises:
        ValueError: The sidecar describes other columns than the file has.
    """
    wanted = len(sidecar["columns"]) + column_count(sidecar["index"])
    if wanted != len(names):
        raise ValueError(f"the file has {len(names)} columns, its sidecar describes {wanted}")
    if "labels" in sidecar:
        own = list(names[: len(sidecar["columns"])])
        return {**sidecar, "labels": decode_labels(sidecar["labels"], own)}
    return sidecar


def check_rows(sidecar: Any, columns: Sequence[Any]) -> None:
    """Raise ValueError unless every column has the rows that the sidecar says."""
    for column in columns:
        if len(column) != sidecar["rows"]:
            raise ValueError(f"a column has {len(column)} rows instead of {sidecar['rows']}")


def _named(place: str, encode: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return encode(*args, **kwargs)
    except Refused as refused:
        raise refused.named(place) from refused
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        # Decided by the libraries, not by us; still a refusal that names the place.
        raise Refused(f"cannot be stored: {short(str(error), 200)}").named(place) from error


def _check_class(value: object, expected: type) -> None:
    if type(value) is not expected:
        kind = type(value)
        raise LossyConversionError(
            f"a {kind.__module__}.{kind.__qualname__} would come back as a "
            f"pandas.{expected.__name__}",
            hint="nothing was saved; convert it, or register a materializer for the subclass",
        )


def _column_names(names: list[Any]) -> list[str]:
    """The labels themselves when Arrow can have them as names, else positions."""
    is_plain = all(type(name) is str and _is_name(name) for name in names)
    if is_plain and len(set(names)) == len(names):
        return names
    return [str(number) for number in range(len(names))]


def _is_name(label: str) -> bool:
    if label.startswith(INDEX_PREFIX) or "\0" in label:
        return False
    return label.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in label)


def _level_names(levels: Sequence[Encoded]) -> list[str]:
    return [f"{INDEX_PREFIX}{number}__" for number in range(len(levels))]


def _encode_labels(labels: pd.Index[Any], names: list[str]) -> Any:
    spec: Any
    if type(labels) is pd.Index and len(labels) and labels.tolist() == names:
        dtype: Any = labels.dtype
        if (
            isinstance(dtype, np.dtype)
            and dtype.kind == "O"
            and all(type(label) is str for label in labels)
        ):
            return {"is": "names", "name": tagged.encode(labels.name)}
        if isinstance(dtype, pd.StringDtype):
            missing = "NA" if dtype.na_value is pd.NA else "nan"
            storage = "python" if dtype.storage == "python" else "pyarrow"
            spec = {"is": "names", "name": tagged.encode(labels.name)}
            return spec | {"storage": storage, "missing": missing}
    return encode_inline(labels)


def decode_labels(spec: Any, names: list[str]) -> pd.Index[Any]:
    """Return the column labels of a sidecar."""
    if spec["is"] == "names":
        dtype = text_dtype(spec["storage"], spec["missing"]) if "storage" in spec else object
        return pd.Index(names, dtype=dtype, name=tagged.decode(spec["name"]))
    return decode_inline(spec)


def _keep_extras(value: Any, sidecar: dict[str, Any]) -> None:
    if value.attrs:
        try:
            sidecar["attrs"] = tagged.encode(dict(value.attrs))
            tagged.dumps(sidecar["attrs"])
        except (Refused, ValueError, RecursionError) as error:
            raise MetadataValueError(
                f"attrs cannot be kept exactly: {error}",
                hint="nothing was saved; keep JSON values, times and numbers in attrs",
                path="attrs",
            ) from error
    if not value.flags.allows_duplicate_labels:
        sidecar["allows_duplicate_labels"] = False


def _restore_extras(value: Any, sidecar: Any) -> None:
    if "attrs" in sidecar:
        value.attrs = tagged.decode(sidecar["attrs"])
    if "allows_duplicate_labels" in sidecar:
        value.flags.allows_duplicate_labels = False
