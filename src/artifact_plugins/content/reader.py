"""Read one version: every byte is verified before anybody sees it."""

from __future__ import annotations

import binascii
import mmap
import os
import shutil
from pathlib import Path
from typing import Any

from artifact_plugins.content import manifest as manifests
from artifact_plugins.content.below import READ, map_file, open_below
from artifact_plugins.content.digests import algorithm_of, digest_of
from artifact_plugins.content.failures import read_failure
from artifact_plugins.content.names import is_id, path_fault, stored_names, version_prefix
from artifact_plugins.content.pieces import PIECED_FROM_BYTES, pieces_of
from artifact_plugins.content.place import Payload, Place
from artifact_plugins.content.ranged import RangedFile
from artifact_plugins.content.restore import check_restorable, restore
from artifact_plugins.content.rules import Rules, Seen
from artifact_plugins.content.urls import local_path
from artifact_plugins.errors import (
    ArtifactMissingError,
    DigestMismatchError,
    InvalidKeyError,
    ManifestInvalidError,
    ResourceLimitError,
    SizeMismatchError,
)
from artifact_plugins.records.artifact import ArtifactVersion, FileRecord, SaveType

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class VersionReader:
    """FileReader of one version; cheap to make, nothing is read before it is asked for.

    Buffers stay valid after `close` and after the store is closed.
    """

    def __init__(
        self,
        version: ArtifactVersion,
        place: Place,
        rules: Rules,
        seen: Seen,
        *,
        keeps_folders: bool = True,
    ) -> None:
        self._version = version
        self._place = place
        self._rules = rules
        self._seen = seen
        self._keeps_folders = keeps_folders
        self._trusting = rules.verify == "first"
        self._detached = False
        self._manifest: dict[str, Any] | None = None
        self._files = {file.path: file for file in version.files}
        self._stored_names: dict[str, str] | None = None
        self._folders: dict[str, Path] = {}
        self._temporary: list[Path] = []
        size = sum(file.size_bytes for file in version.files)
        if size > rules.load_max_bytes:
            raise ResourceLimitError(
                f"{str(version)!r} has {size} bytes, allowed are {rules.load_max_bytes}",
                hint="nothing was read; raise load_max_bytes to load it",
                size_bytes=size,
            )

    def names(self) -> tuple[str, ...]:
        """Return the relative POSIX paths of the files, sorted."""
        return tuple(sorted(self._files))

    def buffer(self, name: str) -> memoryview:
        """Return the verified bytes of a file, private and writable.

        Raises:
            ArtifactMissingError: There is no such file, or it is gone.
            SizeMismatchError, DigestMismatchError: It is not what was saved.
            ManifestInvalidError: The record and the store contradict each other.
        """
        file = self._files.get(name)
        if file is None:
            raise ArtifactMissingError(
                f"{str(self._version)!r} has no file {name!r}",
                hint=f"its files are {list(self.names()[:20])}",
            )
        uri = self._version.uri
        if uri.startswith("data:"):
            payload = self._inline(uri, file)
            stored = ""
        elif self._version.manifest_digest is None:
            stored = name
            payload = self._outside(file)
        else:
            self._check_manifest()
            stored = self._stored(name)
            payload = self._place.payload(version_prefix(self._version.id), stored, file.size_bytes)
        if self._detached and isinstance(payload.view.obj, mmap.mmap):
            payload = Payload(memoryview(bytearray(payload.view)), payload.identity)
        self._verify(file, stored, payload)
        return payload.view

    def detach(self) -> None:
        """Verify copies in memory from now on, for bytes that are executed.

        A mapped file that somebody writes to after it was verified changes in
        the map, too.
        """
        self._detached = True
        self._trusting = False

    def ranged(self, name: str) -> RangedFile | None:
        """Return a file that is fetched and verified piece by piece where it is read.

        None for what lies on this machine, small files, and files whose
        manifest names no pieces: `buffer` verifies them whole.

        Raises:
            ArtifactMissingError, ManifestInvalidError, DigestMismatchError: As
                `buffer` raises them over the manifest.
        """
        file = self._files.get(name)
        version = self._version
        if (
            file is None
            or file.size_bytes <= PIECED_FROM_BYTES
            or version.manifest_digest is None
            or version.uri.startswith("data:")
        ):
            return None
        prefix = version_prefix(version.id)
        fetch = self._place.ranges(prefix, self._stored(name), file.size_bytes)
        if fetch is None:
            return None
        entries = {entry["path"]: entry for entry in self._read_manifest()["files"]}
        pieces = pieces_of(entries[name])
        if pieces is None:
            return None
        title = f"file {name!r} of {str(version)!r}"
        return RangedFile(file, pieces, fetch, title=title, version_id=version.id)

    def directory(self, *, keep: bool = False) -> Path:
        """Return a private folder (0700) that holds verified copies of all files.

        Args:
            keep: The folder lives until the store is closed; otherwise, and
                when the reader keeps none, until this reader is.

        Raises:
            ManifestInvalidError: A recorded name leads out of the folder, or
                two names are one file on some filesystems.
        """
        return self.folder("", keep=keep)

    def sub(self, prefix: str) -> SubReader:
        """Return a reader of the files below `prefix`, with shorter names."""
        return SubReader(self, f"{prefix}/")

    def close(self) -> None:
        """Remove the folders of this reader that nobody asked to keep."""
        while self._temporary:
            shutil.rmtree(self._temporary.pop(), ignore_errors=True)
        self._folders.clear()

    def __enter__(self) -> VersionReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def folder(self, prefix: str, *, keep: bool) -> Path:
        """Return a private folder with the files whose names begin with `prefix`."""
        folder = self._folders.get(prefix)
        if folder is None:
            names = [name for name in self.names() if name.startswith(prefix)]
            check_restorable(names)
            folder = self._place.private_folder()
            self._temporary.append(folder)
            shorter = [name.removeprefix(prefix) for name in names]
            restore(folder, shorter, lambda name: self.buffer(prefix + name))
            self._folders[prefix] = folder
        if keep and self._keeps_folders and folder in self._temporary:
            self._temporary.remove(folder)
        return folder

    def verify_all(self) -> None:
        """Read everything again and compare, whatever was verified before."""
        self._trusting = False
        for name in self.names():
            self.buffer(name)
        if not self._files and self._version.manifest_digest is not None:
            self._check_manifest()

    def _verify(self, file: FileRecord, stored: str, payload: Payload) -> None:
        version = self._version
        if self._trusting and self._seen.has_file(
            version.id, stored, payload.identity, file.digest
        ):
            return
        found = digest_of(algorithm_of(file.digest), payload.view)
        if found != file.digest:
            raise DigestMismatchError(
                f"file {file.path!r} of {str(version)!r} has digest {found}, "
                f"recorded is {file.digest}",
                hint="nothing was parsed; restore the file from a backup",
                version_id=version.id,
                path=file.path,
            )
        self._seen.add_file(version.id, stored, payload.identity, file.digest)

    def _inline(self, uri: str, file: FileRecord) -> Payload:
        head, comma, text = uri.partition(",")
        try:
            if not comma or not head.endswith(";base64"):
                raise ValueError("not base64")
            data = binascii.a2b_base64(text, strict_mode=True) if text else b""
        except ValueError as error:
            raise ManifestInvalidError(
                f"the data: URI of {str(self._version)!r} cannot be decoded",
                hint="nothing was parsed; the record was changed",
                version_id=self._version.id,
            ) from error
        if len(data) != file.size_bytes:
            raise SizeMismatchError(
                f"file {file.path!r} of {str(self._version)!r} has {len(data)} bytes, "
                f"recorded are {file.size_bytes}",
                hint="nothing was parsed; the record was changed",
                size_bytes=len(data),
                recorded_bytes=file.size_bytes,
            )
        return Payload(memoryview(bytearray(data)), None)

    def _outside(self, file: FileRecord) -> Payload:
        version = self._version
        if version.save_type != SaveType.PREEXISTING:
            raise ManifestInvalidError(
                f"{str(version)!r} has neither a manifest nor its bytes in the record",
                hint="nothing was read; the record was changed",
                version_id=version.id,
            )
        if fault := path_fault(file.path):
            raise ManifestInvalidError(
                f"recorded file name {file.path[:200]!a} cannot be used: {fault}",
                hint="nothing was read",
                name=file.path,
            )
        path = local_path(version.uri)
        folder = path if version.is_directory else path.parent
        what = f"file {str(folder / file.path)!r}"
        try:
            base = os.open(folder, _FOLDER)
            try:
                opened = open_below(base, file.path.split("/"), READ)
            finally:
                os.close(base)
        except OSError as error:
            raise read_failure(error, what) from error
        try:
            return map_file(opened, what, file.size_bytes)
        finally:
            os.close(opened)

    def _stored(self, name: str) -> str:
        if self._stored_names is None:
            names = self.names()
            self._stored_names = dict(zip(names, stored_names(names), strict=True))
        return self._stored_names[name]

    def _check_manifest(self) -> None:
        version = self._version
        if not (self._trusting and self._seen.has_manifest(version.id, version.manifest_digest)):
            self._read_manifest()

    def _read_manifest(self) -> dict[str, Any]:
        if self._manifest is not None:
            return self._manifest
        version = self._version
        self._manifest = read_manifest(version, self._place, self._rules)
        self._seen.add_manifest(version.id, version.manifest_digest or "")
        return self._manifest


def read_manifest(version: ArtifactVersion, place: Place, rules: Rules) -> dict[str, Any]:
    """Return the manifest of a version in the store, checked against its record.

    Raises:
        ArtifactMissingError: It is gone.
        DigestMismatchError, ManifestInvalidError: It is not that of the record.
        InvalidKeyError: The id of the record is none.
    """
    if not is_id(version.id):
        raise InvalidKeyError(
            f"version id {version.id[:60]!a} is not a UUID", hint="nothing was read"
        )
    prefix = version_prefix(version.id)
    if not version.uri.endswith(prefix):
        raise ManifestInvalidError(
            f"the URI of {str(version)!r} names another version",
            hint="nothing was read; the record was changed",
            version_id=version.id,
        )
    data = place.blobs.get(f"{prefix}/manifest.json", limit_bytes=manifests.MAX_BYTES)
    return manifests.check(data, version, rules.store_id)


class SubReader:
    """FileReader of the files below a folder of a version."""

    __slots__ = ("_prefix", "_reader")

    def __init__(self, reader: VersionReader, prefix: str) -> None:
        self._reader = reader
        self._prefix = prefix

    def detach(self) -> None:
        """Verify copies in memory from now on; see `VersionReader.detach`."""
        self._reader.detach()

    def names(self) -> tuple[str, ...]:
        """Return the paths below the folder, sorted."""
        start = len(self._prefix)
        return tuple(name[start:] for name in self._reader.names() if name.startswith(self._prefix))

    def buffer(self, name: str) -> memoryview:
        """Return the verified bytes of a file."""
        return self._reader.buffer(self._prefix + name)

    def ranged(self, name: str) -> RangedFile | None:
        """Return a file that is fetched and verified where it is read, or None."""
        return self._reader.ranged(self._prefix + name)

    def directory(self, *, keep: bool = False) -> Path:
        """Return a private folder with verified copies of the files below the folder."""
        return self._reader.folder(self._prefix, keep=keep)

    def sub(self, prefix: str) -> SubReader:
        """Return a reader further below."""
        return SubReader(self._reader, f"{self._prefix}{prefix}/")
