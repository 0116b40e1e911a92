"""Open a content store: writers and readers of versions, run records, checks."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from artifact_plugins.content import manifest as manifests
from artifact_plugins.content.digests import content_hash, new_hasher
from artifact_plugins.content.local import LocalPlace
from artifact_plugins.content.names import is_id
from artifact_plugins.content.place import BlobStore, Place
from artifact_plugins.content.reader import VersionReader
from artifact_plugins.content.rules import Rules, Seen
from artifact_plugins.content.urls import Location, parse_store_url
from artifact_plugins.content.walk import describe
from artifact_plugins.content.writer import VersionWriter
from artifact_plugins.errors import (
    DigestMismatchError,
    InvalidKeyError,
    ManifestInvalidError,
    StoreCapabilityError,
)
from artifact_plugins.records.artifact import ArtifactVersion, FileRecord

STORE_FORMAT = 1
_STORE_JSON = "store.json"
_STORE_JSON_BYTES = 64 * 1024
_RUN_MAX_BYTES = 1024**3


class ContentStore:
    """One open store. Threads may share it; a forked child may go on using it.

    Attributes:
        url: Where it is, as a URL.
        store_id: A UUID, made when the store was created.
    """

    def __init__(self, place: Place, rules: Rules) -> None:
        self.url = place.url
        self.store_id = rules.store_id
        self._place = place
        self._rules = rules
        self._seen = Seen()

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str],
        *,
        durable: bool,
        digest: str = "blake3",
        inline_max_bytes: int = 4096,
        verify: Literal["always", "first"] = "first",
        load_max_bytes: int = 8 * 1024**3,
    ) -> ContentStore:
        """Open a store, which is created when there is none.

        Args:
            url: A folder, `file:///folder` or `memory://name`.
            durable: Whether files and folders are synced to the disk before
                a version is published.
            digest: Algorithm of new payload digests: `blake3` or `sha256`.
            inline_max_bytes: A version of one file up to this size gets no files.
            verify: `always`, or `first` time this process sees a file.
            load_max_bytes: Larger versions are not read.

        Raises:
            StoreSchemeNotAllowedError: Another URL scheme; nothing was opened.
            InvalidKeyError: The URL holds credentials, or has no usable form.
            StoreWriteError: There is no store, and none can be created.
            StoreCapabilityError: A newer release made the store, or its
                filesystem cannot create files exclusively.
            ManifestInvalidError: `store.json` is damaged or was removed.
        """
        new_hasher(digest, 0)
        location = parse_store_url(os.fspath(url))
        place = _open_place(location, durable=durable)
        try:
            store_id = _store_id(place.blobs)
        except BaseException:
            place.close()
            raise
        return cls(place, Rules(store_id, digest, inline_max_bytes, verify, load_max_bytes))

    def writer(self, version_id: str) -> VersionWriter:
        """Return a writer for a new version; nothing is created yet.

        Raises:
            InvalidKeyError: The id is not a UUID in canonical form.
        """
        return VersionWriter(_checked_id(version_id), self._place, self._rules, self._seen)

    def reader(self, version: ArtifactVersion, *, keeps_folders: bool = True) -> VersionReader:
        """Return a reader of a version: in its record, in this store, or preexisting.

        Args:
            version: Its record.
            keeps_folders: Whether a folder that a value asks to keep outlives
                the reader; False for a value that nobody gets.

        Raises:
            ResourceLimitError: The version is larger than `load_max_bytes`.
        """
        return VersionReader(
            version, self._place, self._rules, self._seen, keeps_folders=keeps_folders
        )

    def describe_path(self, path: Path) -> tuple[FileRecord, ...]:
        """Return the records of a file, or of all files below a folder, sorted by path.

        The path of a single file is its name. Nothing is copied.

        Raises:
            NotSerializableError: There is a symbolic link, socket, pipe or
                device; names it.
            ArtifactMissingError: There is nothing at `path`.
        """
        return describe(path, self._rules.digest)

    def content_hash(self, files: tuple[FileRecord, ...]) -> str:
        """Return the content hash of described files, as a saved version has it."""
        return content_hash(self._rules.digest, files)

    def put_run(self, run_id: str, document: bytes) -> None:
        """Write the record of a run; an earlier one is replaced at once."""
        self._place.blobs.replace(f"runs/{_checked_id(run_id)}.json", document)

    def get_run(self, run_id: str) -> bytes:
        """Return the record of a run; ArtifactMissingError when there is none."""
        return self._place.blobs.get(f"runs/{_checked_id(run_id)}.json", limit_bytes=_RUN_MAX_BYTES)

    def run_ids(self) -> Iterator[str]:
        """Yield the ids of the runs that have a record, sorted."""
        for key in self._place.blobs.list_prefix("runs"):
            run_id = key.removeprefix("runs/").removesuffix(".json")
            if is_id(run_id):
                yield run_id

    def version_ids(self) -> Iterator[str]:
        """Yield the ids of the versions that have files here, registered or not."""
        last = ""
        for key in self._place.blobs.list_prefix("versions"):
            parts = key.split("/")
            if len(parts) > 3 and parts[2] != last and is_id(parts[2]):
                last = parts[2]
                yield last

    def check(self, version: ArtifactVersion) -> None:
        """Read all of a version again and compare it with its record.

        Raises:
            StoreError: What is wrong first: a manifest, size, digest or file.
        """
        VersionReader(version, self._place, self._rules, Seen()).verify_all()
        algorithm = version.content_hash.partition(":")[0]
        found = content_hash(algorithm, version.files)
        if found != version.content_hash:
            raise DigestMismatchError(
                f"{str(version)!r} has content hash {found}, recorded is {version.content_hash}",
                hint="nothing was changed; the record was",
                version_id=version.id,
            )

    def collect_staging(self) -> int:
        """Remove what killed processes left behind; returns the bytes freed."""
        return self._place.collect()

    def close(self) -> None:
        """Remove the private folders of this process; may be called again."""
        self._place.close()

    def __enter__(self) -> ContentStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _open_place(location: Location, *, durable: bool) -> Place:
    if location.kind == "memory":
        # Late: fsspec costs tens of milliseconds that local stores do not need.
        from artifact_plugins.content.memory import MemoryPlace

        return MemoryPlace(location.name, location.url)
    return LocalPlace(Path(location.name), location.url, durable=durable)


def _store_id(blobs: BlobStore) -> str:
    if blobs.head(_STORE_JSON) is None:
        _create(blobs)
    return _read_store_json(blobs.get(_STORE_JSON, limit_bytes=_STORE_JSON_BYTES))


def _create(blobs: BlobStore) -> None:
    if next(blobs.list_prefix("versions"), None) is not None:
        if blobs.head(_STORE_JSON) is not None:
            return  # another process created it meanwhile and wrote a version
        raise ManifestInvalidError(
            "the store has versions but no store.json",
            hint="nothing was changed; restore store.json from a backup",
        )
    _probe(blobs)
    document = {
        "format_version": STORE_FORMAT,
        "store_id": str(uuid.uuid4()),
        "capabilities": ["put_new"],
        "digests": ["blake3", "sha256"],
    }
    # Whoever comes second reads what the first one wrote.
    blobs.put_new(_STORE_JSON, manifests.canonical(document))


def _probe(blobs: BlobStore) -> None:
    key = f"staging/probe-{uuid.uuid4()}"
    try:
        honest = (
            blobs.put_new(key, b"first")
            and not blobs.put_new(key, b"second")
            and blobs.get(key, limit_bytes=16) == b"first"
        )
    finally:
        blobs.delete(key)
    if not honest:
        raise StoreCapabilityError(
            "the store does not refuse to create a file that exists",
            hint="nothing was written; two writers would overwrite each other, use another store",
        )


def _read_store_json(data: bytes) -> str:
    try:
        document: Any = json.loads(data)
        store_format, store_id = document["format_version"], document["store_id"]
        if not (isinstance(store_format, int) and isinstance(store_id, str) and is_id(store_id)):
            raise ValueError("fields of another type")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ManifestInvalidError(
            "store.json cannot be read", hint="nothing was changed; restore it from a backup"
        ) from error
    if store_format > STORE_FORMAT:
        raise StoreCapabilityError(
            f"the store has format {store_format}, this release knows {STORE_FORMAT}",
            hint="nothing was written; upgrade artifact-plugins",
            format_version=store_format,
        )
    return store_id


def _checked_id(text: str) -> str:
    if not is_id(text):
        raise InvalidKeyError(
            f"{text[:60]!a} is not a UUID in canonical form", hint="nothing was touched"
        )
    return text
