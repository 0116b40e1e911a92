"""Write one version: stream its files, then publish them all at once."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artifact_plugins.content import manifest as manifests
from artifact_plugins.content.below import map_path
from artifact_plugins.content.digests import content_hash
from artifact_plugins.content.failures import checkpoint
from artifact_plugins.content.names import (
    fold,
    is_plain,
    parents,
    path_fault,
    stored_names,
    version_prefix,
)
from artifact_plugins.content.place import Draft, DraftFile, Place
from artifact_plugins.content.rules import Rules, Seen
from artifact_plugins.content.sinks import HashLane, Sink
from artifact_plugins.content.walk import find_files
from artifact_plugins.errors import InvalidKeyError, StoreWriteError
from artifact_plugins.records.artifact import FileRecord

_MEDIA_TYPE = re.compile(r"[\w.+\-]+/[\w.+\-]+(;[\w.+\-]+=[\w.+\-]+)*", re.ASCII)


class Written(NamedTuple):
    """What a version consists of.

    Attributes:
        files: Sorted by path.
        size_bytes: Sum of the file sizes.
        content_hash: As in ArtifactVersion.
        inline: The bytes of the only file when they lie in the record.
    """

    files: tuple[FileRecord, ...]
    size_bytes: int
    content_hash: str
    inline: bytes | None


class Published(NamedTuple):
    """Where a version lies.

    Attributes:
        uri: A `data:` URI, or the folder of the version in the store.
        manifest_digest: `sha256:hex`; None for a `data:` URI.
    """

    uri: str
    manifest_digest: str | None


class VersionWriter:
    """FileWriter of one version. One thread at a time uses it.

    `open` or `add_directory`, then `finish`, then `publish`; `abort` at any
    moment, also after `publish` when the version could not be registered.
    """

    def __init__(self, version_id: str, place: Place, rules: Rules, seen: Seen) -> None:
        self.algorithm = rules.digest
        # A part of a file is only ever fetched from elsewhere.
        self.notes_pieces = not place.is_local
        self._id = version_id
        self._place = place
        self._rules = rules
        self._seen = seen
        self._sinks: dict[str, Sink] = {}
        self._folders: set[str] = set()
        self._staged_files: set[str] = set()
        self._staged_folders: set[str] = set()
        self._numbered = 0
        self._scratch: Path | None = None
        self._draft: Draft | None = None
        self._lane: HashLane | None = None
        self._written: Written | None = None

    def open(self, name: str) -> Sink:
        """Start the file `name` (a relative POSIX path).

        Raises:
            InvalidKeyError: The name was used before, is the folder of
                another file, or could not be restored elsewhere.
            StoreWriteError: The version is finished, or the disk refused.
        """
        if self._written is not None:
            raise StoreWriteError(
                f"file {name!r} comes after the version was finished",
                hint="nothing was written",
                errno=None,
                retryable=False,
            )
        self._claim(name)
        if not self._sinks:
            checkpoint("save.before_payload")
        elif len(self._sinks) == 1:
            for first in self._sinks.values():
                first.unhold()
        sink = self._sinks[name] = Sink(self, name)
        return sink

    def sub(self, prefix: str) -> SubWriter:
        """Return a writer whose names are put below `prefix`."""
        return SubWriter(self, prefix)

    def scratch(self) -> Path:
        """Return an empty private folder (0700) for `add_directory`."""
        if self._scratch is None:
            self._scratch = self._drafted().scratch()
        return self._scratch

    def add_directory(self, directory: Path) -> None:
        """Add the files of a folder under their relative paths.

        Files of `scratch()` are moved, others are copied. Empty folders are
        not kept.

        Raises:
            NotSerializableError: The folder holds a symbolic link, socket or
                device, or names that could not be restored.
        """
        found = find_files(directory)
        single = len(found) == 1 and not self._sinks
        ours = self._scratch is not None and directory.is_relative_to(self._scratch)
        for file in found:
            sink = self.open(file.name)
            view = map_path(file.path, f"file {str(file.path)!r}").view
            # A second hard link could change a moved file behind our back.
            if ours and file.links == 1 and not (single and self.may_hold(view.nbytes)):
                sink.adopt(file.path, view)
            else:
                sink.write(view)
                sink.close()

    def finish(self) -> Written:
        """Wait until everything is hashed and written; what the version consists of."""
        if self._written is not None:
            return self._written
        for sink in self._sinks.values():
            sink.close()
        if self._lane is not None:
            self._lane.close()
            self._lane = None
        sinks = [self._sinks[name] for name in sorted(self._sinks)]
        files = tuple(sink.record for sink in sinks if sink.record is not None)
        inline: bytes | None = None
        if not sinks:
            inline = b""
        elif sinks[0].held is not None:
            inline = sinks[0].held
            checkpoint("save.mid_payload")
        else:
            self._settle_names(sinks)
        self._written = Written(
            files,
            sum(file.size_bytes for file in files),
            content_hash(self.algorithm, files),
            inline,
        )
        return self._written

    def publish(
        self,
        manifest: Mapping[str, Any],
        media_type: str,
        *,
        sign: manifests.Sign | None = None,
    ) -> Published:
        """Make the version readable, whole; nothing of it was visible before.

        Args:
            manifest: JSON values about the version, for whoever has only the
                store; `format_version`, `store_id`, `version_id` and `files`
                are added. A signed one says all of `manifest.VOUCHED` as the
                record will say it.
            media_type: Of the main file; used in a `data:` URI.
            sign: Signs the manifest. A value that lies in its record has none;
                `ContentStore.signed_manifest` composes what to sign of it.

        Raises:
            StoreWriteError: The disk refused; nothing is visible.
            ManifestTooLargeError: Over 16 MiB or 100,000 files.
        """
        written = self.finish()
        if written.inline is not None:
            checkpoint("save.after_payload")
            uri = _data_uri(written.inline, media_type)
            checkpoint("save.after_manifest")
            return Published(uri, None)
        stored = stored_names([file.path for file in written.files])
        document = manifests.compose(
            manifest,
            store_id=self._rules.store_id,
            version_id=self._id,
            files=written.files,
            stored=stored,
            pieces={
                name: sink.pieces for name, sink in self._sinks.items() if sink.pieces is not None
            },
            sign=sign,
        )
        identities = self._drafted().publish(stored, document)
        digest = manifests.sha256(document)
        for file, name, identity in zip(written.files, stored, identities, strict=True):
            self._seen.add_file(self._id, name, identity, file.digest)
        self._seen.add_manifest(self._id, digest)
        return Published(f"{self._place.url}/{version_prefix(self._id)}", digest)

    def abort(self) -> None:
        """Remove what this writer made, published or not; may be called again."""
        if self._lane is not None:
            self._lane.close()
            self._lane = None
        self._sinks.clear()
        if self._draft is not None:
            self._draft.discard()
        self._seen.forget_manifest(self._id)

    # For the sinks of this writer.

    def may_hold(self, size_bytes: int) -> bool:
        """Tell whether a file of this size stays in memory: small, and the only one."""
        return size_bytes <= self._rules.inline_max_bytes and len(self._sinks) <= 1

    def create(self, sink: Sink) -> DraftFile:
        """Start the staged file of a sink, under its own name when that is plain."""
        sink.staged = self._staged_name(sink.name)
        return self._drafted().create(sink.staged)

    def adopt(self, sink: Sink, source: Path) -> None:
        """Move a file of the scratch folder to where the file of a sink would be."""
        sink.staged = self._staged_name(sink.name)
        self._drafted().adopt(source, sink.staged)

    def lane(self) -> HashLane:
        """Return the thread that hashes for this version."""
        if self._lane is None:
            self._lane = HashLane()
        return self._lane

    def _claim(self, name: str) -> None:
        fault = path_fault(name)
        if fault is None and name in self._sinks:
            fault = "it was written already"
        if fault is None and (
            name in self._folders or ("/" in name and any(p in self._sinks for p in parents(name)))
        ):
            fault = "it is a file and a folder"
        if fault is not None:
            raise InvalidKeyError(
                f"file name {name[:200]!a} cannot be used: {fault}",
                hint="nothing was registered; use another relative path",
                name=name,
            )
        self._folders.update(parents(name))

    def _staged_name(self, name: str) -> str:
        # The number of a file that cannot keep its name is known at the end;
        # until then it has a name that no plain path can have.
        folded = fold(name)
        above = list(parents(folded))
        if (
            is_plain(name)
            and folded not in self._staged_files
            and folded not in self._staged_folders
            and not any(folder in self._staged_files for folder in above)
        ):
            self._staged_files.add(folded)
            self._staged_folders.update(above)
            return name
        self._numbered += 1
        return f".{self._numbered}"

    def _settle_names(self, sinks: list[Sink]) -> None:
        for sink, stored in zip(sinks, stored_names([s.name for s in sinks]), strict=True):
            if sink.staged != stored:
                self._drafted().rename(sink.staged, stored)

    def _drafted(self) -> Draft:
        if self._draft is None:
            self._draft = self._place.draft(self._id)
        return self._draft


class SubWriter:
    """FileWriter below a folder of a version."""

    __slots__ = ("_prefix", "_writer")

    def __init__(self, writer: VersionWriter, prefix: str) -> None:
        self._writer = writer
        self._prefix = prefix

    def open(self, name: str) -> Sink:
        """Start the file `prefix/name`."""
        return self._writer.open(f"{self._prefix}/{name}")

    def sub(self, prefix: str) -> SubWriter:
        """Return a writer further below."""
        return SubWriter(self._writer, f"{self._prefix}/{prefix}")


def _data_uri(data: bytes, media_type: str) -> str:
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise InvalidKeyError(
            f"media type {media_type[:80]!r} has a form that does not fit into a data: URI",
            hint="nothing was registered; use a form like 'text/csv' or 'text/csv;charset=utf-8'",
        )
    return f"data:{media_type};base64,{binascii.b2a_base64(data, newline=False).decode('ascii')}"
