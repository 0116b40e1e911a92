"""What can be asked about each kind of record: fields by glossary name, functions, orders.

A further kind is one more entry of `KINDS`; its rows are made in `search`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from artifact_plugins.records import IOType, RunState, SaveType, TaskState, TaskType

# An object is always there, if empty; json is any JSON value, and may be missing.
FieldType = Literal["text", "number", "boolean", "time", "object", "json", "labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that can be asked about a record.

    Attributes:
        table: Where it is kept; another table than the kind's is joined by
            the only foreign key to it.
        is_nullable: Whether a record may be without it.
        choices: All values there are; empty when any is possible.
        is_normal: Whether its text is kept in Unicode form NFC.
    """

    type: FieldType
    table: str
    column: str
    is_nullable: bool = False
    choices: tuple[str, ...] = ()
    is_normal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of record.

    Attributes:
        table: Its table.
        tie: The unique column that is the order of time, and ends every order.
        order: The order when none is asked for.
        by_time: Fields that are ordered by `tie`.
        functions: Number of arguments by name.
    """

    name: str
    table: str
    tie: str
    order: str
    by_time: frozenset[str]
    fields: Mapping[str, Field]
    functions: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def _own(table: str, **types: str) -> dict[str, Field]:
    """Describe columns: `name="text?"`; `?` may be missing, `!` is not in form NFC."""
    return {
        name: Field(
            type=type_.rstrip("?!"),  # type: ignore[arg-type]  # the tables below hold no others
            table=table,
            column=name,
            is_nullable="?" in type_,
            is_normal="!" not in type_,
        )
        for name, type_ in types.items()
    }


def _choice(
    table: str, column: str, choices: type[IOType | RunState | SaveType | TaskState | TaskType]
) -> Field:
    return Field(type="text", table=table, column=column, choices=tuple(map(str, choices)))


def _via(table: str, column: str) -> Field:
    return Field(type="text", table=table, column=column)


_NAME = _via("artifact", "name")

VERSIONS = Kind(
    name="versions",
    table="version",
    tie="seq",
    order="-created_at",
    by_time=frozenset({"created_at"}),
    fields={
        **_own("version", id="text", version="number", version_name="text?"),
        "name": _NAME,
        "artifact": _NAME,
        "project": _via("version_kind", "project"),
        "artifact_type": _via("version_kind", "artifact_type"),
        "data_type": _via("version_kind", "data_type"),
        **_own(
            "version",
            materializer="text?",
            artifact_task="text?",
            parameters="object?",
            format="text",
            plugin_snapshot="text?",
            uri="text!",
            size_bytes="number",
            is_directory="boolean",
            content_hash="text",
            manifest_digest="text?",
            description="text?",
            tags="labels?",
            aliases="labels?",
            metadata="object?",
            run_id="text?",
            task_id="text?",
            item_count="number?",
            created_at="time",
            updated_at="time?",
            created_by="text",
            deleted_at="time?",
        ),
        "save_type": _choice("version", "save_type", SaveType),
    },
    functions={
        "used_by_run": 1,
        "used_by_task": 1,
        "used_by_pipeline": 1,
        "produced_by_run": 1,
        "produced_by_task": 1,
        "produced_by_pipeline": 1,
        "unused": 0,
        "has_custom_name": 0,
    },
)

LINKS = Kind(
    name="links",
    table="link",
    tie="seq",
    order="id",
    by_time=frozenset({"id"}),
    fields={
        **_own("link", id="text", run_id="text", task_id="text", key="text"),
        "io_type": _choice("link", "io_type", IOType),
        "producer.task_name": Field(type="text", table="link", column="producer_task"),
        "producer.iteration": Field(
            type="number", table="link", column="producer_iteration", is_nullable=True
        ),
        **_own("link", position="number", version_id="text?", value="json?"),
        "project": _via("run", "project"),
    },
    functions={"of_task": 1, "of_run": 1, "of_pipeline": 1, "of_artifact": 1},
)

TASKS = Kind(
    name="tasks",
    table="task",
    tie="id",
    order="id",
    by_time=frozenset({"id"}),
    fields={
        **_own("task", id="text", run_id="text", parent_id="text?", name="text"),
        **_own("task", scope_path="text", iteration_index="number?", iteration_count="number?"),
        "type": _choice("task", "type", TaskType),
        "state": _choice("task", "state", TaskState),
        **_own("task", attempt="number", code_snapshot="text?", cache_key="text?"),
        **_own("task", started_at="time", ended_at="time?", error="text?!"),
        "project": _via("run", "project"),
    },
    functions={"of_run": 1, "of_pipeline": 1, "reads": 1, "writes": 1},
)

RUNS = Kind(
    name="runs",
    table="run",
    tie="id",
    order="-id",
    by_time=frozenset({"id"}),
    fields={
        **_own("run", id="text", project="text", pipeline="text", name="text"),
        "state": _choice("run", "state", RunState),
        **_own("run", parameters="object?", external_ids="object?"),
        **_own("run", started_at="time", ended_at="time?", error="text?!"),
    },
    functions={"reads": 1, "writes": 1},
)

SNAPSHOTS = Kind(
    name="snapshots",
    table="plugin_snapshot",
    tie="seq",
    order="-created_at",
    by_time=frozenset({"created_at"}),
    fields={
        **_own("plugin_snapshot", id="text", plugin="text", entry_object="text"),
        **_own("plugin_snapshot", python_version="text", archives="json", libraries="object?"),
        **_own("plugin_snapshot", created_at="time"),
    },
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (VERSIONS, LINKS, TASKS, RUNS, SNAPSHOTS)}
