"""What an object store answered, and the named errors of this library it becomes."""

from __future__ import annotations

import errno
import re
from typing import Literal

from artifact_plugins.errors import (
    ArtifactMissingError,
    StoreError,
    StoreFullError,
    StoreReadError,
    StoreWriteError,
)

Kind = Literal[
    "missing",  # there is no such object
    "taken",  # put-if-absent: the key has an object
    "gone",  # the upload in parts was thrown away, or is finished already
    "conflict",  # another write to the key is under way
    "busy",  # overload, an error of the server, no connection, no answer
    "exhausted",  # the same, after the provider's library tried again itself
    "expired",  # the credentials were good once
    "forbidden",  # these credentials may not do this, or there are none
    "nowhere",  # there is no such bucket
    "full",  # the quota is used up
    "refused",  # anything else
]

_AGAIN = ("busy", "exhausted", "conflict", "gone")
_HINTS = {
    "expired": "renew the credentials (log in again) and repeat",
    "forbidden": "give the process credentials that may list, read, write and delete there, "
    "by environment variables or the provider's own chain",
    "nowhere": "create it, or correct the store URL",
}
_ERRNO = {
    "expired": errno.EACCES,
    "forbidden": errno.EACCES,
    "nowhere": errno.ENOENT,
    "full": errno.ENOSPC,
    "busy": errno.EAGAIN,
    "exhausted": errno.EAGAIN,
}


class Fault(Exception):
    """What a provider answered instead of doing it.

    Attributes:
        kind: What it means for us.
        said: Its error code or the type of its exception. Never its message,
            which may repeat the request with what signed it.
    """

    def __init__(self, kind: Kind, said: str) -> None:
        super().__init__(kind, said)
        self.kind: Kind = kind
        self.said = said


def plain(code: object) -> str:
    """Return the error code of a server without what a code does not hold."""
    return re.sub(r"[^A-Za-z0-9._-]", "", str(code))[:60]


def write_error(fault: Fault, what: str, title: str) -> StoreWriteError:
    """Return the error for a failed write of `what` to the bucket `title`."""
    cls = StoreFullError if fault.kind == "full" else StoreWriteError
    hint = _HINTS.get(fault.kind, "repeating it is safe")
    return cls(
        f"{what} could not be written to {_reason(fault, title)}",
        hint=f"nothing was registered; {hint}",
        errno=_ERRNO.get(fault.kind),
        retryable=fault.kind in _AGAIN,
    )


def read_error(fault: Fault, what: str, title: str) -> StoreError:
    """Return the error for a failed read of `what` from the bucket `title`."""
    if fault.kind == "missing":
        return ArtifactMissingError(
            f"{what} is not there",
            hint="nothing else is affected; restore it from a backup of the store",
        )
    return StoreReadError(
        f"{what} could not be read from {_reason(fault, title)}",
        hint=f"nothing was changed; {_HINTS.get(fault.kind, 'repeating it is safe')}",
        errno=_ERRNO.get(fault.kind),
        retryable=fault.kind in _AGAIN,
    )


def _reason(fault: Fault, title: str) -> str:
    if fault.kind == "nowhere":
        return f"{title}: there is no such bucket"
    if fault.kind == "expired":
        return f"{title}: the credentials have expired ({fault.said})"
    if fault.kind == "forbidden":
        return f"{title}: access was denied ({fault.said})"
    return f"{title}: it answered {fault.said}"
