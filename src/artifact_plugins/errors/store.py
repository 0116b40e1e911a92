"""What goes wrong with bytes at rest."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class StoreError(ArtifactPluginsError):
    """Bytes at rest could not be written, read or trusted."""


class StoreWriteError(StoreError):
    """A write to the content store failed; nothing was registered."""


class StoreFullError(StoreWriteError):
    """No space or quota is left; nothing was registered."""


class StoreReadError(StoreError):
    """A read from the content store failed."""


class ArtifactMissingError(StoreError, LookupError):
    """No such artifact, version, run, task or file."""


class StoreCapabilityError(StoreError):
    """The store lacks something the write protocol needs."""


class UnsupportedFilesystemError(StoreError):
    """The filesystem cannot hold a SQLite ledger safely."""


class StoreSchemeNotAllowedError(StoreError, ValueError):
    """The URL scheme is not on the list of stores; nothing was opened."""


class StoreIntegrityError(StoreError):
    """Bytes are not what was saved; nothing was parsed."""


class DigestMismatchError(StoreIntegrityError):
    """The digest of the bytes is not the recorded one."""


class SizeMismatchError(StoreIntegrityError):
    """The size of the bytes is not the recorded one."""


class ManifestInvalidError(StoreIntegrityError):
    """A manifest contradicts its record or cannot be read."""


class ManifestTooLargeError(StoreIntegrityError):
    """A manifest is over the limits."""


class ResourceLimitError(StoreIntegrityError):
    """A declared size, depth or count is over the limits."""
