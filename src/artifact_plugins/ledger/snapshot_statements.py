"""The statements of plugin snapshots; a part of `statements`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Select, bindparam, select

from artifact_plugins.ledger.schema import plugin_snapshot
from artifact_plugins.ledger.statement_parts import Names, PerDialect, insert_row

SNAPSHOT_COLUMNS = tuple(one.name for one in plugin_snapshot.columns if one.name != "seq")

# What `rows.snapshot_record` reads, then the order of commits.
SNAPSHOTS: Select[Any] = select(
    *(plugin_snapshot.c[name] for name in SNAPSHOT_COLUMNS), plugin_snapshot.c.seq
)

STATEMENTS_OF_SNAPSHOTS: dict[str, tuple[ClauseElement | PerDialect, Names]] = {
    # The first one stays: with it the time at which this ledger heard of it.
    "ADD_SNAPSHOT": (
        insert_row(plugin_snapshot, SNAPSHOT_COLUMNS).on_conflict_do_nothing(),
        SNAPSHOT_COLUMNS,
    ),
    "SNAPSHOT_BY_ID": (SNAPSHOTS.where(plugin_snapshot.c.id == bindparam("id")), ("id",)),
}

WHERE: dict[str, ColumnElement[bool]] = {
    "ids": plugin_snapshot.c.id.in_([bindparam("ids")]),
    "plugin": plugin_snapshot.c.plugin == bindparam("plugin"),
}
