"""What exactly is signed: a payload together with what kind of payload it is."""

from __future__ import annotations

SNAPSHOT_TYPE = "application/vnd.artifact-plugins.snapshot.v1+json"
MANIFEST_TYPE = "application/vnd.artifact-plugins.manifest.v1+json"


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a signature is made over.

    Both parts are preceded by their length, so no two pairs give the same
    bytes, and a signature for one type says nothing about another.

    Source:
        DSSE 1.0.2, "Pre-Authentication Encoding"
        (https://github.com/secure-systems-lab/dsse, protocol.md).
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
