"""How far a walk goes, and what it has found so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from artifact_plugins.errors import InputError
from artifact_plugins.lineage_graph.records import (
    Direction,
    LineageEdge,
    LineageGraph,
    LineageNode,
)
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Task

MAX_NODES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a walk goes.

    Attributes:
        depth: How many tasks away from the start; None for all of them.
        width: Most links followed from one node; None for all of them.
        max_nodes: Stop there; the graph then says `truncated`.
        key: Of the first tasks, follow only this input.
        run_id: Follow only tasks of this run.
        parameters: Whether parameter values become nodes.
    """

    depth: int | None = None
    width: int | None = None
    max_nodes: int = MAX_NODES
    key: str | None = None
    run_id: str | None = None
    parameters: bool = True

    def __post_init__(self) -> None:
        for name, least in (("depth", 0), ("width", 1), ("max_nodes", 1)):
            given = getattr(self, name)
            if given is not None and (not isinstance(given, int) or given < least):
                raise InputError(
                    f"{name} of a lineage is {given!r}",
                    hint=f"give a whole number of at least {least}",
                )


class Found:
    """The nodes and edges of a walk; nothing is added beyond the limit of nodes.

    Attributes:
        truncated: Whether something had no room.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.truncated = False
        self.nodes: dict[str, LineageNode] = {}
        self._bounds = bounds
        self._edges: dict[str, LineageEdge] = {}
        self._degrees: Counter[str] = Counter()
        self._hidden: Counter[str] = Counter()

    def has_room(self) -> bool:
        """Tell whether one more node may be added; asking for it is the sign of more."""
        if len(self.nodes) < self._bounds.max_nodes:
            return True
        self.truncated = True
        return False

    def admit(self, node_id: str) -> bool:
        """Tell whether one more link of a node is followed; count it either way."""
        if self._bounds.width is not None and self._degrees[node_id] >= self._bounds.width:
            self._hidden[node_id] += 1
            return False
        self._degrees[node_id] += 1
        return True

    def add_version(self, version: ArtifactVersion) -> bool:
        """Add a version; tell whether it is new."""
        return self._add(LineageNode(version.id, "version", version=version))

    def add_task(self, task: Task) -> bool:
        """Add a task; tell whether it is new."""
        return self._add(LineageNode(task.id, "task", task=task))

    def _add(self, node: LineageNode) -> bool:
        if node.id in self.nodes or not self.has_room():
            return False
        self.nodes[node.id] = node
        return True

    def add_input(self, link: ArtifactTaskLink) -> None:
        """Add an input link of a known task, with its parameter."""
        source = link.version_id or link.id
        if link.task_id not in self.nodes:
            return
        if link.version_id is None and self._bounds.parameters:
            self._add(LineageNode(source, "parameter", value=link.value))
        if source in self.nodes:
            self._edges[link.id] = LineageEdge(source, link.task_id, link)

    def add_output(self, link: ArtifactTaskLink) -> None:
        """Add an output link between a known task and a known version."""
        target = link.version_id
        if target is not None and target in self.nodes and link.task_id in self.nodes:
            self._edges[link.id] = LineageEdge(link.task_id, target, link)

    def graph(self, direction: Direction, roots: tuple[str, ...]) -> LineageGraph:
        """Return what was found."""
        return LineageGraph(
            roots=roots,
            nodes=tuple(self.nodes.values()),
            edges=tuple(self._edges.values()),
            direction=direction,
            truncated=self.truncated,
            hidden={node: count for node, count in self._hidden.items() if node in self.nodes},
        )
