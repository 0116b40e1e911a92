"""pickle.json: what reading a pickle needs, and the sizes of the buffers beside it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

import cloudpickle

from artifact_plugins.errors import (
    LoadFailedError,
    PythonVersionMismatchError,
    ResourceLimitError,
)

MAX_BYTES = 16 * 1024 * 1024
_MAX_NAMES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a pickle without reading it.

    Attributes:
        type: Import path of the class of the value.
        python: Version of the Python that wrote it: `3.11.7`.
        cloudpickle: Version of cloudpickle.
        protocol: Of the pickle.
        by_value: Whether it holds compiled code.
        size_bytes: Of the pickle without its buffers.
        buffers: Sizes of the buffers beside it, in order.
        globals: `module:name` of what it refers to; at most 1,000 are listed.
    """

    type: str
    python: str
    cloudpickle: str
    protocol: int
    by_value: bool
    size_bytes: int
    buffers: tuple[int, ...]
    globals: tuple[str, ...]

    def to_json(self) -> bytes:
        """Return the bytes of `pickle.json`."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode() + b"\n"


def make_facts(
    type_: str,
    globals_: set[str],
    *,
    by_value: bool,
    protocol: int,
    size_bytes: int,
    buffers: list[int],
) -> Facts:
    """Return the facts of what this process just pickled."""
    return Facts(
        type=type_,
        python=".".join(map(str, sys.version_info[:3])),
        cloudpickle=cloudpickle.__version__,
        protocol=protocol,
        by_value=by_value,
        size_bytes=size_bytes,
        buffers=tuple(buffers),
        globals=tuple(sorted(globals_)[:_MAX_NAMES]),
    )


def read_facts(data: memoryview) -> Facts:
    """Return the facts of a stored pickle.

    Raises:
        LoadFailedError: The file does not hold them.
        ResourceLimitError: It is over 16 MiB.
    """
    if data.nbytes > MAX_BYTES:
        raise ResourceLimitError(
            f"'pickle.json' has {data.nbytes} bytes, over {MAX_BYTES}",
            hint="nothing was parsed",
            path="pickle.json",
        )
    try:
        found = json.loads(bytes(data))
        facts = Facts(
            **{**found, "buffers": tuple(found["buffers"]), "globals": tuple(found["globals"])}
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unreadable(type(error).__name__) from error
    sizes: tuple[Any, ...] = (facts.size_bytes, *facts.buffers)
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise _unreadable("a size is no number")
    if not isinstance(facts.python, str) or type(facts.by_value) is not bool:
        raise _unreadable("it names no Python")
    return facts


def check_python(facts: Facts) -> None:
    """Refuse compiled code of another Python.

    Raises:
        PythonVersionMismatchError: The pickle holds code, and was written by
            another minor version.
    """
    here = ".".join(map(str, sys.version_info[:2]))
    wanted = ".".join(facts.python.split(".")[:2])
    if facts.by_value and wanted != here:
        raise PythonVersionMismatchError(
            f"the pickle holds code that was compiled by Python {facts.python}, this is {here}",
            hint=f"nothing was executed; load it with Python {wanted}",
            wanted=facts.python,
            found=here,
        )


def _unreadable(why: str) -> LoadFailedError:
    return LoadFailedError(
        f"'pickle.json' does not hold the facts of a pickle: {why}",
        hint="the stored bytes are intact; something else wrote them",
        path="pickle.json",
    )
