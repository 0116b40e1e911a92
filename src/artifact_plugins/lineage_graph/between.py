"""The ways from one version to another."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph.budget import Bounds
from artifact_plugins.lineage_graph.records import LineageEdge, LineageGraph
from artifact_plugins.lineage_graph.walk import Walk
from artifact_plugins.records import ArtifactVersion


def ways(
    ledger: Ledger,
    one: ArtifactVersion,
    other: ArtifactVersion,
    *,
    max_nodes: int,
    is_shortest: bool,
) -> LineageGraph:
    """Return what lies between two versions, whichever of them came first.

    Args:
        max_nodes: How much is searched; a search that ended there says `truncated`.
        is_shortest: Whether one way with the fewest tasks is enough.

    Returns:
        The graph from the later one back to the earlier one, which is its last
        node; without edges when no way was found.
    """
    earlier, later = sorted((one, other), key=lambda version: (version.created_at, version.id))
    searched = []
    for start, goal in ((later, earlier), (earlier, later)):
        found = _ways(ledger, start, goal, max_nodes, is_shortest)
        if found.edges or start.id == goal.id:
            return found
        # The clocks of two machines may disagree about which one came first.
        searched.append(found)
    nodes = {node.id: node for found in searched for node in found.nodes}
    return LineageGraph(
        roots=(later.id, earlier.id),
        nodes=(nodes[later.id], nodes[earlier.id]),
        edges=(),
        direction="between",
        truncated=any(found.truncated for found in searched),
    )


def _ways(
    ledger: Ledger,
    start: ArtifactVersion,
    goal: ArtifactVersion,
    max_nodes: int,
    is_shortest: bool,
) -> LineageGraph:
    walk = Walk(ledger, start, Bounds(max_nodes=max_nodes, parameters=False))
    graph = walk.upstream(goal=goal.id, is_nearest=is_shortest)
    edges = _edges_from(goal.id, graph.edges)
    if is_shortest:
        edges = _shortest(goal.id, start.id, edges)
    kept = {start.id, *(end for edge in edges for end in (edge.source, edge.target))} - {goal.id}
    nodes = [node for node in graph.nodes if node.id in kept]
    if goal.id != start.id:
        nodes += [node for node in graph.nodes if node.id == goal.id]
    return LineageGraph(
        roots=(start.id,),
        nodes=tuple(nodes) or graph.nodes[:1],
        edges=edges,
        direction="between",
        truncated=graph.truncated and not (is_shortest and edges),
    )


def _edges_from(source: str, edges: Iterable[LineageEdge]) -> tuple[LineageEdge, ...]:
    """Return the edges that can be reached from a node in the direction of the data."""
    below: dict[str, list[LineageEdge]] = defaultdict(list)
    for edge in edges:
        below[edge.source].append(edge)
    found: list[LineageEdge] = []
    seen, waiting = {source}, [source]
    while waiting:
        for edge in below[waiting.pop()]:
            found.append(edge)
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return tuple(found)


def _shortest(source: str, target: str, edges: Iterable[LineageEdge]) -> tuple[LineageEdge, ...]:
    """Return the edges of one way with as few tasks as possible."""
    below: dict[str, list[LineageEdge]] = defaultdict(list)
    for edge in edges:
        below[edge.source].append(edge)
    came: dict[str, LineageEdge] = {}
    waiting = deque([source])
    while waiting and target not in came:
        node = waiting.popleft()
        for edge in below[node]:
            if edge.target not in came and edge.target != source:
                came[edge.target] = edge
                waiting.append(edge.target)
    found = []
    node = target
    while node in came:
        found.append(came[node])
        node = came[node].source
    return tuple(found)
