"""What leaves a backend's `deliver_*` and is no error of it."""

from __future__ import annotations

from collections.abc import Callable

from artifact_plugins.contracts.backend import RecordKind


class NeededFirst(BaseException):
    """Another record must be on the server before this one; a backend does not catch it.

    Attributes:
        kind: Of the other record.
        key: Its id.
        go_without: Called when it was given up, where that is no reason to give
            up this one too; the record is then sent without it.
    """

    def __init__(
        self, kind: RecordKind, key: str, *, go_without: Callable[[], None] | None = None
    ) -> None:
        super().__init__(f"{kind} {key} first")
        self.kind: RecordKind = kind
        self.key = key
        self.go_without = go_without
