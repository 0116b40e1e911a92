"""The manifest beside the files of a version: what they are, for whoever lost the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from artifact_plugins.content.pieces import Pieces, worth_noting
from artifact_plugins.errors import (
    DigestMismatchError,
    ManifestInvalidError,
    ManifestTooLargeError,
    MetadataValueError,
)
from artifact_plugins.records.artifact import ArtifactVersion, FileRecord

FORMAT_VERSION = 1
MAX_BYTES = 16 * 1024 * 1024
MAX_FILES = 100_000

_NO_PIECES: Mapping[str, Pieces] = MappingProxyType({})
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted keys, without spaces, in ASCII: equal documents, equal bytes."""
    return _ENCODER.encode(document).encode("ascii")


def sha256(data: bytes) -> str:
    """Return `sha256:hex`; manifests use it whatever the payload digest is."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def compose(
    caller: Mapping[str, Any],
    *,
    store_id: str,
    version_id: str,
    files: Sequence[FileRecord],
    stored: Sequence[str],
    pieces: Mapping[str, Pieces] = _NO_PIECES,
) -> bytes:
    """Return the manifest of a version.

    Args:
        caller: What the session says about the version; JSON values only.
        stored: Names of `files` in the store, in the same order.
        pieces: Of files by path; written down for large files, while they fit.

    Raises:
        ManifestTooLargeError: Over 16 MiB or 100,000 files.
        MetadataValueError: `caller` holds something that JSON has no form for.
    """
    if len(files) > MAX_FILES:
        raise ManifestTooLargeError(
            f"a version has {len(files)} files, allowed are {MAX_FILES}",
            hint="nothing was registered; write fewer and larger files",
        )
    noted = worth_noting(pieces, files)
    entries = [
        {"path": file.path, "size_bytes": file.size_bytes, "digest": file.digest}
        | ({"stored": name} if name != file.path else {})
        | ({"pieces": noted[file.path]} if file.path in noted else {})
        for file, name in zip(files, stored, strict=True)
    ]
    ours = {
        "format_version": FORMAT_VERSION,
        "store_id": store_id,
        "version_id": version_id,
        "files": entries,
    }
    try:
        data = canonical({**caller, **ours})
    except (TypeError, ValueError, RecursionError) as error:
        raise MetadataValueError(
            f"the manifest of a version cannot be written as JSON: {error}",
            hint="nothing was registered",
        ) from error
    if len(data) > MAX_BYTES and noted:
        return compose(caller, store_id=store_id, version_id=version_id, files=files, stored=stored)
    if len(data) > MAX_BYTES:
        raise ManifestTooLargeError(
            f"the manifest of a version has {len(data)} bytes, allowed are {MAX_BYTES}",
            hint="nothing was registered; keep metadata small",
        )
    return data


def check(data: bytes, version: ArtifactVersion, store_id: str) -> dict[str, Any]:
    """Return a manifest, checked to be the one its record was committed with.

    Raises:
        DigestMismatchError: The bytes are not the recorded ones.
        ManifestInvalidError: It cannot be read, or speaks of another version,
            store or other files. The artifact may have another name by now.
    """
    found = sha256(data)
    if found != version.manifest_digest:
        raise DigestMismatchError(
            f"the manifest of {str(version)!r} has digest {found}, "
            f"recorded is {version.manifest_digest}",
            hint="nothing was parsed; somebody changed the store or the ledger",
            version_id=version.id,
        )
    document = _parse(data, version)
    files = [
        {"path": file.path, "size_bytes": file.size_bytes, "digest": file.digest}
        for file in sorted(version.files, key=lambda file: file.path)
    ]
    expected = {
        "format_version": FORMAT_VERSION,
        "store_id": store_id,
        "version_id": version.id,
        "files": files,
    }
    for name, value in expected.items():
        if _said(document, name) != value:
            raise ManifestInvalidError(
                f"the manifest of {str(version)!r} names another {name}",
                hint="nothing was parsed; the record and the manifest do not belong together",
                version_id=version.id,
                field=name,
            )
    return document


def _parse(data: bytes, version: ArtifactVersion) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalidError(
            f"the manifest of {str(version)!r} is not JSON",
            hint="nothing was parsed",
            version_id=version.id,
        ) from error
    if not isinstance(document, dict):
        raise ManifestInvalidError(
            f"the manifest of {str(version)!r} is not an object", version_id=version.id
        )
    return document


def _said(document: dict[str, Any], name: str) -> Any:
    if name == "files":
        try:
            return [
                {key: entry[key] for key in ("path", "size_bytes", "digest")}
                for entry in document[name]
            ]
        except (KeyError, TypeError):
            return None
    return document.get(name)
