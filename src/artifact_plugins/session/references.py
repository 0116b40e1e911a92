"""What people write for a version: `name`, `name@3`, `name@alias`, or an id."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass

from artifact_plugins.errors import InputError
from artifact_plugins.records.names import as_reference

_NUMBER_MAX = 2**63 - 1
_ID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{1,4}){0,6}[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference taken apart; at most one of `version` and `alias` is set.

    Attributes:
        name: Of the artifact; perhaps an id or its beginning.
    """

    name: str
    version: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Take a reference apart.

        Raises:
            InputError: It is no text.
        """
        reference = as_reference(text, "a reference to a version")
        name, at, suffix = reference.rpartition("@")
        if not at:
            return cls(reference)
        if suffix.isascii() and suffix.isdigit():  # `²` is a digit, but no number
            return cls(name, version=as_number(int(suffix[:20])))
        return cls(name, alias=suffix)

    @property
    def is_id(self) -> bool:
        """Whether it may be an id, or the beginning of one."""
        return self.version is None and self.alias is None and bool(_ID.fullmatch(self.name))


def as_number(version: int) -> int:
    """Return a version number that a database takes; those beyond name nothing.

    Raises:
        InputError: It is no number.
    """
    try:
        return min(operator.index(version), _NUMBER_MAX)
    except TypeError as error:
        raise InputError(
            f"a version number is an int, not {version!r:.200}", hint="nothing was loaded"
        ) from error
