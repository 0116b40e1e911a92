"""The graph as one JSON document with a stable schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.lineage_graph.records import LineageGraph, LineageNode

FORMAT = "artifact_plugins.lineage/1"


def draw(graph: LineageGraph) -> dict[str, Any]:
    """Return the document.

    Returns:
        `format`, `root`, `roots`, `direction`, `truncated`; `hidden`: number of
        links left out by node id; `nodes`: `id`, `kind`, `label` and the whole
        record as `version` or `task`, or the `value`; `edges`: `source`,
        `target` and the whole `link`.
    """
    return {
        "format": FORMAT,
        "root": graph.root,
        "roots": list(graph.roots),
        "direction": graph.direction,
        "truncated": graph.truncated,
        "hidden": dict(graph.hidden),
        "nodes": [_node(node) for node in graph.nodes],
        "edges": [
            {"source": e.source, "target": e.target, "link": e.link.model_dump(mode="json")}
            for e in graph.edges
        ],
    }


def _node(node: LineageNode) -> dict[str, Any]:
    record = node.version or node.task
    kind, content = (
        ("value", node.value) if record is None else (node.kind, record.model_dump(mode="json"))
    )
    return {"id": node.id, "kind": node.kind, "label": node.label, kind: content}
