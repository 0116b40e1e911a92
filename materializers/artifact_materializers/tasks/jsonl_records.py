"""JsonlRecords: a list of dicts as JSON lines, one record a line."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from artifact_plugins import ArtifactTask
from artifact_plugins.errors import LossyConversionError, NotSerializableError

_MAX_DEPTH = 200
# Python reads no longer numbers from text unless it is told to.
_MAX_BITS = 14_000


class JsonlParameters(BaseModel):
    """Parameters of JSON lines.

    Attributes:
        ascii_only: Write other characters as escapes.
        compression: Of the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ascii_only: bool = False
    compression: Literal["none", "gzip"] = "none"


class JsonlRecords(ArtifactTask[list[dict[str, Any]]]):
    """A list of dicts of plain JSON values; anything else is refused by its path."""

    name = "jsonl_records"
    format = "jsonl/1"
    types: ClassVar[tuple[str, ...]] = ("builtins:list",)
    artifact_type = "Dataset"
    media_type = "application/jsonl"
    exact: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = JsonlParameters

    def media_type_of(self, **parameters: Any) -> str:
        """Return the type of the file, which may be compressed."""
        return self.media_type if parameters["compression"] == "none" else "application/gzip"

    def serialize(self, value: list[dict[str, Any]], directory: Path, **parameters: Any) -> Path:
        """Write one line a record.

        Raises:
            LossyConversionError: A tuple, a key that is no text, NaN or a
                subclass would come back as something else; names its path.
            NotSerializableError: Something is no JSON at all, or no dict.
        """
        if type(value) is not list:
            raise _lost("the value", f"is a {type(value).__qualname__}, and comes back as a list")
        is_compressed = parameters["compression"] == "gzip"
        path = directory / ("data.jsonl.gz" if is_compressed else "data.jsonl")
        with _written(path, is_compressed=is_compressed) as file:
            for number, record in enumerate(value):
                if type(record) is not dict:
                    raise NotSerializableError(
                        f"[{number}] is a {type(record).__qualname__}, not a dict",
                        hint="nothing was registered; JSON lines hold one dict a line",
                    )
                _check(record, f"[{number}]", 0)
                text = json.dumps(record, ensure_ascii=parameters["ascii_only"])
                file.write(text.encode() + b"\n")
        return path

    def deserialize(self, path: Path, **parameters: Any) -> list[dict[str, Any]]:
        """Read the records; a file that ends in the middle of a line is an error."""
        opened = gzip.open if parameters["compression"] == "gzip" else open
        records = []
        with opened(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    raise ValueError(f"{path.name} ends in the middle of a line")
                records.append(json.loads(line))
        return records


@contextmanager
def _written(path: Path, *, is_compressed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if not is_compressed:
            yield file
            return
        # A name or a time in the header would change the bytes.
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
            yield packed  # type: ignore[misc]  # a GzipFile is a binary file


def _check(value: Any, path: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise NotSerializableError(
            f"{path} is nested deeper than {_MAX_DEPTH} levels", hint="nothing was registered"
        )
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise _lost(path, f"has the key {key!r:.60}, which would come back as text")
            _check_text(key, f"{path}.{key!r:.60}")
            _check(item, f"{path}.{key}", depth + 1)
    elif kind is list:
        for number, item in enumerate(value):
            _check(item, f"{path}[{number}]", depth + 1)
    elif kind is float:
        if not math.isfinite(value):
            raise _lost(path, f"is {value!r}, which JSON does not know")
    elif kind is str:
        _check_text(value, path)
    elif kind is int:
        if value.bit_length() > _MAX_BITS:
            raise _lost(path, "is a number too large to be read back")
    elif value is not None and kind is not bool:
        if isinstance(value, dict | list | tuple | str | int | float):
            raise _lost(path, f"is a {kind.__qualname__}, which would come back as another type")
        raise NotSerializableError(
            f"{path} is a {kind.__qualname__}, which is no JSON", hint="nothing was registered"
        )


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _lost(path, "holds half of a surrogate pair, which is no Unicode text") from None


def _lost(path: str, why: str) -> LossyConversionError:
    return LossyConversionError(
        f"{path} {why}", hint="nothing was registered; save it with a materializer"
    )
