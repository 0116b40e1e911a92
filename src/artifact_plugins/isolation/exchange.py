"""Values as files of data-only formats, written and read by installed materializers on both sides.

Arrow IPC for frames, series, tables; npy for arrays; JSON documents for plain
values and containers of all of these. Nothing is ever unpickled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from artifact_plugins.contracts.abilities import (
    ChunkWriter,
    DirectIO,
    PartRecord,
    StreamIO,
    UsesParts,
)
from artifact_plugins.contracts.files import FileReader, FileWriter
from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.contracts.refs import finding_types, import_type, load_target, type_path
from artifact_plugins.errors import (
    EnvironmentMismatchError,
    PayloadClassNotFoundError,
    describe,
)

FORMATS = frozenset(
    {
        "arrow/1",
        "arrow-schema/1",
        "npy/1",
        "npy-dtype/1",
        "npy-masked/1",
        "pandas-scalar/1",
        "document/1",
        "document/2",
    }
)
"""Formats that are data and nothing else; no other leaves or enters a process here."""


class Exchange:
    """Turns values into files that another process reads, and back.

    Args:
        offers: Of the installed plugins; those of other formats are left out.
        import_target: Imports `module:Class` of an offer.
        find: Finds a class that a value from the other process names; by
            default only classes of libraries that an offer handles.
    """

    def __init__(
        self,
        offers: Iterable[MaterializerOffer],
        *,
        import_target: Callable[[str], Any] = load_target,
        find: Callable[[str], Any] | None = None,
    ) -> None:
        self._offers = {offer.key: offer for offer in offers if offer.format in FORMATS}
        self._import_target = import_target
        self._find = find or self._find_handled
        self._ready: dict[str, Materializer[Any]] = {}
        self._tops = {path.partition(":")[0].partition(".")[0] for path in self._all_types()}

    @property
    def offers(self) -> tuple[MaterializerOffer, ...]:
        """What carries values, sorted by key."""
        return tuple(self._offers[key] for key in sorted(self._offers))

    def pack(self, value: Any, folder: Path) -> PartRecord:
        """Write a value into the empty folder `folder`.

        Raises:
            EnvironmentMismatchError: It is not data; says why.
        """
        try:
            return self.save(value, FolderFiles(folder))
        except EnvironmentMismatchError:
            raise
        except Exception as error:
            raise _no_data(type(value), describe(error)) from error

    def unpack(self, part: Any, files: FileReader) -> Any:
        """Read a value that the other process packed; its bytes may be anything.

        Raises:
            EnvironmentMismatchError: It cannot be read as data.
            PayloadClassNotFoundError: It names a class that is not found here.
        """
        if not _is_part(part):
            raise EnvironmentMismatchError(
                "what the isolated process sent is no description of a value",
                hint="nothing was loaded",
            )
        try:
            with finding_types(self._find):
                return self.load(part, files)
        except (EnvironmentMismatchError, PayloadClassNotFoundError):
            raise
        except Exception as error:
            raise EnvironmentMismatchError(
                f"what the isolated process sent cannot be read as {part['format']!r}: "
                f"{describe(error)}",
                hint="nothing of it was executed",
            ) from error

    # What a container's materializer needs to know about its elements: the contract `Parts`.

    def claims(self, cls: type, key: str) -> bool:
        """Tell whether values of `cls` belong to another materializer than `key`."""
        offer = self._offer_of(cls)
        return offer is not None and offer.key != key

    def save(self, value: Any, files: FileWriter) -> PartRecord:
        """Choose a materializer for `value` and write it into `files`."""
        cls: type = type(value)
        offer = self._offer_of(cls) or self._by_kind()
        if offer is None:
            raise _no_data(cls, "no installed plugin writes it as Arrow, npy or JSON")
        materializer = self._materializer(offer)
        cast(DirectIO, materializer).save_files(value, files)
        return PartRecord(
            materializer=offer.key,
            format=materializer.format,
            data_type=type_path(cls),
            options={},
        )

    def load(self, part: PartRecord, files: FileReader) -> Any:
        """Load an element; its materializer and its class must be known here."""
        materializer, cls = self._stored(part)
        return cast(DirectIO, materializer).load_files(files, cls)

    def stream(self, first: Any, files: FileWriter) -> tuple[ChunkWriter, PartRecord] | None:
        """Offer no stream: a value is whole when it comes."""
        return None

    def iterate(self, part: PartRecord, files: FileReader) -> Iterator[Any]:
        """Yield the chunks of a stream of the version; none goes from one process to the other."""
        materializer, cls = self._stored(part)
        return cast(StreamIO, materializer).iterate(files, cls)

    # Which materializer, which class.

    def _stored(self, part: PartRecord) -> tuple[Materializer[Any], type]:
        offer = self._offers.get(part["materializer"])
        if offer is None or part["format"] not in FORMATS:
            raise EnvironmentMismatchError(
                f"a value came as {part['format']!r} of {part['materializer']!r}, "
                "which is no data-only format of an installed plugin",
                hint="nothing of it was read",
            )
        by_name = not offer.kinds or part["data_type"] in offer.types
        find = self._find_handled if by_name else self._find
        return self._materializer(offer), find(part["data_type"])

    def _all_types(self) -> Iterator[str]:
        for offer in self._offers.values():
            yield from offer.types

    def _offer_of(self, cls: type) -> MaterializerOffer | None:
        for base in cls.__mro__[:-1]:
            for offer in self._offers.values():
                is_right = base is cls or offer.keeps_subclasses
                if is_right and any(_imported(path) is base for path in offer.types):
                    return offer
        return None

    def _by_kind(self) -> MaterializerOffer | None:
        return next((offer for offer in self._offers.values() if offer.kinds), None)

    def _materializer(self, offer: MaterializerOffer) -> Materializer[Any]:
        found = self._ready.get(offer.key)
        if found is None:
            cls = self._import_target(offer.target)
            found = cast(Materializer[Any], cls())
            if found.executes_on_load or not found.exact or not hasattr(found, "load_files"):
                raise EnvironmentMismatchError(
                    f"materializer {offer.key!r} does not carry data exactly between processes",
                    hint="nothing was exchanged",
                )
            if isinstance(found, UsesParts) or "parts" in getattr(cls, "__annotations__", {}):
                found.parts = self  # type: ignore[attr-defined]  # ability UsesParts
            self._ready[offer.key] = found
        return found

    def _find_handled(self, path: str) -> type:
        """Return a class of a library that is handled here; imports nothing new."""
        module = path.partition(":")[0]
        found = _imported(path) if module.partition(".")[0] in self._tops else None
        if found is None and path in set(self._all_types()):
            found = import_type(path)
        if found is None:
            raise PayloadClassNotFoundError(
                f"the value names class {path!r}, which is not known here",
                hint="nothing was imported",
                data_type=path,
            )
        return found


def _imported(path: str) -> type | None:
    """Return a class whose module was imported already."""
    module, _, name = path.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        # Not getattr: what is imported lazily must stay so.
        found = getattr(found, "__dict__", {}).get(part)
    return found if isinstance(found, type) else None


def _is_part(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and all(isinstance(part.get(name), str) for name in ("materializer", "format", "data_type"))
        and part.get("options") == {}
    )


def _no_data(cls: type, why: str) -> EnvironmentMismatchError:
    return EnvironmentMismatchError(
        f"a {type_path(cls)} cannot come back as data: {why}",
        hint="nothing was lost; a value that stays in its process still answers calls",
        data_type=type_path(cls),
    )
