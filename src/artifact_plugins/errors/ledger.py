"""What goes wrong with records at rest."""

from __future__ import annotations

from artifact_plugins.errors.root import ArtifactPluginsError


class LedgerError(ArtifactPluginsError):
    """The ledger could not be written or read."""


class LedgerBusyError(LedgerError):
    """The ledger stayed locked for longer than the timeout; nothing was written."""


class LedgerCorruptError(LedgerError):
    """The ledger file is not a readable database; it was left as it is."""


class LedgerSchemaTooNewError(LedgerError):
    """A newer release wrote this ledger; nothing was written."""


class CommitUnknownError(LedgerError):
    """The answer to a commit was lost; nothing was deleted."""


class SaveAbortedError(LedgerError):
    """The save was aborted before its commit."""


class IdempotencyConflictError(LedgerError):
    """One idempotency key was used for two contents; the first stays."""


class CacheEntryTakenError(LedgerError):
    """Another task committed the results of the same cached call first."""


class LineageConflictError(LedgerError):
    """A link, alias or update contradicts what is recorded."""


class VersionHeldError(LineageConflictError):
    """What holds the version keeps it from being deleted; nothing was changed."""
