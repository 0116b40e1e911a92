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

from artifact_plugins.errors.backend import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
    UnsupportedByBackendError,
)
from artifact_plugins.errors.describing import describe as describe
from artifact_plugins.errors.inputs import (
    HandleUsageError,
    InputError,
    InvalidKeyError,
    InvalidNameError,
    MetadataValueError,
    QueryError,
    RunUsageError,
    SettingsError,
    StepDefinitionError,
    StepOutputError,
)
from artifact_plugins.errors.ledger import (
    CacheEntryTakenError,
    CommitUnknownError,
    IdempotencyConflictError,
    LedgerBusyError,
    LedgerCorruptError,
    LedgerError,
    LedgerSchemaTooNewError,
    LineageConflictError,
    SaveAbortedError,
    VersionHeldError,
)
from artifact_plugins.errors.materializer import (
    AmbiguousMaterializerError,
    EnvironmentMismatchError,
    LoadFailedError,
    LossyConversionError,
    MaterializerError,
    NoMaterializerError,
    NotSerializableError,
    PayloadClassNotFoundError,
    PythonVersionMismatchError,
    RoundTripError,
)
from artifact_plugins.errors.plugin import (
    PluginConflictError,
    PluginError,
)
from artifact_plugins.errors.root import (
    ArtifactPluginsError,
)
from artifact_plugins.errors.run import (
    RunError,
    RunInterruptedError,
    RuntimeUnavailableError,
    StaleWorkerError,
    StepNotSendableError,
    WorkerLostError,
)
from artifact_plugins.errors.store import (
    ArtifactMissingError,
    DigestMismatchError,
    ManifestInvalidError,
    ManifestTooLargeError,
    ResourceLimitError,
    SizeMismatchError,
    StoreCapabilityError,
    StoreError,
    StoreFullError,
    StoreIntegrityError,
    StoreReadError,
    StoreSchemeNotAllowedError,
    StoreWriteError,
    UnsupportedFilesystemError,
)
from artifact_plugins.errors.trust import (
    KeyExpiredError,
    KeyUnreadableError,
    SecretInSnapshotError,
    SignatureInvalidError,
    TrustError,
    UnsafeFormatError,
    UntrustedKeyError,
    UntrustedSnapshotError,
)

__all__ = [
    "AmbiguousMaterializerError",
    "ArtifactMissingError",
    "ArtifactPluginsError",
    "BackendAuthError",
    "BackendContractError",
    "BackendError",
    "BackendRejectedError",
    "BackendUnavailableError",
    "CacheEntryTakenError",
    "CommitUnknownError",
    "DigestMismatchError",
    "EnvironmentMismatchError",
    "HandleUsageError",
    "IdempotencyConflictError",
    "InputError",
    "InvalidKeyError",
    "InvalidNameError",
    "KeyExpiredError",
    "KeyUnreadableError",
    "LedgerBusyError",
    "LedgerCorruptError",
    "LedgerError",
    "LedgerSchemaTooNewError",
    "LineageConflictError",
    "LoadFailedError",
    "LossyConversionError",
    "ManifestInvalidError",
    "ManifestTooLargeError",
    "MaterializerError",
    "MetadataValueError",
    "NoMaterializerError",
    "NotSerializableError",
    "PayloadClassNotFoundError",
    "PluginConflictError",
    "PluginError",
    "PythonVersionMismatchError",
    "QueryError",
    "ResourceLimitError",
    "RoundTripError",
    "RunError",
    "RunInterruptedError",
    "RunUsageError",
    "RuntimeUnavailableError",
    "SaveAbortedError",
    "SecretInSnapshotError",
    "SettingsError",
    "SignatureInvalidError",
    "SizeMismatchError",
    "StaleWorkerError",
    "StepDefinitionError",
    "StepNotSendableError",
    "StepOutputError",
    "StoreCapabilityError",
    "StoreError",
    "StoreFullError",
    "StoreIntegrityError",
    "StoreReadError",
    "StoreSchemeNotAllowedError",
    "StoreWriteError",
    "TrustError",
    "UnsafeFormatError",
    "UnsupportedByBackendError",
    "UnsupportedFilesystemError",
    "UntrustedKeyError",
    "UntrustedSnapshotError",
    "VersionHeldError",
    "WorkerLostError",
]
