"""What differs between the two dialects of KFP's artifact API; everything else is the same.

M is what was merged in August 2026, S the branch of November 2025 that the
first documents of this API describe. A server refuses fields of the other one.

Source:
    kubeflow/pipelines, pull request 13986, and branch `mlmd-removal` at 3be92f4dcc.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from artifact_plugins.records import IOType, TaskType
from artifact_plugins.transport import quoted

LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})


class Dialect(StrEnum):
    """How a server is spoken to."""

    M = "M"
    S = "S"

    @property
    def knows_places(self) -> bool:
        """Whether a task created a second time at its place is known to be the same."""
        return self is Dialect.M

    def tasks_path(self, run_id: str, task_id: str | None = None) -> str:
        """Return the route of the tasks of a run, or of one of them."""
        base = f"/runs/{quoted(run_id)}/tasks" if self is Dialect.M else "/tasks"
        return base if task_id is None else f"{base}/{quoted(task_id)}"

    def tasks_query(self, run_id: str) -> dict[str, str]:
        """Return what a listing of the tasks of a run asks for beside its route."""
        return {} if self is Dialect.M else {"run_id": run_id}

    def artifact_item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request of an artifact; S wants a link type too and then ignores it."""
        return {**item} if self is Dialect.M else {**item, "type": IOType.OUTPUT.value}

    def row_type(self, io_type: IOType, *, is_leaf: bool) -> IOType:
        """Return the type of the row that a link is: in S an artifact comes as OUTPUT always."""
        is_made = self is Dialect.S and is_leaf and io_type is IOType.ITERATOR_OUTPUT
        return IOType.OUTPUT if is_made else io_type

    def link_type(self, io_type: IOType, iteration: int | None, *, is_leaf: bool) -> IOType:
        """Return the type of the link that a row is: the reverse of `row_type`."""
        is_made = self is Dialect.S and is_leaf and io_type is IOType.OUTPUT
        return IOType.ITERATOR_OUTPUT if is_made and iteration is not None else io_type
