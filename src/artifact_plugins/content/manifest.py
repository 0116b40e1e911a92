"""The manifest beside the files of a version: what they are, for whoever lost the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from types import MappingProxyType
from typing import Any

from artifact_plugins.content.pieces import Pieces, worth_noting
from artifact_plugins.errors import (
    DigestMismatchError,
    ManifestInvalidError,
    ManifestTooLargeError,
    MetadataValueError,
    SignatureInvalidError,
)
from artifact_plugins.records.artifact import ArtifactVersion, FileRecord
from artifact_plugins.records.signature import Signature

FORMAT_VERSION = 1
MAX_BYTES = 16 * 1024 * 1024
MAX_FILES = 100_000
# What a manifest says of its version, besides its files; the record must say the
# same. The name is not here: an artifact may get another one.
VOUCHED = (
    "project",
    "data_type",
    "materializer",
    "artifact_task",
    "parameters",
    "format",
    "content_hash",
    "plugin_snapshot",
    "run_id",
    "task_id",
    "created_at",
)
Sign = Callable[[bytes], Signature | None]

_SIGNATURES = "signatures"
_SIGNATURES_BYTES = 4096
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
    sign: Sign | None = None,
) -> bytes:
    """Return the manifest of a version.

    Args:
        caller: What the session says about the version; JSON values only.
        stored: Names of `files` in the store, in the same order.
        pieces: Of files by path; written down for large files, while they fit.
        sign: Signs the manifest as it is without signatures; None when it cannot.

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
    document = {
        **caller,
        "format_version": FORMAT_VERSION,
        "store_id": store_id,
        "version_id": version_id,
        "files": entries,
    }
    data = _encoded(document)
    room = MAX_BYTES if sign is None else MAX_BYTES - _SIGNATURES_BYTES
    if len(data) > room and noted:
        return compose(
            caller, store_id=store_id, version_id=version_id, files=files, stored=stored, sign=sign
        )
    if len(data) > room:
        raise ManifestTooLargeError(
            f"the manifest of a version has {len(data)} bytes, allowed are {room}",
            hint="nothing was registered; keep metadata small",
        )
    signature = None if sign is None else sign(data)
    if signature is None:
        return data
    return canonical({**document, _SIGNATURES: [signature.to_member()]})


def document_of(version: ArtifactVersion, store_id: str) -> dict[str, Any]:
    """Return what the manifest of a version must say, as its record says it."""
    document = {
        "format_version": FORMAT_VERSION,
        "store_id": store_id,
        "version_id": version.id,
        "files": [
            {"path": file.path, "size_bytes": file.size_bytes, "digest": file.digest}
            for file in sorted(version.files, key=lambda file: file.path)
        ],
        **{name: getattr(version, name) for name in VOUCHED},
    }
    document["created_at"] = version.created_at.astimezone(UTC).isoformat()
    if version.parameters:
        # As they come back from the ledger: keys are text, tuples are lists.
        document["parameters"] = json.loads(_encoded(version.parameters))
    return document


def signed_inline(version: ArtifactVersion, store_id: str) -> tuple[bytes, tuple[Signature, ...]]:
    """Return what was signed of a value in its record, and the signature.

    Raises:
        SignatureInvalidError: The signature in the record is none.
    """
    data = _encoded(document_of(version, store_id))
    if version.signature is None:
        return data, ()
    return data, (Signature.from_json(version.signature, f"the record of {str(version)!r}"),)


def signed_part(
    document: Mapping[str, Any], version: ArtifactVersion
) -> tuple[bytes, tuple[Signature, ...]]:
    """Return the bytes of a checked manifest that were signed, and the signatures.

    Raises:
        SignatureInvalidError: A signature is none.
    """
    what = f"the manifest of {str(version)!r}"
    members = document.get(_SIGNATURES, [])
    if not isinstance(members, list):
        raise SignatureInvalidError(
            f"the signatures of {what} are no list", hint="nothing was executed"
        )
    data = canonical({name: said for name, said in document.items() if name != _SIGNATURES})
    return data, tuple([Signature.from_member(member, what) for member in members])


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
    # Older releases wrote neither artifact tasks nor plugin snapshots: None in the record, too.
    for name, value in document_of(version, store_id).items():
        if _said(document, name) != value:
            raise ManifestInvalidError(
                f"the manifest of {str(version)!r} names another {name}",
                hint="nothing was parsed; the record and the manifest do not belong together",
                version_id=version.id,
                field=name,
            )
    if not _is_canonical(document, data):
        raise ManifestInvalidError(
            f"the manifest of {str(version)!r} is not written as this library writes it",
            hint="nothing was parsed; somebody changed the store and the ledger",
            version_id=version.id,
        )
    return document


def _encoded(document: Mapping[str, Any]) -> bytes:
    try:
        return canonical(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise MetadataValueError(
            f"the manifest of a version cannot be written as JSON: {error}",
            hint="nothing was registered",
        ) from error


def _is_canonical(document: dict[str, Any], data: bytes) -> bool:
    # Else a byte could be changed and nobody would notice but the ledger.
    try:
        return canonical(document) == data
    except (ValueError, RecursionError):
        return False


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
