"""Classes of a script or notebook as a pickle that holds their code."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from artifact_plugins.errors import NotSerializableError, describe

_PROTOCOL = 5
_TRACKER = re.compile(r"[0-9a-f]{32}")


def pickled(classes: Mapping[str, type]) -> tuple[bytes, list[str]]:
    """Return classes by name, pickled by value, and the texts in the pickle.

    cloudpickle gives each class a random id, by which a class that is still alive
    would be found again; it is left out, so that equal classes are equal bytes and
    an archived one is never mistaken for the living one.

    Raises:
        NotSerializableError: A class holds what cannot be pickled.
    """
    from cloudpickle import Pickler  # late: only scripts and notebooks need it

    class Untracked(Pickler):  # type: ignore[misc]  # cloudpickle has no types
        def reducer_override(self, obj: Any) -> Any:
            found = super().reducer_override(obj)
            if isinstance(obj, type) and isinstance(found, tuple):
                arguments = tuple(None if _is_tracker(each) else each for each in found[1])
                found = (found[0], arguments, *found[2:])
            return found

    target = io.BytesIO()
    try:
        Untracked(target, protocol=_PROTOCOL).dump(dict(classes))
    except Exception as error:
        raise NotSerializableError(
            f"classes {sorted(classes)} of the running script cannot be pickled: {describe(error)}",
            hint="nothing was registered; move them to a module and import them from there",
        ) from error
    data = target.getvalue()
    return data, _texts(data)


def _is_tracker(value: object) -> bool:
    return isinstance(value, str) and _TRACKER.fullmatch(value) is not None


def _texts(data: bytes) -> list[str]:
    """Return the texts and the readable bytes in a pickle, without executing it."""
    import pickletools  # late, as above

    found = []
    for _, argument, _ in pickletools.genops(data):
        if isinstance(argument, str):
            found.append(argument)
        elif isinstance(argument, bytes):
            found.append(argument.decode("latin-1"))
    return found


def as_source(texts: Iterable[str]) -> bytes:
    """Return texts as assignments, each to the one before it, as a scanner reads source.

    In a pickled namespace the name of a member stands before its value.
    """
    lines = (f"{name} = {value!r}" for name, value in pairwise(["", *texts]))
    return "\n".join(lines).encode("utf-8", "replace")


def modules_among(texts: Iterable[str]) -> set[str]:
    """Return the texts that name imported modules."""
    return {text for text in texts if text in sys.modules}
