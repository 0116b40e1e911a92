"""load_safely: looks at the whole pickle, then builds its value with makers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artifact_materializers.pickle.safe.listed import stand_in
from artifact_materializers.pickle.safe.look import look
from artifact_materializers.pickle.safe.machine import Machine
from artifact_plugins.errors import UnsafeFormatError


def read_plain(stream: memoryview, buffers: Sequence[memoryview]) -> Any:
    """Return the value of a pickle that holds plain values only.

    Args:
        stream: The pickle, protocol 4 or 5.
        buffers: The buffers beside it, in order.

    Raises:
        UnsafeFormatError: It holds anything else; nothing was executed.
    """
    look(stream, buffers=len(buffers))
    try:
        return Machine(stand_in, buffers, size_bytes=stream.nbytes).run(stream)
    except UnsafeFormatError:
        raise
    except Exception as error:  # whatever a constructor finds wrong with its arguments
        raise UnsafeFormatError(
            f"the pickle is more than plain values: {type(error).__name__} while they are built",
            hint="nothing was executed",
        ) from error
