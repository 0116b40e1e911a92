"""Materializer of pandas scalars: Timestamp, Timedelta, Period, Interval, NaT, NA, offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins import Preview
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import DirectMaterializer
from artifact_plugins.errors import LossyConversionError

from . import tagged
from .refusal import Refused, short
from .source import loading

FILE = "scalar.json"


class ScalarMaterializer(DirectMaterializer[Any]):
    """One pandas scalar as tagged JSON; unit, time zone and frequency are kept."""

    format = "pandas-scalar/1"
    media_type = "application/json"
    exact = True

    def save_files(self, value: Any, files: FileWriter) -> None:
        """Write the scalar as `scalar.json`.

        Raises:
            LossyConversionError: The scalar has a time zone, frequency or
                bound that cannot be rebuilt.
        """
        data = _encode(value)
        with files.open(FILE) as sink:
            sink.write(data)

    def load_files(self, files: FileReader, data_type: type) -> Any:
        """Return the scalar.

        Raises:
            LoadFailedError: The file holds none.
        """
        with loading("pandas scalar"):
            return tagged.decode(tagged.loads(bytes(files.buffer(FILE))))

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return its short text."""
        return {"value": ascii(short(value, 200))[1:-1]}

    def preview(self, value: Any) -> Sequence[Preview]:
        """Return its short text."""
        return (Preview(kind="text", content=short(value, 200)),)

    def equal(self, left: Any, right: Any) -> bool:
        """Tell whether two scalars have the same type and every detail in common."""
        return type(left) is type(right) and _encode(left) == _encode(right)


def _encode(value: Any) -> bytes:
    try:
        return tagged.dumps(tagged.encode(value)).encode()
    except (Refused, ValueError) as error:
        raise LossyConversionError(
            f"a pandas {type(value).__name__} cannot be kept exactly: {error}",
            hint="nothing was saved; build it from names that pandas knows",
        ) from error
