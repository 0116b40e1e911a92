"""What a walk found: versions, tasks and parameter values, and the links between them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from artifact_plugins.lineage_graph import document, mermaid, page, tree
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Task

Direction: TypeAlias = Literal["upstream", "downstream", "between", "run"]
_VALUE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A version, a task or a parameter value.

    Attributes:
        id: Of the version or task; of its link for a parameter.
        kind: Which of the three it is.
        version: The record of a version, else None.
        task: The record of a task, else None.
        value: The JSON value of a parameter, else None.
    """

    id: str
    kind: Literal["version", "task", "parameter"]
    version: ArtifactVersion | None = None
    task: Task | None = None
    value: Any = None

    @property
    def label(self) -> str:
        """A short name for people: `flights@3 (Dataset)`, `mean#2`, `"UA"`."""
        if self.version is not None:
            gone = ", deleted" if self.version.deleted_at is not None else ""
            return f"{self.version} ({self.version.artifact_type}{gone})"
        if self.task is not None:
            index = self.task.iteration_index
            return self.task.name if index is None else f"{self.task.name}#{index}"
        text = json.dumps(self.value, ensure_ascii=False)
        return text if len(text) <= _VALUE_CHARACTERS else text[: _VALUE_CHARACTERS - 3] + "..."


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """A link in the direction of the data: from `source` to `target` (node ids)."""

    source: str
    target: str
    link: ArtifactTaskLink


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """What a walk found.

    Attributes:
        roots: Where it starts, node ids: the version that was asked about, or
            what a run made and did not read again.
        nodes: Versions, tasks and parameters, nearest to the roots first.
        edges: Links between them.
        direction: What was asked.
        truncated: Whether it stopped at the limit of nodes.
        hidden: By node id, how many more links it has than the width allows.
    """

    roots: tuple[str, ...]
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    direction: Direction
    truncated: bool = False
    hidden: Mapping[str, int] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The id of the first root; empty when a run has none."""
        return self.roots[0] if self.roots else ""

    @property
    def is_upstream(self) -> bool:
        """Whether it is drawn from what was made to what it was made of."""
        return self.direction != "downstream"

    def tree(self) -> str:
        """Return the graph as lines of text; a node is drawn in full once."""
        return tree.draw(self)

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        return mermaid.draw(self)

    def html(self) -> str:
        """Return one page that needs nothing else: no scripts, no other files."""
        return page.draw(self)

    def to_json(self) -> dict[str, Any]:
        """Return the graph as JSON values; times are ISO 8601 in UTC."""
        return document.draw(self)
