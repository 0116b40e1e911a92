"""The graph as a tree of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from artifact_plugins.lineage_graph.labels import ending, line

if TYPE_CHECKING:
    from artifact_plugins.lineage_graph.records import LineageEdge, LineageGraph, LineageNode

_LEVELS = 100


def draw(graph: LineageGraph) -> str:
    """Return the graph as lines of text; a node is drawn in full once."""
    return "\n".join(f"{prefix}{text}" for prefix, text in lines(graph))


def lines(graph: LineageGraph) -> Iterator[tuple[str, str]]:
    """Yield each line as what is drawn before it and its text."""
    nodes = {node.id: node for node in graph.nodes}
    below: dict[str, list[LineageEdge]] = {}
    for edge in graph.edges:
        below.setdefault(edge.target if graph.is_upstream else edge.source, []).append(edge)
    drawn: set[str] = set()
    for root in graph.roots:
        yield from _from(root, graph, nodes, below, drawn)
    if end := ending(graph):
        yield "", f"... {end}"


def _from(
    root: str,
    graph: LineageGraph,
    nodes: dict[str, LineageNode],
    below: dict[str, list[LineageEdge]],
    drawn: set[str],
) -> Iterator[tuple[str, str]]:
    """Draw without recursion: a chain may be longer than Python's stack."""
    drawn.add(root)
    yield "", nodes[root].label
    # An edge, or how many are hidden; what is drawn before it; its level.
    waiting: list[tuple[LineageEdge | int, str, int, bool]] = []

    def push(node: str, indent: str, level: int) -> None:
        children: list[LineageEdge | int] = [*below.get(node, ())]
        if node in graph.hidden:
            children.append(graph.hidden[node])
        places = [(child, indent, level, child is children[-1]) for child in children]
        waiting.extend(reversed(places))

    push(root, "", 1)
    while waiting:
        child, indent, level, is_last = waiting.pop()
        corner, bar = ("└── ", "    ") if is_last else ("├── ", "│   ")
        if isinstance(child, int):
            yield indent + corner, f"... {child} more"
            continue
        node = nodes[child.source if graph.is_upstream else child.target]
        text = line(child, node)
        if node.id in drawn:
            yield indent + corner, f"{text} (see above)"
            continue
        drawn.add(node.id)
        has_more = node.id in below or node.id in graph.hidden
        if has_more and level >= _LEVELS:
            text = f"{text} ... (deeper levels are not drawn)"
        elif has_more:
            push(node.id, indent + bar, level + 1)
        yield indent + corner, text
