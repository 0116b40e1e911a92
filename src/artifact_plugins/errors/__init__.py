"""Every exception of artifact_plugins; one root, stable codes.

    ArtifactPluginsError
    ├── StoreError                      bytes at rest
    │   ├── StoreWriteError             a write failed (errno, retryable)
    │   │   └── StoreFullError          no space or quota left
    │   ├── StoreReadError              a read failed
    │   ├── ArtifactMissingError        no such artifact, version, run or file
    │   ├── StoreCapabilityError        the store has no put-if-absent
    │   ├── UnsupportedFilesystemError  SQLite on a network filesystem
    │   ├── StoreSchemeNotAllowedError  URL scheme not on the list
    │   └── StoreIntegrityError         bytes are not what was saved
    │       ├── DigestMismatchError, SizeMismatchError
    │       ├── ManifestInvalidError, ManifestTooLargeError
    │       └── ResourceLimitError
    ├── TrustError                      refused to execute
    │   ├── UnsafeFormatError           the format executes code on load
    │   ├── UntrustedSnapshotError      nobody trusted vouches for the code
    │   ├── UntrustedKeyError           signed by an unknown or revoked key
    │   ├── KeyExpiredError             signed by a key whose time is over
    │   ├── SignatureInvalidError       signed for something else, or not at all
    │   ├── KeyUnreadableError          a key or trust file cannot be used
    │   └── SecretInSnapshotError       the code to archive holds a secret
    ├── LedgerError                     records at rest
    │   ├── LedgerBusyError             locked for longer than the timeout
    │   ├── LedgerCorruptError
    │   ├── LedgerSchemaTooNewError
    │   ├── CommitUnknownError
    │   ├── SaveAbortedError
    │   ├── IdempotencyConflictError    one key, two contents
    │   ├── CacheEntryTakenError        another task made the same first
    │   └── LineageConflictError
    │       └── VersionHeldError        what holds a version keeps it
    ├── BackendError                    a remote registry
    │   ├── BackendUnavailableError     not reached, too slow, or failing
    │   ├── BackendRejectedError        it does not take the record
    │   ├── BackendAuthError            it does not know or allow us
    │   ├── BackendContractError        it answers as no known version does
    │   └── UnsupportedByBackendError   it has no such operation
    ├── InputError                      what the caller handed in
    │   ├── InvalidNameError, InvalidKeyError
    │   ├── MetadataValueError
    │   ├── QueryError                  a filter or an order of records
    │   ├── SettingsError
    │   ├── HandleUsageError
    │   ├── StepDefinitionError         found when a step is decorated
    │   ├── StepOutputError             what a step returned
    │   └── RunUsageError               a run inside a step, no run, ...
    ├── MaterializerError               values to files and back
    │   ├── NoMaterializerError
    │   ├── AmbiguousMaterializerError
    │   ├── NotSerializableError
    │   ├── LossyConversionError
    │   ├── RoundTripError
    │   ├── LoadFailedError
    │   ├── PayloadClassNotFoundError
    │   └── EnvironmentMismatchError    other libraries than recorded
    │       └── PythonVersionMismatchError
    ├── RunError                        while the tasks of a run execute
    │   ├── RunInterruptedError         Ctrl-C, an exit; the task had not ended
    │   ├── WorkerLostError             the process that ran the task is gone
    │   ├── StaleWorkerError            a worker has other code of the step
    │   ├── RuntimeUnavailableError     the cluster that runs tasks cannot be reached
    │   └── StepNotSendableError        a step or value cannot go to another process
    └── PluginError
        └── PluginConflictError

Errors that a caller would also catch as a built-in inherit it (TypeError,
ValueError, LookupError). A message holds no payload bytes, no credentials.
"""

from __future__ import annotations

import re
from typing import Any

from artifact_plugins.errors.describing import describe as describe


class ArtifactPluginsError(Exception):
    """Root of every error raised on purpose.

    Args:
        message: What happened, with the facts in it.
        hint: What is still safe, or what to do. Joined to the message by "; ".
        context: The facts, also readable as attributes of the error.

    Attributes:
        code: Stable kebab-case name for programs, `no-materializer`.
    """

    code = "artifact-plugins"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = cls.__name__.removesuffix("Error")
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()

    def __init__(self, message: str, *, hint: str = "", **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context
        for name, value in context.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Without its notes, an error from a worker would not tell what it is about.
        state = {"__notes__": list(self.__notes__)} if hasattr(self, "__notes__") else None
        return _rebuild, (type(self), self.message, self.hint, self.context), state


def _rebuild(
    cls: type[ArtifactPluginsError], message: str, hint: str, context: dict[str, Any]
) -> ArtifactPluginsError:
    return cls(message, hint=hint, **context)


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


class BackendError(ArtifactPluginsError):
    """A remote registry could not be served; `status` is of HTTP, or None."""

    status: int | None = None


class BackendUnavailableError(BackendError):
    """The remote registry was not reached, took too long, or failed."""

    retry_after_seconds: float | None = None
    may_have_happened: bool = True  # whether the request may have been carried out
    is_late: bool = False  # whether the server may still be at it


class BackendRejectedError(BackendError):
    """The remote registry understood the record and does not take it."""


class BackendAuthError(BackendError):
    """The remote registry does not know or allow who asks, or does not prove who it is."""


class BackendContractError(BackendError):
    """The remote registry answered as no version that is known would."""


class UnsupportedByBackendError(BackendError):
    """The remote registry has no such operation."""


class InputError(ArtifactPluginsError):
    """What the caller handed in cannot be used."""


class InvalidNameError(InputError, ValueError):
    """A name has characters, a length or a form that is not allowed."""


class InvalidKeyError(InputError, ValueError):
    """A store key or URL has a form that is not allowed."""


class MetadataValueError(InputError, ValueError):
    """A metadata value cannot be kept exactly."""


class QueryError(InputError, ValueError):
    """A filter or an order cannot be used; `picture` points at `column` of `expression`."""

    def __str__(self) -> str:
        picture = self.context.get("picture")
        return f"{super().__str__()}\n{picture}" if picture else super().__str__()


class SettingsError(InputError, ValueError):
    """A setting has a value that cannot be used."""


class HandleUsageError(InputError, TypeError):
    """A handle was used as if it were the value."""


class StepDefinitionError(InputError, TypeError):
    """A step or pipeline is declared in a way that cannot work."""


class StepOutputError(InputError, TypeError):
    """A step returned something other than it declares."""


class RunUsageError(InputError, RuntimeError):
    """A run, task or session was used where it cannot be."""


class RunError(ArtifactPluginsError, RuntimeError):
    """The tasks of a run could not be executed."""


class RunInterruptedError(RunError):
    """The run was interrupted while the task ran."""


class WorkerLostError(RunError):
    """The process that ran the task is gone."""


class StaleWorkerError(RunError):
    """A worker process has other code of the step than the driver; it was not called."""


class RuntimeUnavailableError(RunError):
    """What runs the tasks cannot be reached, or has nothing to run them on."""


class StepNotSendableError(RunError, TypeError):
    """A step, or what it was given, cannot be sent to another process."""


class MaterializerError(ArtifactPluginsError):
    """A value could not be turned into files or back."""


class NoMaterializerError(MaterializerError, TypeError):
    """No materializer handles the type."""


class AmbiguousMaterializerError(MaterializerError, TypeError):
    """Several materializers claim the type with equal right."""


class NotSerializableError(MaterializerError, TypeError):
    """The value holds something that cannot be stored; names its path."""


class LossyConversionError(MaterializerError, ValueError):
    """Storing would change the value; names where and how."""


class RoundTripError(MaterializerError):
    """What was written does not load back as an equal value."""


class LoadFailedError(MaterializerError):
    """The stored bytes are intact, but the materializer could not load them."""


class PayloadClassNotFoundError(MaterializerError, LookupError):
    """The class of a stored value cannot be found."""


class EnvironmentMismatchError(MaterializerError):
    """Loading needs other library versions than the installed ones."""


class PythonVersionMismatchError(EnvironmentMismatchError):
    """Loading needs another Python version than the running one."""


class PluginError(ArtifactPluginsError):
    """A plugin could not be loaded or used."""


class PluginConflictError(PluginError):
    """Two plugins claim one name."""


__all__ = [
    name
    for name, found in sorted(globals().items())
    if isinstance(found, type) and issubclass(found, ArtifactPluginsError)
]
