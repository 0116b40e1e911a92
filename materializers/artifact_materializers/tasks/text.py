"""TextFile: a str as one text file, character by character."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator

from .lossless import Lossless


class TextParameters(BaseModel):
    """Parameters of text files.

    Attributes:
        encoding: Name of a Python text encoding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str = "utf-8"

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            if not codecs.lookup(value)._is_text_encoding:
                raise LookupError
        except (LookupError, ValueError):
            raise ValueError(f"{value!r} is no text encoding") from None
        return value


class TextFile(Lossless[str]):
    """A str as `text.txt`: line ends stay as they are, nothing is stripped."""

    name = "text"
    format = "text/1"
    types: ClassVar[tuple[str, ...]] = ("builtins:str",)
    media_type = "text/plain"
    file: ClassVar[str] = "text.txt"
    Parameters: ClassVar[type[BaseModel]] = TextParameters
    lossy_hint: ClassVar[str] = "or another encoding"

    def write(self, value: str, path: Path, **parameters: Any) -> None:
        """Write the text in its encoding."""
        path.write_bytes(value.encode(parameters["encoding"]))

    def read(self, path: Path, **parameters: Any) -> str:
        """Read the text."""
        return path.read_bytes().decode(parameters["encoding"])

    def difference(self, saved: str, loaded: str) -> str | None:
        """Name the first character that differs."""
        if saved == loaded:
            return None
        pairs = zip(saved, loaded, strict=False)
        first = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(saved), len(loaded)))
        return f"character {first} {saved[first : first + 1]!r} is not kept by the encoding"
