"""Turns a scenario of `kfp_table` into records and back into lines."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from textwrap import dedent
from typing import Any

from kfp_table import SCENARIOS

from artifact_plugins.compat import KfpRun
from artifact_plugins.records import (
    ArtifactTaskLink,
    IOType,
    Producer,
    Task,
    TaskState,
    TaskType,
    new_id,
)

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_TASK = re.compile(
    r"(?P<indent> *)(?P<name>[\w-]+)(#(?P<index>\d+))?( (?P<type>[A-Z_]+?))??( x(?P<count>\d+))?"
    r"( (?P<state>FAILED|SKIPPED|CACHED))?( -> (?P<kfp>[A-Z_]+))?"
)


@dataclass(frozen=True)
class Line:
    """One link: as ours and as KFP's; None where there is none."""

    row: int | None
    loses: bool
    clean: str | None
    kfp: str | None


class Scenario:
    """The records of one run, and what KFP makes of each line."""

    def __init__(self, text: str) -> None:
        lines = [line.rstrip() for line in dedent(text).splitlines() if line.strip()]
        self.run_id = new_id()
        self.tasks: list[Task] = []
        self.kfp_types: dict[str, str] = {}
        self._labels: dict[str, str] = {}  # the path with every iteration
        self.links: list[ArtifactTaskLink] = []
        self.lines: list[Line] = []
        self._positions: dict[tuple[str, ...], int] = defaultdict(int)
        path: list[Task] = []
        for line in lines:
            if "|" in line:
                self._add_link(*[cell.strip() for cell in line.split("|")])
            else:
                self._add_task(line, path)

    def _add_task(self, line: str, path: list[Task]) -> None:
        found = _TASK.fullmatch(line)
        assert found is not None, line
        del path[len(found["indent"]) // 2 :]
        parent = path[-1] if path else None
        index = int(found["index"]) if found["index"] else None
        if index is None and parent is not None and parent.type is not TaskType.LOOP:
            index = parent.iteration_index
        shown = found["name"] if index is None else f"{found['name']}#{index}"
        in_loop = parent is not None and parent.type is TaskType.LOOP
        own = shown if in_loop else found["name"]
        task = Task(
            id=new_id(),
            run_id=self.run_id,
            parent_id=parent.id if parent else None,
            name=found["name"],
            scope_path=f"{parent.scope_path}/{own}" if parent else own,
            type=TaskType(found["type"] or "RUNTIME"),
            iteration_index=index,
            iteration_count=int(found["count"]) if found["count"] else None,
            state=TaskState(found["state"] or "SUCCEEDED"),
            started_at=WHEN,
            ended_at=WHEN,
        )
        above = self._labels[parent.id] if parent else ""
        self._labels[task.id] = f"{above}/{shown}"
        self.kfp_types[task.id] = found["kfp"] or task.type.value
        self.tasks.append(task)
        path.append(task)

    def _add_link(self, row: str, task: str, key: str, value: str, clean: str, kfp: str) -> None:
        number = int(row.rstrip("!")) if row != "." else None
        if clean == "no link":
            self.lines.append(Line(number, False, None, None))
            return
        owner, (io_type, producer) = self.task(task), said(clean)
        task = self.name(owner.id)
        place = self._positions[owner.id, io_type, key]
        self._positions[owner.id, io_type, key] += 1
        link = ArtifactTaskLink(
            id=new_id(),
            run_id=self.run_id,
            task_id=owner.id,
            io_type=IOType(io_type),
            key=key,
            producer=producer,
            position=place,
            version_id=None if value.startswith("=") else value,
            value=json.loads(value[1:]) if value.startswith("=") else None,
        )
        self.links.append(link)
        rendered = None
        if kfp != "-":
            changed, _, kept = (clean if kfp == "=" else kfp).partition(" =")
            rendered = shown(task, key, f"={kept}" if kept else value, *said(changed))
        line = shown(task, key, value, io_type, producer) + f" [{place}]"
        self.lines.append(Line(number, row.endswith("!"), line, rendered))

    def task(self, reference: str) -> Task:
        """Return the task that a line names by the end of its path."""
        found = [t for t in self.tasks if self._labels[t.id].endswith(f"/{reference}")]
        assert len(found) == 1, f"{reference}: {[task.scope_path for task in found]}"
        return found[0]

    def name(self, task_id: str) -> str:
        """Return the shortest end of a task's path that names only it."""
        parts = self._labels[task_id].split("/")[1:]
        ends = ["/".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        return next(
            end
            for end in ends
            if sum(label.endswith(f"/{end}") for label in self._labels.values()) == 1
        )

    def clean_lines(self, links: Iterable[ArtifactTaskLink]) -> list[str]:
        """Return links of our form as lines, sorted."""
        return sorted(
            shown(self.name(one.task_id), one.key, text_of(one), one.io_type.value, one.producer)
            + f" [{one.position}]"
            for one in links
        )

    def kfp_lines(self, run: KfpRun) -> list[str]:
        """Return artifact links and parameters as lines, sorted."""
        lines = [
            shown(self.name(one.task_id), one.key, text_of(one), one.io_type.value, one.producer)
            for one in run.links
        ]
        for task in run.tasks:
            for one in (*task.inputs, *task.outputs):
                value = f"={compact(one.value)}"
                name = self.name(task.id)
                lines.append(shown(name, one.parameter_key, value, one.io_type.value, one.producer))
        return sorted(lines)


def said(text: str) -> tuple[str, Producer]:
    """Read `ITERATOR_OUTPUT use#0`."""
    io_type, _, producer = text.partition(" ")
    name, _, index = producer.strip().partition("#")
    return io_type, Producer(task_name=name, iteration=int(index) if index else None)


def shown(task: str, key: str, value: str, io_type: str, producer: Producer) -> str:
    return f"{task} {io_type} {value} {producer} {key}"


def text_of(link: ArtifactTaskLink) -> str:
    return link.version_id or f"={compact(link.value)}"


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@cache
def scenario(name: str) -> Scenario:
    return Scenario(SCENARIOS[name])


def rows() -> dict[int, list[str]]:
    """Return the numbers of the table with the scenarios that have them."""
    found: dict[int, list[str]] = defaultdict(list)
    for name in SCENARIOS:
        for line in scenario(name).lines:
            if line.row is not None and name not in found[line.row]:
                found[line.row].append(name)
    return dict(sorted(found.items()))
