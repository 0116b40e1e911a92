"""Everything that the steps of one run read and made."""

from __future__ import annotations

from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph.budget import Bounds, Found
from artifact_plugins.lineage_graph.reading import LEAVES, Reader
from artifact_plugins.lineage_graph.records import LineageGraph
from artifact_plugins.records import ArtifactTaskLink, LinkQuery, TaskQuery, every


class RunWalk:
    """One walk over the links of a run, in the order in which they were written."""

    def __init__(self, ledger: Ledger, run_id: str, bounds: Bounds) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._read = Reader(ledger, 4 * bounds.max_nodes)
        self._found = Found(bounds)
        self._read_by: set[tuple[str, str]] = set()

    def graph(self) -> LineageGraph:
        """Return the steps, their versions and parameters; groups are left out."""
        for links in self._read.pages(LinkQuery(run_id=self._run_id)):
            self._add(links)
            if self._found.truncated:
                break
        else:
            # Steps that neither read nor made anything have no link.
            for task in every(self._ledger.tasks, TaskQuery(run_id=self._run_id)):
                if task.type in LEAVES and not self._found.truncated:
                    self._found.add_task(task)
        graph = self._found.graph("run", ())
        used = {edge.source for edge in graph.edges}
        roots = (node for node in graph.nodes if node.kind != "parameter")
        ends = tuple(node.id for node in roots if node.id not in used)
        return self._found.graph("run", ends)

    def _add(self, links: tuple[ArtifactTaskLink, ...]) -> None:
        found = self._found
        unknown = (link.task_id for link in links if link.task_id not in found.nodes)
        leaves = self._read.leaves(unknown)
        for task in leaves.values():
            found.add_task(task)
        own = [link for link in links if link.task_id in found.nodes]
        self._read_by.update(
            (link.task_id, link.version_id or "") for link in own if not link.io_type.is_output
        )
        own = [link for link in own if link.io_type.is_output or found.admit(link.task_id)]
        new = (
            one.version_id for one in own if one.version_id and one.version_id not in found.nodes
        )
        for version in self._read.versions(new):
            found.add_version(version)
        for link in own:
            if not link.io_type.is_output:
                found.add_input(link)
            elif (link.task_id, link.version_id or "") not in self._read_by:
                found.add_output(link)
