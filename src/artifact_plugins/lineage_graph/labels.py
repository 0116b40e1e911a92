"""How links and nodes are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.records import ArtifactTaskLink, IOType

if TYPE_CHECKING:
    from artifact_plugins.lineage_graph.records import LineageEdge, LineageGraph, LineageNode


def port(link: ArtifactTaskLink) -> str:
    """Return `delays[2] COLLECTED_INPUTS from mean#2`."""
    is_list = link.position > 0 or link.io_type is IOType.COLLECTED_INPUTS
    key = f"{link.key}[{link.position}]" if is_list else link.key
    producer = "" if link.io_type.is_output or not str(link.producer) else f" from {link.producer}"
    return f"{key} {link.io_type.value}{producer}"


def line(edge: LineageEdge, node: LineageNode) -> str:
    """Return a node as it is written below another one."""
    text = port(edge.link)
    if node.task is not None:
        return f"{node.label} [{node.task.state.value}] ({text})"
    if node.version is not None:
        return f"{node.label} ({text})"
    key, _, rest = text.partition(" ")
    return f"{key} = {node.label} ({rest})"


def title(graph: LineageGraph) -> str:
    """Return what the graph is of."""
    labels = {node.id: node.label for node in graph.nodes}
    root = labels.get(graph.root, "nothing")
    if graph.direction == "between":
        return f"From {graph.nodes[-1].label if graph.nodes else 'nothing'} to {root}"
    if graph.direction == "run":
        return f"Lineage of a run that made {root}"
    return f"{graph.direction.capitalize()} of {root}"


def ending(graph: LineageGraph) -> str:
    """Return what tells that a graph is not whole; empty when it is."""
    return f"stopped after {len(graph.nodes)} nodes" if graph.truncated else ""
