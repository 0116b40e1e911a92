"""Whether what was saved loads back equal, for materializers that do not promise it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from artifact_plugins.contracts.files import FileReader
from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.refs import (
    ARCHIVED,
    finding_types,
    import_type,
    original_name,
    type_path,
)
from artifact_plugins.errors import (
    LossyConversionError,
    NotSerializableError,
    PayloadClassNotFoundError,
    RoundTripError,
    describe,
)
from artifact_plugins.session.comparing import state_difference
from artifact_plugins.session.equipped import Equipped

SMALL_BYTES = 16 * 1024 * 1024
# How a save says that the value would not come back equal.
REFUSALS = (NotSerializableError, LossyConversionError, RoundTripError)


def is_checked(policy: Literal["small", "all", "none"], size_bytes: int) -> bool:
    """Tell whether `Settings.verify_save` wants a save of this size to be read back."""
    return policy == "all" or (policy == "small" and size_bytes <= SMALL_BYTES)


def check_round_trip(
    equipped: Equipped,
    saved: Any,
    files: FileReader,
    what: str,
    *,
    classes: Collection[type] = (),
) -> None:
    """Load a value from what was just written, before anybody can see it, and compare.

    Args:
        equipped: Who wrote it.
        saved: The value.
        files: What was written. A folder that the loaded value keeps using
            must live until this returns, no longer.
        what: Its name in messages: `artifact 'flights'`.
        classes: That the save met; those of archived code are found there.

    Raises:
        RoundTripError: It does not load, or differs.
        LossyConversionError: It comes back as another type.
    """
    hint = f"nothing was registered; mend {equipped.key!r} or its `equal`, or the class's `__eq__`"
    try:
        with finding_types(_finder(classes)):
            loaded = equipped.load(files, type(saved))
    except Exception as error:
        raise RoundTripError(
            f"{what} was written by {equipped.key!r} but does not load back: {describe(error)}",
            hint=hint,
            materializer=equipped.key,
        ) from error
    try:
        found = difference(equipped.instance, saved, loaded)
    except Exception as error:
        raise RoundTripError(
            f"{what} written by {equipped.key!r} loads back but cannot be compared: "
            f"{describe(error)}",
            hint="nothing was registered; override `equal(left, right)` of the materializer",
            materializer=equipped.key,
        ) from error
    if found is not None:
        problem = LossyConversionError if type(loaded) is not type(saved) else RoundTripError
        raise problem(
            f"{what} written by {equipped.key!r} loads back as a different "
            f"{type_path(type(loaded))}{found and f': {found}'}",
            hint=hint,
            materializer=equipped.key,
        )


def _finder(classes: Collection[type]) -> Callable[[str], Any]:
    archived = [cls.__module__ for cls in classes if cls.__module__.startswith(ARCHIVED)]
    starts = {name[: -len(original_name(name))] for name in archived}

    def find(path: str) -> Any:
        for start in starts:
            module, _, name = path.partition(":")
            try:
                return import_type(f"{start}{module}:{name}")
            except PayloadClassNotFoundError:
                continue
        return import_type(path)

    return find


def difference(materializer: Materializer[Any], saved: Any, loaded: Any) -> str | None:
    """Say where a loaded value differs, as far as is known; None when it is the same.

    The materializer's `equal` tells. Where a class has no equality, what a
    second save writes is compared, and the attributes, which a save may forget.
    """
    if type(saved) is not type(loaded):
        return ""
    if not _has_no_equality(materializer, saved):
        return None if materializer.equal(saved, loaded) else ""
    if _content(materializer, saved) != _content(materializer, loaded):
        return "a second save writes other bytes"
    return state_difference(loaded, saved)


def _has_no_equality(materializer: Materializer[Any], value: Any) -> bool:
    own = getattr(type(materializer), "equal", None)
    # An artifact task that compares nothing itself says so through its materializer.
    has_default = own is Materializer.equal or getattr(materializer, "has_default_equal", False)
    return has_default and getattr(type(value), "__eq__", None) is object.__eq__


def _content(materializer: Materializer[Any], value: Any) -> dict[str, bytes]:
    with TemporaryDirectory(prefix="artifact_plugins-") as folder:
        materializer.save(value, Path(folder))
        files = FolderFiles(Path(folder))
        return {name: bytes(files.buffer(name)) for name in files.names()}
