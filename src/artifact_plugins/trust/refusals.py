"""Says why something may not execute, and with which command its reader can allow it."""

from __future__ import annotations

import glob
import shlex
from datetime import datetime

from artifact_plugins.errors import (
    KeyExpiredError,
    SignatureInvalidError,
    TrustError,
    UnsafeFormatError,
    UntrustedKeyError,
    UntrustedSnapshotError,
)
from artifact_plugins.trust.subject import Subject
from artifact_plugins.trust.trust_file import Revocation, TrustedKey


def not_vouched_for(subject: Subject, why: str, todo: str) -> TrustError:
    """Nobody vouches: no signature, no pin, or a mode in which neither counts."""
    cls = UntrustedSnapshotError if subject.is_snapshot else UnsafeFormatError
    return _error(cls, subject, f"nobody trusted vouches for {_shown(subject)}: {why}", todo)


def unsigned(subject: Subject) -> TrustError:
    """No signature came with it, which is no better than a wrong one."""
    return not_vouched_for(
        subject,
        "it is not signed",
        f"to allow this one: {_pin(subject)}; to trust its author: {_add(subject)}",
    )


def executes_nothing(subject: Subject) -> TrustError:
    """In mode `installed`."""
    return not_vouched_for(
        subject,
        "with trust='installed' neither archived code nor formats that execute are loaded",
        "a session with trust='signed' looks at signatures and pins",
    )


def not_pinned(subject: Subject) -> TrustError:
    """In mode `pinned`."""
    return not_vouched_for(
        subject,
        "with trust='pinned' only pins count, and it is not among them",
        f"to allow it: {_pin(subject)}",
    )


def revoked(subject: Subject, entry: Revocation) -> TrustError:
    """A digest of the subject is revoked."""
    return not_vouched_for(
        subject,
        f"{entry.subject} is revoked{_reason(entry)}",
        f"to take that back: artifact-plugins trust revoke --undo {entry.subject}",
    )


def revoked_key(subject: Subject, entry: Revocation) -> TrustError:
    """Its signer is revoked."""
    return _error(
        UntrustedKeyError,
        subject,
        f"{_shown(subject)} is signed by the revoked key {entry.subject}{_reason(entry)}",
        f"to allow this one: {_pin(subject)}",
        key_id=entry.subject,
    )


def unknown_key(subject: Subject, key_id: str) -> TrustError:
    """Its signer is a stranger."""
    return _error(
        UntrustedKeyError,
        subject,
        f"{_shown(subject)} is signed by the unknown key {key_id}",
        f"to trust its owner: {_add(subject, key_id)}; to allow this one: {_pin(subject)}",
        key_id=key_id,
    )


def out_of_scope(subject: Subject, key: TrustedKey) -> TrustError:
    """Its signer is trusted for other plugins."""
    return _error(
        UntrustedKeyError,
        subject,
        f"{_shown(subject)} is signed by key {_name(key)}, which is trusted for plugins "
        f"{', '.join(map(repr, key.plugins))} only",
        f"to trust it for more: artifact-plugins trust add {key.public_key} "
        f"{_scopes(*key.plugins)} {_scopes(_exactly(subject.plugin))}",
        key_id=key.key_id,
    )


def expired(subject: Subject, key: TrustedKey, until: datetime) -> TrustError:
    """The time of its signer is over."""
    return _error(
        KeyExpiredError,
        subject,
        f"{_shown(subject)} is signed by key {_name(key)}, which was trusted until "
        f"{until.isoformat()}",
        f"to trust it for longer: artifact-plugins trust add {key.public_key} "
        f"{_scopes(*key.plugins)} --until DATE",
        key_id=key.key_id,
        until=until,
    )


def wrong_signature(subject: Subject, key_id: str) -> TrustError:
    """A known key did not sign this."""
    kind = "a snapshot" if subject.is_snapshot else "a manifest"
    return _error(
        SignatureInvalidError,
        subject,
        f"{_shown(subject)} has a signature that key {key_id} did not make over this as {kind}",
        "somebody changed the one or the other: compare with another copy of the store",
        key_id=key_id,
    )


def too_many_signatures(subject: Subject, most: int) -> TrustError:
    """So many that verifying them all would take seconds."""
    return _error(
        SignatureInvalidError,
        subject,
        f"{_shown(subject)} comes with {len(subject.signatures)} signatures, {most} are allowed",
        f"to allow this one: {_pin(subject)}",
    )


def other_plugin(subject: Subject, stated: str | None) -> TrustError:
    """A snapshot is served for another plugin than it says it is of."""
    says = "names no plugin" if stated is None else f"says that it is of plugin {stated!r}"
    return _error(
        SignatureInvalidError,
        subject,
        f"{_shown(subject)} {says}",
        "somebody put it in the place of the right one: compare with another copy of the store",
    )


def _error(
    cls: type[TrustError], subject: Subject, message: str, todo: str, **facts: object
) -> TrustError:
    return cls(
        message,
        hint=f"nothing was executed; {todo}",
        digest=subject.shown_digest,
        plugin=subject.plugin,
        **facts,
    )


def _shown(subject: Subject) -> str:
    by = "of plugin" if subject.is_snapshot else "written with plugin"
    return f"{subject.what} ({by} {subject.plugin!r}, {subject.shown_digest})"


def _name(key: TrustedKey) -> str:
    return f"{key.key_id} ({key.name})" if key.name else key.key_id


def _reason(entry: Revocation) -> str:
    return f" ({entry.reason})" if entry.reason else ""


def _pin(subject: Subject) -> str:
    return f"artifact-plugins trust pin {subject.shown_digest}"


def _add(subject: Subject, key_id: str | None = None) -> str:
    wanted = f" --key-id {shlex.quote(key_id)}" if key_id is not None else ""
    return (
        f"artifact-plugins trust add KEY_FILE{wanted} {_scopes(_exactly(subject.plugin))} "
        "(KEY_FILE: what `artifact-plugins trust export` printed there)"
    )


def _exactly(plugin: str) -> str:
    # A stranger chose the name: `*` in it must not trust the key for everything,
    # and what a terminal does not show must not be in a command.
    return "".join(letter if letter.isprintable() else "?" for letter in glob.escape(plugin))


def _scopes(*patterns: str) -> str:
    return " ".join(f"--plugins {shlex.quote(pattern)}" for pattern in patterns)
