"""Operating system errors under the names of this library."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from artifact_plugins.errors import (
    ArtifactMissingError,
    StoreError,
    StoreFullError,
    StoreIntegrityError,
    StoreReadError,
    StoreWriteError,
)
from artifact_plugins.failpoints import failpoint

_FULL = {errno.ENOSPC, errno.EDQUOT}
_RETRYABLE = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


def write_failure(error: OSError, what: str) -> StoreWriteError:
    """Return the error for a failed write of `what`.

    `retryable` is True when the same call may succeed later without anybody
    doing something about it.
    """
    if error.errno in _FULL:
        return StoreFullError(
            f"no space is left for {what}: {error.strerror}",
            hint="nothing was registered; free some space and repeat",
            errno=error.errno,
            retryable=False,
        )
    return StoreWriteError(
        f"{what} could not be written: {error.strerror or error}",
        hint="nothing was registered; repeating it is safe",
        errno=error.errno,
        retryable=error.errno in _RETRYABLE,
    )


def read_failure(error: OSError, what: str) -> StoreError:
    """Return the error for a failed read of `what`."""
    if error.errno == errno.ENOENT:
        return ArtifactMissingError(
            f"{what} is not there",
            hint="nothing else is affected; restore it from a backup of the store",
        )
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return StoreIntegrityError(
            f"{what} or a folder above it is a symbolic link or another kind of file",
            hint="it was not followed; somebody changed the store by hand",
        )
    return StoreReadError(
        f"{what} could not be read: {error.strerror or error}",
        hint="nothing was changed",
        errno=error.errno,
        retryable=error.errno in _RETRYABLE,
    )


def checkpoint(name: str) -> None:
    """Pass a failpoint of the save; an error asked for there is a StoreWriteError."""
    try:
        failpoint(name)
    except OSError as error:
        raise write_failure(error, "a version") from error


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn an OSError of the block into a StoreWriteError about `what`."""
    try:
        yield
    except OSError as error:
        raise write_failure(error, what) from error


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn an OSError of the block into the StoreError of a read of `what`."""
    try:
        yield
    except OSError as error:
        raise read_failure(error, what) from error
