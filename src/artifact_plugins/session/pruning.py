"""Which versions a prune would delete, and the deletion of those that still may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from artifact_plugins.ledger import Hold, HoldKind, Ledger, Retention
from artifact_plugins.records import ArtifactVersion

_CHUNK = 200
_HELD_SHOWN = 1000
T = TypeVar("T")
_LINK: frozenset[HoldKind] = frozenset({"link"})


@dataclass(frozen=True, slots=True)
class PruneItem:
    """A version that a prune deletes or leaves.

    Attributes:
        version: For people: `flights@3`.
        holds: What holds it; empty for one that is deleted.
    """

    version_id: str
    version: str
    size_bytes: int
    created_at: datetime
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What a prune would delete, or deleted.

    Attributes:
        versions: Those that nothing holds, oldest first.
        size_bytes: Size of their payloads, freed when the trash is collected.
        held: Up to 1,000 of the others, with what holds them.
        held_count: How many others there are.
        held_by: How many of them each kind of holder holds: link, tag, alias, retention.
        retention: The rule it was made with, that of the settings included.
        with_links: Whether links did not count.
        is_complete: False when there are more versions than the limit allows.
        is_executed: Whether `versions` are in the trash now.
    """

    versions: tuple[PruneItem, ...]
    size_bytes: int
    held: tuple[PruneItem, ...] = ()
    held_count: int = 0
    held_by: Mapping[str, int] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)
    with_links: bool = False
    is_complete: bool = True
    is_executed: bool = False

    @property
    def released(self) -> frozenset[HoldKind]:
        """The kinds of holders that do not count."""
        return _LINK if self.with_links else frozenset()


def plan_prune(
    ledger: Ledger,
    versions: Iterable[ArtifactVersion],
    retention: Retention,
    *,
    with_links: bool,
    limit: int,
) -> PrunePlan:
    """Ask of each version what holds it; nothing is changed."""
    released = _LINK if with_links else frozenset()
    free: list[PruneItem] = []
    others = _Others()
    is_complete = True
    for chunk in _chunks(versions):
        holds = ledger.holds(chunk, retention, released=released)
        for version in chunk:
            item = _item(version, holds[version.id])
            if item.holds:
                others.add(item)
            elif len(free) < limit:
                free.append(item)
            else:
                is_complete = False
        if not is_complete:
            break
    return PrunePlan(
        versions=tuple(free),
        size_bytes=sum(item.size_bytes for item in free),
        held=tuple(others.shown),
        held_count=others.count,
        held_by=dict(others.kinds),
        retention=retention,
        with_links=with_links,
        is_complete=is_complete,
    )


def execute(ledger: Ledger, plan: PrunePlan) -> PrunePlan:
    """Delete the versions of a plan that still nothing holds, a few hundred at a time."""
    deleted: list[PruneItem] = []
    others = _Others()
    for chunk in _chunks(plan.versions):
        found = ledger.delete_versions(
            [item.version_id for item in chunk], plan.retention, released=plan.released
        )
        gone = set(found.gone)
        for item in chunk:
            if item.version_id in found.held:
                others.add(replace(item, holds=found.held[item.version_id]))
            elif item.version_id not in gone:
                deleted.append(item)
    return replace(
        plan,
        versions=tuple(deleted),
        size_bytes=sum(item.size_bytes for item in deleted),
        held=tuple(others.shown),
        held_count=others.count,
        held_by=dict(others.kinds),
        is_executed=True,
    )


class _Others:
    """The versions that stay: how many, why, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.kinds: Counter[str] = Counter()
        self.shown: list[PruneItem] = []

    def add(self, item: PruneItem) -> None:
        """Count one."""
        self.count += 1
        self.kinds.update({hold.kind for hold in item.holds})
        if len(self.shown) < _HELD_SHOWN:
            self.shown.append(item)


def _item(version: ArtifactVersion, holds: tuple[Hold, ...]) -> PruneItem:
    return PruneItem(version.id, str(version), version.size_bytes, version.created_at, holds)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    waiting = iter(items)
    while some := list(islice(waiting, _CHUNK)):
        yield some
