"""Public keys: their text, their id, and whether a signature is theirs."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from artifact_plugins.errors import InputError
from artifact_plugins.trust import library

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PREFIX = "ed25519:"
SIZE_BYTES = 32

KEY_ID = re.compile(r"[0-9a-f]{32}")

# Points of small order (the sign bit is masked): under such a key everybody
# can make a signature that verifies. Every spelling of their y coordinates:
# 0, 1, the two of order 8, p - 1, p and p + 1.
_SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


def key_id_of(raw: bytes) -> str:
    """Return the id of a public key: the first 32 hex characters of its SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:32]


def public_key_text(raw: bytes) -> str:
    """Return a public key of 32 bytes as one word, `ed25519:` and base64."""
    return PREFIX + base64.b64encode(raw).decode()


def parse_public_key(text: str) -> bytes:
    """Return the 32 bytes of what `public_key_text` wrote.

    Raises:
        InputError: It is another text, or a key under which everybody can sign.

    Source:
        RFC 8032, section 5.1.5; points of small order: RFC 7748, section 7.
    """
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        raw = b""
    # One key has one spelling: a decoder alone ignores the last bits of base64.
    if len(raw) != SIZE_BYTES or public_key_text(raw) != text:
        raise InputError(
            "a public key is 'ed25519:' and 44 characters of base64",
            hint="`artifact-plugins trust export` of its owner prints it; nothing was changed",
        )
    if raw[:-1] + bytes([raw[-1] & 0x7F]) in _SMALL_ORDER:
        raise InputError(
            f"everybody can sign for the key {text}",
            hint="no program makes such a key; nothing was changed",
        )
    return raw


def verifies(raw: bytes, signature: str, message: bytes) -> bool:
    """Whether a signature in base64 was made for the message with this key."""
    library.load()
    from cryptography.exceptions import InvalidSignature  # late: see `library`

    try:
        _verifier(raw).verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def _verifier(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # late, as above

    return Ed25519PublicKey.from_public_bytes(raw)
