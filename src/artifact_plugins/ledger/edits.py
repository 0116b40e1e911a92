"""What may change after a commit: names, descriptions, tags, aliases, metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

from artifact_plugins.errors import ArtifactMissingError, LineageConflictError
from artifact_plugins.ledger import rows
from artifact_plugins.ledger.database import ConstraintViolation, Cursor, Database, Sql, repeatable
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.ledger.outbox.changes import note_edits, note_rename
from artifact_plugins.records import (
    ArtifactVersion,
    check_label,
    check_metadata,
    check_name,
    now,
)


@repeatable
def update_version(
    database: Database,
    version_id: str,
    *,
    description: str | EllipsisType | None,
    tags: Iterable[str] | EllipsisType,
    tags_add: Iterable[str],
    tags_remove: Iterable[str],
    metadata: Mapping[str, Any] | EllipsisType,
    expected: ArtifactVersion | None,
) -> ArtifactVersion:
    """Change what may change of a version; see `Ledger.update_version`."""
    replaced = None if isinstance(tags, EllipsisType) else [check_label(tag) for tag in tags]
    added = [check_label(tag) for tag in tags_add]
    removed = [check_label(tag) for tag in tags_remove]
    checked = None if isinstance(metadata, EllipsisType) else check_metadata(metadata)
    sql = database.sql
    with database.transaction() as cursor:
        before = version_in(database, cursor, version_id)
        if expected is not None:
            _check_unchanged(before, expected)
        start = before.tags if replaced is None else replaced
        kept = [tag for tag in dict.fromkeys((*start, *added)) if tag not in removed]
        after = before.model_copy(
            update={
                "description": before.description
                if isinstance(description, EllipsisType)
                else description,
                "tags": tuple(kept),
                "metadata": before.metadata if checked is None else checked,
                "updated_at": now(),
            }
        )
        lost = [tag for tag in before.tags if tag not in kept]
        cursor.executemany(sql.REMOVE_TAG, [(tag, version_id) for tag in lost])
        cursor.executemany(sql.ADD_TAG, [(tag, version_id) for tag in kept])
        cursor.execute(
            sql.UPDATE_VERSION,
            (
                after.description,
                rows.to_json(kept, "tags") if kept else None,
                rows.to_json(after.metadata, "metadata") if after.metadata else None,
                rows.to_time(after.updated_at),
                version_id,
            ),
        )
        note_edits(database, cursor, (version_id,))
    return after


@repeatable
def set_alias(
    database: Database,
    version_id: str,
    alias: str,
    *,
    expected_version_id: str | EllipsisType | None,
) -> ArtifactVersion:
    """Give an alias to a version, taking it from another; see `Ledger.set_alias`."""
    alias = check_label(alias, "alias")
    sql = database.sql
    with database.transaction() as cursor:
        cursor.execute(sql.LOCK_ARTIFACT, (version_id,))
        version = version_in(database, cursor, version_id)
        holder = holder_of(cursor, sql, version_id, alias)
        if not isinstance(expected_version_id, EllipsisType) and holder != expected_version_id:
            raise LineageConflictError(
                f"alias {alias!r} of artifact {version.artifact!r} is on version id {holder!r}, "
                f"not {expected_version_id!r}",
                hint="nothing was changed; read it again and decide",
                alias=alias,
                found=holder,
                expected=expected_version_id,
            )
        if holder == version_id:
            return version
        losers = take_aliases(cursor, sql, version_id, (alias,))
        note_edits(database, cursor, (*losers, version_id))
        return version_in(database, cursor, version_id)


def take_aliases(cursor: Cursor, sql: Sql, version_id: str, aliases: Iterable[str]) -> list[str]:
    """Move aliases to a version inside a transaction; its own column gets them too.

    Returns:
        The ids of the versions that had them.
    """
    moved = rows.to_time(now())
    wanted = list(aliases)
    losers = []
    for alias in wanted:
        holder = holder_of(cursor, sql, version_id, alias)
        if holder is not None and holder != version_id:
            kept = [one for one in _aliases(cursor, sql, holder) if one != alias]
            write_aliases(cursor, sql, holder, kept, moved)
            losers.append(holder)
        cursor.execute(sql.SET_ALIAS, (alias, version_id))
    own = _aliases(cursor, sql, version_id)
    if any(alias not in own for alias in wanted):
        write_aliases(cursor, sql, version_id, list(dict.fromkeys((*own, *wanted))), moved)
    return losers


@repeatable
def delete_alias(database: Database, version_id: str, alias: str) -> ArtifactVersion:
    """Take an alias from the version that has it; see `Ledger.delete_alias`."""
    sql = database.sql
    with database.transaction() as cursor:
        cursor.execute(sql.LOCK_ARTIFACT, (version_id,))
        version = version_in(database, cursor, version_id)
        holder = holder_of(cursor, sql, version_id, alias)
        if holder != version_id:
            where = f"is on version id {holder!r}" if holder else "is on no version"
            raise LineageConflictError(
                f"alias {alias!r} is not on version {version}: it {where}",
                hint="nothing was changed",
                alias=alias,
                found=holder,
            )
        cursor.execute(sql.REMOVE_ALIAS, (alias, version_id))
        kept = [one for one in version.aliases if one != alias]
        write_aliases(cursor, sql, version_id, kept, rows.to_time(now()))
        note_edits(database, cursor, (version_id,))
        return version_in(database, cursor, version_id)


@repeatable
def rename_artifact(database: Database, project: str, artifact: str, name: str) -> None:
    """Give an artifact another name; see `Ledger.rename_artifact`."""
    name = check_name(name)
    try:
        with database.transaction() as cursor:
            changed = cursor.execute(
                database.sql.RENAME_ARTIFACT,
                (name, project, artifact),
            ).rowcount
            if not changed:
                raise ArtifactMissingError(
                    f"project {project!r} has no artifact {artifact!r}",
                    hint="nothing was changed",
                    artifact=artifact,
                )
            note_rename(database, cursor, project, name)
    except ConstraintViolation as error:
        raise LineageConflictError(
            f"project {project!r} has an artifact {name!r} already",
            hint="nothing was changed; artifacts cannot be merged",
            artifact=name,
        ) from error


def version_in(
    database: Database, cursor: Cursor, version_id: str, *, deleted_too: bool = False
) -> ArtifactVersion:
    """Return a version that stays as it is until the end of the transaction.

    Raises:
        ArtifactMissingError: There is none, or it is deleted.
    """
    found = cursor.execute(database.sql.VERSION_FOR_CHANGE, (version_id,)).fetchall()
    if not found:
        raise ArtifactMissingError(
            f"there is no version with id {version_id!r}",
            hint="nothing was changed",
            version_id=version_id,
        )
    version = rows.records(found, rows.version_record, database.path)[0]
    if version.deleted_at is not None and not deleted_too:
        raise deleted_error(version)
    return version


def holder_of(cursor: Cursor, sql: Sql, version_id: str, alias: str) -> str | None:
    """Return the id of the version that has an alias in the artifact of a version."""
    found = cursor.execute(sql.ALIAS_HOLDER, (alias, version_id)).fetchone()
    return None if found is None else found[0]


def _check_unchanged(found: ArtifactVersion, expected: ArtifactVersion) -> None:
    changed = [
        name
        for name in ("id", "description", "tags", "metadata")
        if getattr(found, name) != getattr(expected, name)
    ]
    if changed:
        raise LineageConflictError(
            f"{', '.join(changed)} of {found} changed since it was read",
            hint="nothing was changed; read it again and decide",
            version_id=found.id,
            changed=changed,
        )


def _aliases(cursor: Cursor, sql: Sql, version_id: str) -> list[str]:
    found = cursor.execute(sql.ALIASES_OF, (version_id,)).fetchone()
    return rows.from_json(found[0], []) if found else []


def write_aliases(
    cursor: Cursor, sql: Sql, version_id: str, aliases: list[str], moved: int | None
) -> None:
    """Write the aliases of a version into its own column."""
    encoded = rows.to_json(aliases, "aliases") if aliases else None
    cursor.execute(sql.WRITE_ALIASES, (encoded, moved, version_id))
