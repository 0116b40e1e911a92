"""The walks: level by level, so that queries grow with the levels and not with the nodes."""

from __future__ import annotations

from collections.abc import Iterable

from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph.budget import Bounds, Found
from artifact_plugins.lineage_graph.reading import INPUTS, OUTPUTS, Reader
from artifact_plugins.lineage_graph.records import Direction, LineageGraph
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Task, TaskState


class Walk:
    """One walk from one version."""

    def __init__(self, ledger: Ledger, root: ArtifactVersion, bounds: Bounds) -> None:
        self._root = root
        self._bounds = bounds
        # A fan-in may bring several links for one node, but not without end.
        self._read = Reader(ledger, 4 * bounds.max_nodes)
        self.found = Found(bounds)
        self.found.add_version(root)

    def upstream(self, *, goal: str | None = None, is_nearest: bool = False) -> LineageGraph:
        """Walk back to the parameters and source data.

        Args:
            goal: Id of a version behind which nothing matters.
            is_nearest: Whether nothing matters at all once the goal is found.
        """
        frontier, level = [self._root], 0
        while frontier and not self._is_over(level):
            read = [link for link in self._makers(frontier) if self._is_wanted(link, level)]
            admitted = [link for link in read if self.found.admit(link.task_id)]
            frontier = self._add_versions(link.version_id for link in admitted)
            for link in admitted:
                self.found.add_input(link)
            if is_nearest and goal in self.found.nodes:
                break
            frontier = [version for version in frontier if version.id != goal]
            level += 1
        return self._graph("upstream")

    def downstream(self) -> LineageGraph:
        """Walk forward to everything that was made of it."""
        frontier, level = [self._root], 0
        while frontier and not self._is_over(level):
            ids = [version.id for version in frontier]
            frontier = []
            # A page at a time: a version may be read a million times.
            for page in self._read.pages_of("version_ids", ids, INPUTS):
                frontier += self._readers([link for link in page if self._is_wanted(link, level)])
                if self.found.truncated:
                    break
            level += 1
        return self._graph("downstream")

    def _graph(self, direction: Direction) -> LineageGraph:
        self.found.truncated = self.found.truncated or self._read.overflowed
        return self.found.graph(direction, (self._root.id,))

    def _is_over(self, level: int) -> bool:
        is_deep = self._bounds.depth is not None and level >= self._bounds.depth
        # With a width, a listing that was cut has still given all that is followed.
        is_cut = self._read.overflowed and self._bounds.width is None
        return is_deep or self.found.truncated or is_cut

    def _is_wanted(self, link: ArtifactTaskLink, level: int) -> bool:
        bounds = self._bounds
        is_key = level > 0 or bounds.key is None or link.key == bounds.key
        return is_key and bounds.run_id in (None, link.run_id)

    def _makers(self, versions: list[ArtifactVersion]) -> list[ArtifactTaskLink]:
        """Add the tasks that made these versions; return the input links of the new ones.

        A version knows its task. One that does not (it was there before) is
        shown with the first importer or step that brought it in; later cache
        hits and imports of the same version are uses of it, not its origin.
        Inside one run the task that wrote it there counts, a cache hit too.
        """
        wanted = {version.id for version in versions}
        run_id = self._bounds.run_id
        own: dict[str, None] = {}
        if run_id is None:
            own = dict.fromkeys(one.task_id for one in versions if one.task_id is not None)
        links = self._read.links("task_ids", own)
        writes = [one for one in links if one.io_type.is_output and one.version_id in wanted]
        known = {link.version_id for link in writes}
        others = [version.id for version in versions if version.id not in known]
        strange = self._read.links("version_ids", others, OUTPUTS, run_id=run_id)
        handed_on = self._read.handed_on(strange)
        writes += [one for one in strange if (one.task_id, one.version_id) not in handed_on]
        leaves = self._read.leaves(one.task_id for one in writes)
        made: set[str | None] = set()
        new: set[str] = set()
        for link in writes:
            task = leaves.get(link.task_id)
            if task is not None and link.version_id not in made:
                made.add(link.version_id)
                new |= {task.id} if self.found.add_task(task) else set()
                self.found.add_output(link)
        late = new - own.keys()
        inputs = self._read.links("task_ids", late, INPUTS) if late else []
        return [
            one for one in (*links, *inputs) if one.task_id in new and not one.io_type.is_output
        ]

    def _readers(self, reads: list[ArtifactTaskLink]) -> list[ArtifactVersion]:
        """Add the tasks that read by these links and what they made; return what is new."""
        leaves = self._read.leaves(link.task_id for link in reads)
        reads = [one for one in reads if one.task_id in leaves]
        shown = [one for one in reads if self.found.admit(one.version_id or "")]
        waiting = {one.task_id: leaves[one.task_id] for one in shown}
        writes = self._read.links(
            "task_ids", [one for one in waiting if one not in self.found.nodes], OUTPUTS
        )
        made, writes = self._made(writes, waiting)
        for task in waiting.values():
            self.found.add_task(task)
        for link in shown:
            self.found.add_input(link)
        writes = [one for one in writes if self.found.admit(one.task_id)]
        new = [
            made[version]
            for version in dict.fromkeys(one.version_id or "" for one in writes)
            if version in made and self.found.add_version(made[version])
        ]
        for link in writes:
            self.found.add_output(link)
        return new

    def _made(
        self, writes: list[ArtifactTaskLink], waiting: dict[str, Task]
    ) -> tuple[dict[str, ArtifactVersion], list[ArtifactTaskLink]]:
        """Return the versions written and their links, without what was only handed on.

        A task that hands on everything it writes makes nothing: it is taken
        out of `waiting`.
        """
        made = {one.id: one for one in self._read.versions(one.version_id or "" for one in writes)}
        strange = [one for one in writes if self._is_strange(one, made, waiting)]
        handed_on = self._read.handed_on(strange)
        kept = [one for one in writes if (one.task_id, one.version_id) not in handed_on]
        makers = {one.task_id for one in kept}
        for task_id, _ in handed_on:
            if task_id not in makers:
                waiting.pop(task_id, None)
        return made, kept

    def _is_strange(
        self,
        link: ArtifactTaskLink,
        made: dict[str, ArtifactVersion],
        waiting: dict[str, Task],
    ) -> bool:
        """Tell whether a task may only have handed on what it wrote: others made it."""
        version = made.get(link.version_id or "")
        is_hit = waiting[link.task_id].state is TaskState.CACHED
        return version is not None and version.task_id != link.task_id and not is_hit

    def _add_versions(self, ids: Iterable[str | None]) -> list[ArtifactVersion]:
        wanted = [one for one in dict.fromkeys(ids) if one and one not in self.found.nodes]
        room = self._bounds.max_nodes - len(self.found.nodes)
        if len(wanted) > room:
            self.found.truncated = True
        return [v for v in self._read.versions(wanted[:room]) if self.found.add_version(v)]
