"""What is refused because it would execute what nobody vouched for."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class TrustError(ArtifactPluginsError):
    """Refused, because it would execute what nobody vouched for."""


class UnsafeFormatError(TrustError):
    """The format executes code on load and is not trusted."""


class UntrustedSnapshotError(TrustError):
    """Nobody whom the reader trusts vouches for the archived code; nothing was executed."""


class UntrustedKeyError(TrustError):
    """The signature is of a key that is unknown, revoked or not for this plugin."""


class KeyExpiredError(TrustError):
    """The signature is of a key whose time is over."""


class SignatureInvalidError(TrustError):
    """A signature is missing, damaged, or was made for something else."""


class KeyUnreadableError(TrustError):
    """A key or the trust file cannot be read or used."""


class SecretInSnapshotError(TrustError, ValueError):
    """The code to archive holds what looks like a secret; names the file."""
