"""Finds one record by what people call it, or says what is near."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from artifact_plugins.errors import ArtifactMissingError, InputError
from artifact_plugins.ledger import rows
from artifact_plugins.ledger.database import Database
from artifact_plugins.ledger.deleted import deleted_error
from artifact_plugins.ledger.selects import list_runs, list_tasks, list_versions, runs_from_to
from artifact_plugins.records import ArtifactVersion, PluginSnapshot, Run, Task

_NAMES_SHOWN = 3


def version_by_id(database: Database, version_id: str) -> ArtifactVersion:
    """Return the version; see `Ledger.version`."""
    found = database.read(database.sql.VERSION_BY_ID, (version_id,))
    if not found:
        raise ArtifactMissingError(
            f"there is no version with id {version_id!r}", version_id=version_id
        )
    return rows.records(found, rows.version_record, database.path)[0]


def latest(
    database: Database,
    project: str,
    artifact: str,
    *,
    version: int | None,
    alias: str | None,
    tag: str | None,
    run_id: str | None,
) -> ArtifactVersion:
    """Return the newest version that has everything asked for; see `Ledger.latest`."""
    asked = {"version": version, "alias": alias, "tag": tag, "run_id": run_id}
    wanted = {name: value for name, value in asked.items() if value is not None}
    values = {"project": project, "artifact": artifact, "limit": 1, **wanted}
    fields = frozenset(("project", "artifact", "live", *wanted))
    text, _ = list_versions(database.sql, fields, 0, newest_first=True, is_next=False)
    found = database.read(text, values)
    if not found:
        raise _missing(database, project, artifact, wanted)
    return rows.records(found, rows.version_record, database.path)[0]


def run_by_name(database: Database, name: str) -> Run:
    """Return the run with this id, name or beginning of either; see `Ledger.run`."""
    found = database.read(_newest_run(database, "id"), {"id": name, "limit": 1})
    if not found:
        found = database.read(_newest_run(database, "name"), {"name": name, "limit": 1})
    if not found and name:
        values = {"start": name, "end": name + "\U0010ffff", "limit": _NAMES_SHOWN + 1}
        found = database.read(runs_from_to(database.sql), values)
    runs = rows.records(found, rows.run_record, database.path)
    if len(runs) > 1:
        shown = ", ".join(f"{run.name} ({run.id})" for run in runs[:_NAMES_SHOWN])
        raise InputError(
            f"{name!r} is the beginning of several runs: {shown}{', ...' * (len(runs) > _NAMES_SHOWN)}",
            hint="give more of the name or the id",
            name=name,
        )
    if not runs:
        names = database.read(database.sql.NEWEST_RUN_NAMES)
        known = [row[0] for row in names]
        raise ArtifactMissingError(
            f"there is no run with the id or name {name!r}",
            hint=_near(name, known, "runs"),
            name=name,
        )
    return runs[0]


def task_by_id(database: Database, task_id: str) -> Task:
    """Return the task; see `Ledger.task`."""
    found = database.read(
        list_tasks(database.sql, frozenset({"id"}), 0, newest_first=True, is_next=False),
        {"id": task_id, "limit": 1},
    )
    if not found:
        raise ArtifactMissingError(f"there is no task with id {task_id!r}", task_id=task_id)
    return rows.records(found, rows.task_record, database.path)[0]


def snapshot_by_id(database: Database, snapshot_id: str) -> PluginSnapshot:
    """Return the plugin snapshot; see `Ledger.snapshot`."""
    found = database.read(database.sql.SNAPSHOT_BY_ID, (snapshot_id,))
    if not found:
        raise ArtifactMissingError(
            f"the ledger has no plugin snapshot {snapshot_id!r}",
            hint="its statement may be in the content store",
            snapshot_id=snapshot_id,
        )
    return rows.records(found, rows.snapshot_record, database.path)[0]


def _newest_run(database: Database, column: str) -> str:
    return list_runs(database.sql, frozenset({column}), newest_first=True, is_next=False)


def _missing(
    database: Database, project: str, artifact: str, wanted: Mapping[str, object]
) -> ArtifactMissingError:
    sql = database.sql
    found = database.read(sql.ARTIFACT_BY_NAME, (project, artifact))
    facts = {"project": project, "artifact": artifact}
    if not found:
        names = [row[0] for row in database.read(sql.ARTIFACT_NAMES, (project,))]
        return ArtifactMissingError(
            f"project {project!r} has no artifact {artifact!r}",
            hint=_near(artifact, names, "artifacts"),
            **facts,
        )
    if "version" in wanted and set(wanted) == {"version"}:
        # The number was given out: then its version was deleted.
        fields = frozenset(("project", "artifact", "version", "deleted"))
        text, _ = list_versions(sql, fields, 0, newest_first=True, is_next=False)
        gone = database.read(text, {**facts, **wanted, "limit": 1})
        if gone:
            return deleted_error(rows.records(gone, rows.version_record, database.path)[0])
    asked = " and ".join(f"{name} {value!r}" for name, value in wanted.items())
    message = f"artifact {artifact!r} has no version with {asked}"
    hint = f"it has the versions 1 to {found[0][1]}"
    if not wanted:
        message = f"every version of artifact {artifact!r} is deleted"
        hint = "`artifact-plugins trash` lists those that can be restored"
    if "alias" in wanted:
        known = database.read(sql.ALIASES_OF_ARTIFACT, (found[0][0],))
        hint += f" and {_near(str(wanted['alias']), [row[0] for row in known], 'aliases')}"
    return ArtifactMissingError(message, hint=hint, **facts)


def _near(name: str, names: list[str], what: str) -> str:
    """Say which names are like this one, or which there are."""
    if not names:
        return f"there are no {what}"
    near = difflib.get_close_matches(name, names, n=_NAMES_SHOWN, cutoff=0.5)
    if near:
        return f"there is {', '.join(repr(one) for one in near)}"
    shown = ", ".join(repr(one) for one in names[:_NAMES_SHOWN])
    return f"there are the {what} {shown}{', ...' * (len(names) > _NAMES_SHOWN)}"
