"""What may change after a commit: names, descriptions, tags, aliases, metadata."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

from artifact_plugins.errors import ArtifactMissingError, LineageConflictError
from artifact_plugins.ledger import compiled_sqlite as sql
from artifact_plugins.ledger import rows
from artifact_plugins.ledger.database import Database
from artifact_plugins.records import (
    ArtifactVersion,
    check_label,
    check_metadata,
    check_name,
    now,
)

_REMOVE_TAG = """DELETE FROM version_tag WHERE tag = ? AND version_seq =
    (SELECT seq FROM version WHERE id = ?)"""
_REMOVE_ALIAS = """DELETE FROM version_alias WHERE alias = ? AND artifact_id =
    (SELECT artifact_id FROM version WHERE id = ?)"""
_UPDATE = """UPDATE version SET description = ?, tags = ?, metadata = ?, updated_at = ?
    WHERE id = ?"""
_ALIAS_HOLDER = """SELECT version.id FROM version_alias
    JOIN version ON version.seq = version_alias.version_seq
    WHERE version_alias.alias = ? AND version_alias.artifact_id =
    (SELECT artifact_id FROM version WHERE id = ?)"""
_WRITE_ALIASES = "UPDATE version SET aliases = ?, updated_at = ? WHERE id = ?"


def update_version(
    database: Database,
    version_id: str,
    *,
    description: str | EllipsisType | None,
    tags_add: Iterable[str],
    tags_remove: Iterable[str],
    metadata: Mapping[str, Any] | EllipsisType,
) -> ArtifactVersion:
    """Change what may change of a version; see `Ledger.update_version`."""
    added = [check_label(tag) for tag in tags_add]
    removed = [check_label(tag) for tag in tags_remove]
    checked = None if isinstance(metadata, EllipsisType) else check_metadata(metadata)
    with database.transaction() as cursor:
        before = _version(database, cursor, version_id)
        tags = [tag for tag in dict.fromkeys((*before.tags, *added)) if tag not in removed]
        after = before.model_copy(
            update={
                "description": before.description
                if isinstance(description, EllipsisType)
                else description,
                "tags": tuple(tags),
                "metadata": before.metadata if checked is None else checked,
                "updated_at": now(),
            }
        )
        cursor.executemany(_REMOVE_TAG, [(tag, version_id) for tag in removed])
        cursor.executemany(sql.ADD_TAG, [(tag, version_id) for tag in tags])
        cursor.execute(
            _UPDATE,
            (
                after.description,
                rows.to_json(tags, "tags") if tags else None,
                rows.to_json(after.metadata, "metadata") if after.metadata else None,
                rows.to_time(after.updated_at),
                version_id,
            ),
        )
    return after


def set_alias(
    database: Database,
    version_id: str,
    alias: str,
    *,
    expected_version_id: str | EllipsisType | None,
) -> ArtifactVersion:
    """Give an alias to a version, taking it from another; see `Ledger.set_alias`."""
    alias = check_label(alias, "alias")
    with database.transaction() as cursor:
        version = _version(database, cursor, version_id)
        holder = _holder(cursor, version_id, alias)
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
        take_aliases(cursor, version_id, (alias,))
        return _version(database, cursor, version_id)


def take_aliases(cursor: sqlite3.Cursor, version_id: str, aliases: Iterable[str]) -> None:
    """Move aliases to a version inside a transaction; its own column gets them too."""
    moved = rows.to_time(now())
    wanted = list(aliases)
    for alias in wanted:
        holder = _holder(cursor, version_id, alias)
        if holder is not None and holder != version_id:
            kept = [one for one in _aliases(cursor, holder) if one != alias]
            _write_aliases(cursor, holder, kept, moved)
        cursor.execute(sql.SET_ALIAS, (alias, version_id))
    own = _aliases(cursor, version_id)
    if any(alias not in own for alias in wanted):
        _write_aliases(cursor, version_id, list(dict.fromkeys((*own, *wanted))), moved)


def delete_alias(database: Database, version_id: str, alias: str) -> ArtifactVersion:
    """Take an alias from the version that has it; see `Ledger.delete_alias`."""
    with database.transaction() as cursor:
        version = _version(database, cursor, version_id)
        holder = _holder(cursor, version_id, alias)
        if holder != version_id:
            where = f"is on version id {holder!r}" if holder else "is on no version"
            raise LineageConflictError(
                f"alias {alias!r} is not on version {version}: it {where}",
                hint="nothing was changed",
                alias=alias,
                found=holder,
            )
        cursor.execute(_REMOVE_ALIAS, (alias, version_id))
        kept = [one for one in version.aliases if one != alias]
        _write_aliases(cursor, version_id, kept, rows.to_time(now()))
        return _version(database, cursor, version_id)


def rename_artifact(database: Database, project: str, artifact: str, name: str) -> None:
    """Give an artifact another name; see `Ledger.rename_artifact`."""
    name = check_name(name)
    try:
        with database.transaction() as cursor:
            changed = cursor.execute(
                "UPDATE artifact SET name = ? WHERE project = ? AND name = ?",
                (name, project, artifact),
            ).rowcount
            if not changed:
                raise ArtifactMissingError(
                    f"project {project!r} has no artifact {artifact!r}",
                    hint="nothing was changed",
                    artifact=artifact,
                )
    except sqlite3.IntegrityError as error:
        raise LineageConflictError(
            f"project {project!r} has an artifact {name!r} already",
            hint="nothing was changed; artifacts cannot be merged",
            artifact=name,
        ) from error


def _version(database: Database, cursor: sqlite3.Cursor, version_id: str) -> ArtifactVersion:
    found = cursor.execute(sql.VERSION_BY_ID, (version_id,)).fetchall()
    if not found:
        raise ArtifactMissingError(
            f"there is no version with id {version_id!r}",
            hint="nothing was changed",
            version_id=version_id,
        )
    return rows.records(found, rows.version_record, database.path)[0]


def _holder(cursor: sqlite3.Cursor, version_id: str, alias: str) -> str | None:
    found = cursor.execute(_ALIAS_HOLDER, (alias, version_id)).fetchone()
    return None if found is None else found[0]


def _aliases(cursor: sqlite3.Cursor, version_id: str) -> list[str]:
    found = cursor.execute("SELECT aliases FROM version WHERE id = ?", (version_id,)).fetchone()
    return rows.from_json(found[0], []) if found else []


def _write_aliases(
    cursor: sqlite3.Cursor, version_id: str, aliases: list[str], moved: int | None
) -> None:
    encoded = rows.to_json(aliases, "aliases") if aliases else None
    cursor.execute(_WRITE_ALIASES, (encoded, moved, version_id))
