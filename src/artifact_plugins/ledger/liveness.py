"""The one liveness rule: what holds a version, so that it is not deleted.

link        a task of a run that exists read or wrote it
tag, alias  somebody gave it one
retention   it is among the newest of its artifact, or younger than a rule allows

A version that nothing holds may be deleted. Only bytes of deleted versions, and
bytes that no version was ever made of, may be collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from artifact_plugins.errors import InputError
from artifact_plugins.ledger.database import Row, Sql
from artifact_plugins.records import ArtifactVersion, IOType, now

HoldKind: TypeAlias = Literal["link", "tag", "alias", "retention"]
Read: TypeAlias = Callable[[str, Sequence[Any]], list[Row]]

CHUNK = 500
# Whoever is told what holds a version wants the first of it, not a thousand.
_LABELS_SHOWN = 20

_LINKED = """SELECT link.version_id, count(*), min(link.seq) FROM link
    WHERE link.version_id IN ({places}) GROUP BY link.version_id"""
_LINK = """SELECT link.seq, link.io_type, link.key, task.name, run.name FROM link
    JOIN task ON task.id = link.task_id JOIN run ON run.id = link.run_id
    WHERE link.seq IN ({places})"""


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why a version stays.

    Attributes:
        what: The tag, the alias, the link with its task and run, or the rule.
    """

    kind: HoldKind
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A rule that holds versions whatever else does.

    Attributes:
        keep_newest: So many of the newest versions of every artifact stay.
        older_than: Versions that were saved less than this ago stay.
    """

    keep_newest: int = 0
    older_than: timedelta | None = None

    def __post_init__(self) -> None:
        if type(self.keep_newest) is not int or not 0 <= self.keep_newest < 2**31:
            raise InputError(
                f"keep_newest is a number of versions, not {self.keep_newest!r:.200}",
                hint="use 0 or more; nothing was changed",
            )
        if self.older_than is not None and (
            not isinstance(self.older_than, timedelta) or self.older_than < timedelta(0)
        ):
            raise InputError(
                f"older_than is a time span, not {self.older_than!r:.200}",
                hint="use datetime.timedelta(days=30); nothing was changed",
            )


NO_RETENTION = Retention()


def holds(
    sql: Sql,
    read: Read,
    versions: Sequence[ArtifactVersion],
    retention: Retention,
    *,
    released: frozenset[HoldKind] = frozenset(),
) -> dict[str, tuple[Hold, ...]]:
    """Return what holds each of these versions, by version id.

    Args:
        sql: The SQL of the database.
        read: Runs a SELECT: inside the transaction that deletes, or before it
            for a plan.
        retention: The rule that applies.
        released: Kinds that are not asked about.
    """
    found: dict[str, list[Hold]] = {version.id: [] for version in versions}
    if "link" not in released:
        for version_id, hold in _links(sql, read, list(found)):
            found[version_id].append(hold)
    for version in versions:
        if "tag" not in released:
            found[version.id] += [Hold("tag", repr(tag)) for tag in version.tags[:_LABELS_SHOWN]]
        if "alias" not in released:
            found[version.id] += [
                Hold("alias", repr(alias)) for alias in version.aliases[:_LABELS_SHOWN]
            ]
    if "retention" not in released:
        for version_id, hold in _retained(sql, read, versions, retention):
            found[version_id].append(hold)
    return {version_id: tuple(held) for version_id, held in found.items()}


def _links(sql: Sql, read: Read, ids: Sequence[str]) -> Iterator[tuple[str, Hold]]:
    def read_some(text: str, values: Sequence[Any]) -> list[Row]:
        return read(text.format(places=sql.places(len(values))), values)

    for start in range(0, len(ids), CHUNK):
        counted = read_some(_LINKED, ids[start : start + CHUNK])
        if not counted:
            continue
        first = {row[0]: row for row in read_some(_LINK, [row[2] for row in counted])}
        for version_id, count, seq in counted:
            _, io_type, key, task, run = first[seq]
            verb = "output" if IOType(io_type).is_output else "input"
            more = f" and {count - 1} more" if count > 1 else ""
            yield version_id, Hold("link", f"{verb} {key!r} of task {task!r} in run {run!r}{more}")


def _retained(
    sql: Sql, read: Read, versions: Sequence[ArtifactVersion], retention: Retention
) -> Iterator[tuple[str, Hold]]:
    newest: dict[tuple[str, str], int] = {}
    for version in versions if retention.keep_newest else ():
        name = (version.project, version.artifact)
        if name not in newest:
            found = read(sql.NTH_NEWEST, (*name, retention.keep_newest - 1))
            newest[name] = found[0][0] if found else 0
        if version.version >= newest[name]:
            yield version.id, Hold("retention", f"keep_newest={retention.keep_newest}")
    if retention.older_than is not None:
        moment = now()
        for version in versions:
            if moment - version.created_at < retention.older_than:
                yield version.id, Hold("retention", f"older_than={retention.older_than}")
