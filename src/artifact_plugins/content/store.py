"""Open a content store: writers and readers of versions, run records, checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from artifact_plugins.content import archives, collecting, identity, manifest
from artifact_plugins.content.digests import content_hash, new_hasher
from artifact_plugins.content.local import LocalPlace
from artifact_plugins.content.names import is_id, stored_names, version_prefix
from artifact_plugins.content.place import Place
from artifact_plugins.content.reader import VersionReader, read_manifest
from artifact_plugins.content.rules import Rules, Seen
from artifact_plugins.content.urls import Location, local_path, parse_store_url
from artifact_plugins.content.walk import describe
from artifact_plugins.content.writer import VersionWriter
from artifact_plugins.errors import (
    DigestMismatchError,
    InvalidKeyError,
)
from artifact_plugins.records.artifact import ArtifactVersion, FileRecord, SaveType
from artifact_plugins.records.signature import Signature

_RUN_MAX_BYTES = 1024**3


class ContentStore:
    """One open store. Threads may share it; a forked child may go on using it.

    Attributes:
        url: Where it is, as a URL.
        store_id: A UUID, made when the store was created.
        is_local: Whether its bytes stay on this machine: a folder or `memory://`.
    """

    def __init__(self, place: Place, rules: Rules) -> None:
        self.url = place.url
        self.store_id = rules.store_id
        self.is_local = place.is_local
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
            url: A folder, `file:///folder`, `memory://name`, or a bucket:
                `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
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
            StoreReadError: The bucket does not exist, or cannot be reached or read.
            StoreCapabilityError: A newer release made the store, its
                filesystem or provider cannot create files exclusively, or
                the library of the provider is not installed.
            ManifestInvalidError: `store.json` is damaged or was removed.
        """
        new_hasher(digest, 0)
        location = parse_store_url(os.fspath(url))
        place = _open_place(location, durable=durable)
        try:
            store_id = identity.store_id(place.blobs, place.probed_as)
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

    def put_archive(self, digest: str, data: bytes) -> None:
        """Write the archive of code `digest` (`sha256:hex`); nothing happens when it is there.

        Raises:
            DigestMismatchError: `data` is something else, or what the store has is.
            ResourceLimitError: It has over 16 MiB.
            InvalidKeyError: `digest` is no sha256 digest.
            StoreWriteError: The disk refused.
        """
        archives.put_archive(self._place.blobs, digest, data)

    def get_archive(self, digest: str) -> bytes:
        """Return the verified bytes of an archive.

        Raises:
            ArtifactMissingError: There is none.
            DigestMismatchError: It was changed. ResourceLimitError: So much that
                it has over 16 MiB.
            InvalidKeyError: `digest` is no sha256 digest.
        """
        return archives.get_archive(self._place.blobs, digest)

    def put_statement(self, snapshot_id: str, data: bytes, signature: Signature | None) -> None:
        """Write the statement of a plugin snapshot, whose archives are there, and a signature.

        Raises:
            SignatureInvalidError: The store has another signature of this key;
                the statement is there.
            DigestMismatchError, ResourceLimitError, InvalidKeyError, StoreWriteError:
                As `put_archive`.
        """
        archives.put_statement(self._place.blobs, snapshot_id, data, signature)

    def get_statement(self, snapshot_id: str) -> tuple[bytes, tuple[Signature, ...]]:
        """Return the verified bytes of a statement, and its signatures, which nobody judged.

        Raises:
            SignatureInvalidError: A signature cannot be read.
            ArtifactMissingError, DigestMismatchError, ResourceLimitError,
                InvalidKeyError: As `get_archive`.
        """
        return archives.get_statement(self._place.blobs, snapshot_id)

    def snapshot_ids(self) -> Iterator[str]:
        """Yield the ids of the plugin snapshots that have a statement here, sorted."""
        return archives.snapshot_ids(self._place.blobs)

    def signed_manifest(self, version: ArtifactVersion) -> tuple[bytes, tuple[Signature, ...]]:
        """Return what was signed of a version, and the signatures, which nobody judged.

        That is its manifest without signatures. For a value in its record it is
        composed again from the record, and the signature lies there, too.

        Raises:
            SignatureInvalidError: A signature cannot be read.
            ArtifactMissingError: The manifest is gone.
            DigestMismatchError, ManifestInvalidError: It is not that of the record.
        """
        if version.uri.startswith("data:") or version.manifest_digest is None:
            return manifest.signed_inline(version, self.store_id)
        document = read_manifest(version, self._place, self._rules)
        return manifest.signed_part(document, version)

    def has(self, version: ArtifactVersion) -> bool:
        """Tell whether the files of a version are there, by name and size; nothing is read."""
        if version.uri.startswith("data:"):
            return True
        if version.save_type is SaveType.PREEXISTING:
            return local_path(version.uri).exists()
        prefix = version_prefix(_checked_id(version.id))
        stored = stored_names([file.path for file in version.files])
        sizes = {
            f"{prefix}/{name}": f.size_bytes for name, f in zip(stored, version.files, strict=True)
        }
        blobs = self._place.blobs
        return blobs.head(f"{prefix}/manifest.json") is not None and all(
            blobs.head(key) == size for key, size in sizes.items()
        )

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

    def remove_version(self, version_id: str, decision: collecting.Decision) -> int:
        """Remove the files of a version after the ledger gave it up for good.

        Args:
            version_id: Its id; no save of it can be committed any more.
            decision: What the ledger said: the save was aborted before its
                commit, or the version was deleted and its time in the trash is over.

        Returns:
            The bytes freed; 0 when there are no files.

        Raises:
            StoreWriteError: They could not all be removed; repeating it is safe.
        """
        freed = collecting.remove_version(self._place, _checked_id(version_id), decision)
        self._seen.forget_manifest(version_id)
        return freed

    def stored_bytes(self, version_id: str) -> int:
        """Return how many bytes the files of a version take, its manifest included."""
        return collecting.stored_bytes(self._place.blobs, _checked_id(version_id))

    def decided_ids(self) -> Iterator[str]:
        """Yield the ids of the versions whose removal was begun and not finished."""
        return collecting.decided_ids(self._place.blobs)

    def register_ledger(self, ledger_id: str) -> None:
        """Note that a ledger has versions here, so that no other one collects them."""
        collecting.register_ledger(self._place.blobs, _checked_id(ledger_id))

    def ledger_ids(self) -> Iterator[str]:
        """Yield the ids of the ledgers that have versions here, sorted."""
        return collecting.ledger_ids(self._place.blobs)

    def forget_ledger(self, ledger_id: str) -> None:
        """Take back `register_ledger` for a ledger that is gone for good."""
        collecting.forget_ledger(self._place.blobs, _checked_id(ledger_id))

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
    if location.kind != "local":
        # Late: fsspec, as above.
        from artifact_plugins.content.remote.place import RemotePlace
        from artifact_plugins.content.remote.providers import open_bucket

        bucket, _, prefix = location.name.partition("/")
        opened = open_bucket(location.kind, bucket, f"{prefix}/" if prefix else "")
        return RemotePlace(location.url, opened)
    return LocalPlace(Path(location.name), location.url, durable=durable)


def _checked_id(text: str) -> str:
    if not is_id(text):
        raise InvalidKeyError(
            f"{text[:60]!a} is not a UUID in canonical form", hint="nothing was touched"
        )
    return text
