"""Functions of links: which run, task or pipeline made or read a record."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, literal_column, or_, select

from artifact_plugins.ledger.filters.tree import Linked
from artifact_plugins.ledger.schema import artifact, link, run, task, version, version_kind
from artifact_plugins.records import IOType

Condition = ColumnElement[bool]

_OUTPUTS = [str(kind) for kind in IOType if kind.is_output]
_ONE: ColumnElement[int] = literal_column("1")

# More records than this are met soon enough by walking through all in order.
FEW = 200


def rare(node: Linked) -> Select[Any] | None:
    """Return what has at most `FEW` rows if looking up the links of a name is worth it."""
    (name, *_), what = node.arguments or ("",), node.function.rpartition("_")[2]
    if what == "task":
        return select(_ONE).select_from(task).where(_named(task, name)).limit(FEW + 1)
    if what == "pipeline":
        return select(_ONE).select_from(run).where(run.c.pipeline == name).limit(FEW + 1)
    return None


def condition(kind: str, node: Linked, *, is_seek: bool) -> Condition:
    """Return the condition of a function.

    Args:
        kind: Name of the kind of record.
        node: The function and its arguments.
        is_seek: Whether to start from what the arguments name, and not from
            the record.
    """
    name = node.arguments[0] if node.arguments else ""
    if kind == "versions":
        return _of_version(node.function, name, is_seek=is_seek)
    if kind == "links":
        return _of_link(node.function, name, is_seek=is_seek)
    if node.function in ("reads", "writes"):
        return _moves(task if kind == "tasks" else run, node.function == "writes", name)
    return _in_run(task, node.function, name, is_seek=is_seek)


def _of_version(function: str, name: str, *, is_seek: bool) -> Condition:
    if function == "unused":
        return ~_exists(link, link.c.version_id == version.c.id, _is_read())
    if function == "has_custom_name":
        made = and_(task.c.id == version.c.task_id, artifact.c.id == version.c.artifact_id)
        named = select(_ONE).where(made, task.c.name == artifact.c.name).correlate(version)
        return ~named.exists()
    made_by, _, what = function.rpartition("_by_")
    if made_by == "used":
        return _used(what, name, is_seek=is_seek)
    if what == "task":
        if is_seek:
            runs = select(task.c.run_id).where(_named(task, name)).correlate(None)
            tasks = select(task.c.id).where(_named(task, name)).correlate(None)
            return and_(version.c.run_id.in_(runs), version.c.task_id.in_(tasks))
        return _exists(task, task.c.id == version.c.task_id, _named(task, name), outer=version)
    return _in_run(version, function, name, is_seek=is_seek)


def _used(what: str, name: str, *, is_seek: bool) -> Condition:
    if what == "task":
        owner, leads, named = task, link.c.task_id, _named(task, name)
    else:
        owner, leads = run, link.c.run_id
        named = run.c.pipeline == name if what == "pipeline" else _named(run, name)
    if is_seek or what == "run":
        owners = select(owner.c.id).where(named).correlate(None)
        found = select(link.c.version_id).where(leads.in_(owners), _is_read())
        return version.c.id.in_(found.where(link.c.version_id.is_not(None)).correlate(None))
    inner = select(_ONE).where(link.c.version_id == version.c.id, _is_read())
    return inner.where(owner.c.id == leads, named).correlate(version).exists()


def _of_link(function: str, name: str, *, is_seek: bool) -> Condition:
    if function == "of_artifact":
        projects = select(version_kind.c.project).correlate(None)
        ids = select(artifact.c.id).where(artifact.c.project.in_(projects), artifact.c.name == name)
        ids = ids.correlate(None)
        inner = select(_ONE).where(
            version.c.id == link.c.version_id, version.c.artifact_id.in_(ids)
        )
        return inner.correlate(link).exists()
    if function == "of_task":
        if is_seek:
            return link.c.task_id.in_(select(task.c.id).where(_named(task, name)).correlate(None))
        return _exists(task, task.c.id == link.c.task_id, _named(task, name), outer=link)
    return _in_run(link, function, name, is_seek=is_seek)


def _in_run(table: Table, function: str, name: str, *, is_seek: bool) -> Condition:
    is_pipeline = function.endswith("pipeline")
    named = run.c.pipeline == name if is_pipeline else _named(run, name)
    if is_seek or not is_pipeline:
        return table.c.run_id.in_(select(run.c.id).where(named).correlate(None))
    return _exists(run, run.c.id == table.c.run_id, named, outer=table)


def _moves(table: Table, is_output: bool, name: str) -> Condition:
    """Tell whether a task or run has a link of that direction to a version of an artifact."""
    leads = link.c.task_id if table is task else link.c.run_id
    is_moved = link.c.io_type.in_(_OUTPUTS) if is_output else _is_read()
    inner = select(_ONE).where(leads == table.c.id, is_moved, link.c.version_id == version.c.id)
    inner = inner.where(artifact.c.id == version.c.artifact_id, artifact.c.name == name)
    return inner.correlate(table).exists()


def _is_read() -> Condition:
    return link.c.io_type.not_in(_OUTPUTS)


def _named(table: Table, name: str) -> Condition:
    return or_(table.c.id == name, table.c.name == name)


def _exists(table: Table, *conditions: Condition, outer: Table = version) -> Condition:
    return select(_ONE).select_from(table).where(*conditions).correlate(outer).exists()
