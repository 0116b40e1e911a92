"""Things that are made once on a server: found again after a lost answer, a race or a restored backup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard, TypeVar

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendError, BackendRejectedError
from artifact_plugins.transport.refusals import is_missing, is_taken

Made = TypeVar("Made")


def is_noted(note: Mapping[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Tell whether a note says what the server calls something; it may also say why it is not there."""
    return note is not None and "external_id" in note


def noted_id(delivery: Delivery, kind: str, key: str) -> str | None:
    """Return what the server calls something; None when that was not noted."""
    noted = delivery.external(kind, key)
    return str(noted["external_id"]) if is_noted(noted) else None


def made_once(
    delivery: Delivery,
    kind: str,
    key: str,
    make: Callable[[], dict[str, Any]],
    *,
    anew: bool = False,
) -> dict[str, Any]:
    """Return the note of something shared; made and noted by one thread at a time when there is none.

    Args:
        delivery: Keeps the note, by the backend's own kind and key.
        make: Finds it on the server or makes it, and returns the note.
        anew: The noted one is gone from the server.
    """
    with delivery.only(kind, key):
        noted = None if anew else delivery.external(kind, key)
        if noted is None:
            noted = make()
            delivery.note(kind, key, noted)
    return noted


def found_or_made(
    find: Callable[[], Made | None],
    make: Callable[[], Made],
    *,
    is_there: Callable[[BackendError], bool] = is_taken,
) -> Made:
    """Return what the server has; made when it has nothing, found when somebody else was faster.

    Args:
        find: Looks it up by what is unique.
        is_there: Tells a refusal that means that it is there by now.
    """
    found = find()
    if found is not None:
        return found
    try:
        return make()
    except BackendRejectedError as error:
        found = find() if is_there(error) else None
        if found is None:
            raise
        return found


def once_more(
    attempt: Callable[[bool], Made], *, is_stale: Callable[[BackendError], bool] = is_missing
) -> Made:
    """Call with False; after a refusal that says that our notes are stale, once with True."""
    try:
        return attempt(False)
    except BackendRejectedError as error:
        if not is_stale(error):
            raise
    return attempt(True)
