"""What one pandas array becomes: Arrow data and a specification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Encoded:
    """One column on its way to a file.

    Attributes:
        spec: JSON that tells how to make the pandas array from the Arrow data.
        type: Arrow type of the column.
        array: The Arrow data; None when the values lie strided in memory.
        strided: Values with a stride, little-endian, of the width of `type`;
            they are gathered while they are written.
        bitmap: Validity bitmap of `strided`; None when nothing is null.
    """

    spec: Any
    type: Any
    array: Any = None
    strided: np.ndarray[Any, Any] | None = None
    bitmap: Any = None

    def arrow(self) -> Any:
        """Return the Arrow array, gathering strided values into a copy."""
        if self.strided is None:
            return self.array
        return fixed_width(np.ascontiguousarray(self.strided), self.type, self.bitmap)


def fixed_width(values: np.ndarray[Any, Any], kind: Any, bitmap: Any = None) -> Any:
    """Return contiguous `values` as an Arrow array of type `kind`, without a copy."""
    # Not every dtype has a buffer protocol (datetime64 has none); bytes do.
    data = pa.py_buffer(values.view(np.uint8) if values.size else b"")
    nulls = 0 if bitmap is None else -1
    return pa.Array.from_buffers(kind, values.size, [bitmap, data], nulls)
