"""The graph as a Mermaid flowchart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.lineage_graph.labels import ending, port

if TYPE_CHECKING:
    from artifact_plugins.lineage_graph.records import LineageGraph

_SHAPES = {"version": ('["', '"]'), "task": ('(["', '"])'), "parameter": ('{{"', '"}}')}


def draw(graph: LineageGraph) -> str:
    """Return the flowchart; nothing in it is taken for Mermaid that is a name or a value."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        before, after = _SHAPES[node.kind]
        lines.append(f"    {names[node.id]}{before}{_text(node.label)}{after}")
    for edge in graph.edges:
        text = _text(port(edge.link))
        lines.append(f'    {names[edge.source]} -->|"{text}"| {names[edge.target]}')
    for number, (node_id, count) in enumerate(graph.hidden.items()):
        lines.append(f'    {names[node_id]} -.- h{number}["{count} more"]')
    if end := ending(graph):
        lines.append(f'    more["{end}"]')
    lines += [f"    style {names[root]} stroke-width:3px" for root in graph.roots]
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    # Mermaid has its own entity codes; everything that could end a label is one.
    return "".join(c if c.isalnum() or c in " _-.@=,/" else f"#{ord(c)};" for c in text)
