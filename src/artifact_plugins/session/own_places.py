"""The files of the store and the ledger, which no value that is saved may hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artifact_plugins.content.urls import local_path
from artifact_plugins.errors import ArtifactPluginsError, NotSerializableError
from artifact_plugins.ledger.sqlite.place import parse_url


def own_places(store_url: str, ledger_url: str) -> tuple[Path, ...]:
    """Return where the store and the ledger lie, as far as that is on this machine's disk."""
    ledger = parse_url(ledger_url).path if ledger_url.startswith("sqlite:") else None
    try:
        store = local_path(store_url)
    except ArtifactPluginsError:  # in a bucket or in memory
        store = None
    return tuple(place.resolve() for place in (store, ledger) if place is not None)


def refuse_own(value: Any, places: Sequence[Path]) -> None:
    """Refuse a path that holds the store or the ledger: it would be copied into itself.

    Raises:
        NotSerializableError: It does; nothing was written.
    """
    if not isinstance(value, Path):
        return
    try:
        whole = value.resolve()
    except (OSError, RuntimeError):  # who saves it says what is wrong with it
        return
    for place in places:
        if place.is_relative_to(whole):
            raise NotSerializableError(
                f"{str(value)!r} holds {str(place)!r}, where this session keeps its versions or "
                "their records",
                hint="nothing was written; save a folder beside it",
                path=str(value),
            )
