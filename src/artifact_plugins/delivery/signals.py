"""What leaves a backend's `deliver_*` and is no error of it."""

from __future__ import annotations

from artifact_plugins.contracts.backend import RecordKind


class NeededFirst(BaseException):
    """Another record must be on the server before this one; a backend does not catch it.

    Attributes:
        kind: Of the other record.
        key: Its id.
    """

    def __init__(self, kind: RecordKind, key: str) -> None:
        super().__init__(f"{kind} {key} first")
        self.kind: RecordKind = kind
        self.key = key
