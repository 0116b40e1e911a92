"""Which release of a system answers, and whether it is one that a backend knows."""

from __future__ import annotations

import re

from artifact_plugins.errors import BackendContractError


def release_of(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, at most three: (0, 98, 0) of `0.98.0rc1`."""
    found = re.match(r"[0-9]{1,9}(?![0-9])(\.[0-9]{1,9}(?![0-9])){0,2}", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def check_release(version: str, oldest: str, newest: str, *, where: str) -> tuple[int, ...]:
    """Return the numbers of a version between two releases, both included.

    Args:
        version: As the server says it.
        oldest: `0.91`: nothing before its first.
        newest: `0.98`, or `1` for everything up to the last 1.x.
        where: `ZenML at host:8080`, for the message.

    Raises:
        BackendContractError: It is another one.
    """
    numbers, first, last = release_of(version), release_of(oldest), release_of(newest)
    if not first <= numbers or numbers[: len(last)] > last:
        raise BackendContractError(
            f"{where} is of version {version[:40]!r}",
            hint=f"known are {oldest} to {newest}; nothing was sent, the ledger has the records",
            version=version,
        )
    return numbers
