"""Whether what was loaded is what was saved, for materializers that do not promise it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from artifact_plugins.contracts.materializer import Materializer


def is_same(materializer: Materializer[Any], saved: Any, loaded: Any) -> bool:
    """Compare by the materializer's `equal`, or by content where a class has no equality."""
    if type(saved) is not type(loaded):
        return False
    if _has_no_equality(materializer, saved):
        return _content(materializer, saved) == _content(materializer, loaded)
    return bool(materializer.equal(saved, loaded))


def _has_no_equality(materializer: Materializer[Any], value: Any) -> bool:
    has_default = getattr(type(materializer), "equal", None) is Materializer.equal
    return has_default and getattr(type(value), "__eq__", None) is object.__eq__


def _content(materializer: Materializer[Any], value: Any) -> dict[str, bytes]:
    with TemporaryDirectory(prefix="artifact_plugins-") as folder:
        materializer.save(value, Path(folder))
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in Path(folder).rglob("*")
            if path.is_file()
        }
