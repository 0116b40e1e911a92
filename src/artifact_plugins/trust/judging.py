"""The rules: revocations first, then pins, then signatures by trusted keys."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from artifact_plugins.errors import (
    KeyExpiredError,
    KeyUnreadableError,
    SignatureInvalidError,
    TrustError,
    UntrustedKeyError,
)
from artifact_plugins.records.signature import Signature
from artifact_plugins.trust import refusals
from artifact_plugins.trust.envelope import pre_authentication
from artifact_plugins.trust.own_key import OwnKey
from artifact_plugins.trust.public_keys import verifies
from artifact_plugins.trust.subject import Subject, Verdict
from artifact_plugins.trust.trust_file import TrustFile

_log = logging.getLogger("artifact_plugins")

_SIGNATURES_MAX = 64
# What is said when several signatures fail: what points at tampering first.
_WORST = (SignatureInvalidError, UntrustedKeyError, KeyExpiredError, KeyUnreadableError)


@dataclass(frozen=True)
class Known:
    """What the reader has decided and owns.

    Attributes:
        file: The trust file.
        pins: Digests from the settings.
        own: The own key, None when there is none; or why it cannot be read.
    """

    file: TrustFile
    pins: Collection[str]
    own: OwnKey | KeyUnreadableError | None


def revocation(subject: Subject, known: TrustFile) -> TrustError | None:
    """Return the error when anything that the subject consists of is revoked."""
    if known.revocation:
        for digest in subject.constituents:
            entry = known.revocation.get(digest)
            if entry is not None:
                return refusals.revoked(subject, entry)
    return None


def other_plugin(subject: Subject) -> TrustError | None:
    """Return the error when a snapshot is of another plugin than it is served for."""
    if subject.is_snapshot and subject.stated_plugin != subject.plugin:
        return refusals.other_plugin(subject, subject.stated_plugin)
    return None


def pinned(subject: Subject, known: Known) -> Verdict | None:
    """Return the verdict when pins vouch for the subject."""
    if not known.pins and not known.file.pin:
        return None
    for together in subject.alternatives():
        if all(digest in known.pins or digest in known.file.pin for digest in together):
            return Verdict(is_trusted=True, by="pin")
    return None


def signed(subject: Subject, known: Known) -> Verdict:
    """Judge by the signatures; one that counts is enough."""
    if not subject.signatures:
        return Verdict(is_trusted=False, error=refusals.unsigned(subject))
    if len(subject.signatures) > _SIGNATURES_MAX:
        error = refusals.too_many_signatures(subject, _SIGNATURES_MAX)
        return Verdict(is_trusted=False, error=error)
    message = pre_authentication(subject.payload_type, subject.payload)
    vouching: str | None = None
    problems: list[TrustError] = []
    for signature in subject.signatures:
        found = _judge_one(subject, signature, message, known)
        if isinstance(found, TrustError):
            problems.append(found)
        else:
            vouching = vouching or found
    if vouching is None:
        return Verdict(is_trusted=False, error=min(problems, key=_rank))
    for problem in problems:
        if isinstance(problem, SignatureInvalidError):
            _log.warning("%s; %s vouches for it all the same", problem.message, vouching)
    return Verdict(is_trusted=True, by=vouching)


def _judge_one(
    subject: Subject, signature: Signature, message: bytes, known: Known
) -> str | TrustError:
    """Return who vouches, or why this signature does not count."""
    key_id = signature.key_id
    entry = known.file.revocation.get(key_id)
    if entry is not None:
        return refusals.revoked_key(subject, entry)
    if isinstance(known.own, OwnKey) and known.own.key_id == key_id:
        if not verifies(known.own.public, signature.sig, message):
            return refusals.wrong_signature(subject, key_id)
        return f"own key {key_id}"
    key = known.file.key.get(key_id)
    if key is None:
        if isinstance(known.own, KeyUnreadableError):
            return known.own  # it may be the own key's
        return refusals.unknown_key(subject, key_id)
    # First whether it is the key's at all: what follows would excuse a forgery.
    if not verifies(key.raw, signature.sig, message):
        return refusals.wrong_signature(subject, key_id)
    if key.until is not None and datetime.now(UTC) >= key.until:
        return refusals.expired(subject, key, key.until)
    if not any(fnmatchcase(subject.plugin, pattern) for pattern in key.plugins):
        return refusals.out_of_scope(subject, key)
    return f"key {key_id} ({key.name})" if key.name else f"key {key_id}"


def _rank(error: TrustError) -> int:
    return next(rank for rank, cls in enumerate(_WORST) if isinstance(error, cls))
