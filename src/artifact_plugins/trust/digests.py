"""Digests that can be pinned and revoked."""

from __future__ import annotations

import re

from artifact_plugins.errors import InputError

_DIGEST = re.compile(r"(sha256|blake3):[0-9a-f]{64}")


def as_digest(text: str) -> str:
    """Return a digest as `sha256:hex`; 64 hex characters alone are SHA-256.

    Raises:
        InputError: It is no digest.
    """
    found = text if ":" in text else f"sha256:{text}"
    if not _DIGEST.fullmatch(found):
        raise InputError(
            f"{text!a} is not a digest",
            hint="write 'sha256:' or 'blake3:' and 64 hex characters in lower case",
        )
    return found


def is_digest(text: str) -> bool:
    """Whether it is `sha256:` or `blake3:` and 64 hex characters."""
    return _DIGEST.fullmatch(text) is not None
