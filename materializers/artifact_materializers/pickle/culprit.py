"""Where in a value the part lies that cannot be pickled, and the error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from artifact_materializers.pickle.reducing import ATOMS, MAPPINGS, SEQUENCES, members, title
from artifact_materializers.pickle.refused import Refused
from artifact_plugins.errors import NotSerializableError, describe

_MAX_PARTS = 1_000_000
_MAX_DEPTH = 200
_MAX_SHOWN_STEPS = 20


class _Place(NamedTuple):
    """Where a part lies: in which one above it, behind which step."""

    part: Any
    step: str
    above: _Place | None
    depth: int


def refusal_of(value: Any, error: Exception) -> NotSerializableError:
    """Return the error for a value that could not be pickled.

    Args:
        error: What pickling it raised.

    Returns:
        It names the path of the part that is to blame, `value.model.layers[3].lock`,
        or the value itself when no single part is.
    """
    if isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError):
        place, why = _deepest(value), "is nested deeper than pickle can follow"
        hint = "nothing was saved; keep its elements in a flat list"
    else:
        place, why = _culprit(value, error)
        hint = (
            "nothing was saved; leave it out in `__getstate__` and make it anew in `__setstate__`"
        )
    path = _path(place)
    return NotSerializableError(f"{path} is a {title(place.part)}; it {why}", hint=hint, path=path)


def _culprit(value: Any, error: Exception) -> tuple[_Place, str]:
    top = _Place(value, "value", None, 0)
    waiting: list[Iterator[_Place]] = [iter((top,))]
    # The parts are kept: another one may else get the identity of one that is gone.
    seen: dict[int, Any] = {}
    while waiting and len(seen) < _MAX_PARTS:
        place = next(waiting[-1], None)
        if place is None:
            waiting.pop()
            continue
        if type(place.part) in ATOMS or id(place.part) in seen:
            continue
        seen[id(place.part)] = place.part
        try:
            below = list(_below(place))
        except Refused as refused:
            return place, refused.why
        except Exception as found:  # noqa: BLE001  # the class of a part may raise anything
            return place, f"cannot be pickled ({describe(found)})"
        waiting.append(iter(below))
    return top, f"cannot be pickled ({describe(error)})"


def _below(place: _Place) -> Iterator[_Place]:
    for step, part in members(place.part):
        yield _Place(part, step, place, place.depth + 1)


def _deepest(value: Any) -> _Place:
    """Return the outermost container of what is nested too deep."""
    place: _Place | None = _Place(value, "value", None, 0)
    waiting = [place]
    seen: dict[int, Any] = {}
    while waiting and len(seen) < _MAX_PARTS:
        place = waiting.pop()
        assert place is not None
        if place.depth > _MAX_DEPTH:
            return _outermost(place)
        if type(place.part) in ATOMS or id(place.part) in seen:
            continue
        seen[id(place.part)] = place.part
        try:
            waiting.extend(_below(place))
        except Exception:  # noqa: BLE001, S112  # another part is to blame, this is about depth
            continue
    return _Place(value, "value", None, 0)


def _outermost(place: _Place) -> _Place:
    """Return where the containers begin whose nesting is too deep."""
    kinds = SEQUENCES | MAPPINGS
    while place.above is not None and place.depth > 1 and type(place.above.part) in kinds:
        place = place.above
    while place.depth > _MAX_SHOWN_STEPS and place.above is not None:
        place = place.above
    return place


def _path(place: _Place) -> str:
    steps: list[str] = []
    above: _Place | None = place
    while above is not None:
        steps.append(above.step)
        above = above.above
    if len(steps) > _MAX_SHOWN_STEPS:
        steps[10:-10] = ["..."]
    return "".join(reversed(steps))
