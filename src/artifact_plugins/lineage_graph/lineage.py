"""The questions that can be asked about one version, and about a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph.between import ways
from artifact_plugins.lineage_graph.budget import MAX_NODES, Bounds
from artifact_plugins.lineage_graph.records import LineageGraph
from artifact_plugins.lineage_graph.walk import Walk
from artifact_plugins.lineage_graph.whole_run import RunWalk
from artifact_plugins.records import ArtifactVersion


class HasId(Protocol):
    """A run in whatever form: its record, or what a pipeline returned."""

    @property
    def id(self) -> str:
        """The id of the run."""


class Lineage:
    """Where one version comes from, and what was made of it.

    Args:
        ledger: Where the links are.
        version: Whose links to follow.
        find: Turns a reference into a version; without it a reference is an id.

    Attributes:
        version: The version that is asked about.
    """

    def __init__(
        self,
        ledger: Ledger,
        version: ArtifactVersion,
        *,
        find: Callable[[str], ArtifactVersion] | None = None,
    ) -> None:
        self.version = version
        self._ledger = ledger
        self._find = find or ledger.version

    def upstream(
        self,
        depth: int | None = None,
        *,
        key: str | None = None,
        run: str | HasId | None = None,
        width: int | None = None,
        max_nodes: int = MAX_NODES,
    ) -> LineageGraph:
        """Walk back to the parameters and source data.

        Args:
            depth: How many tasks to go back; None for all of them.
            key: Follow only this input of the task that made the version.
            run: Follow only tasks of this run (id, name, record, or what a pipeline returned).
            width: Most inputs shown of one task; the graph counts the others.
            max_nodes: Stop there; the graph then says `truncated`.

        Raises:
            InputError: A bound is no whole number that makes sense.
            ArtifactMissingError: There is no such run.
        """
        bounds = self._bounds(depth, key, run, width, max_nodes)
        return Walk(self._ledger, self.version, bounds).upstream()

    def downstream(
        self,
        depth: int | None = None,
        *,
        key: str | None = None,
        run: str | HasId | None = None,
        width: int | None = None,
        max_nodes: int = MAX_NODES,
    ) -> LineageGraph:
        """Walk forward to everything that was made of it.

        Args:
            depth: How many tasks to go forward; None for all of them.
            key: Follow only tasks that read the version as this input.
            run: Follow only tasks of this run (id, name, record, or what a pipeline returned).
            width: Most uses shown of one version, most outputs of one task.
            max_nodes: Stop there; the graph then says `truncated`.

        Raises:
            InputError: A bound is no whole number that makes sense.
            ArtifactMissingError: There is no such run.
        """
        bounds = self._bounds(depth, key, run, width, max_nodes)
        return Walk(self._ledger, self.version, bounds).downstream()

    def between(self, other: str | ArtifactVersion, *, max_nodes: int = MAX_NODES) -> LineageGraph:
        """Return every way between this version and another, whichever came first.

        Returns:
            Tasks and versions on the ways, from the later version back to the
            earlier one; without edges when neither was made of the other.
        """
        return self._ways(other, max_nodes, is_shortest=False)

    def path_to(self, other: str | ArtifactVersion, *, max_nodes: int = MAX_NODES) -> LineageGraph:
        """Return one way with as few tasks as possible; otherwise as `between`."""
        return self._ways(other, max_nodes, is_shortest=True)

    def _ways(
        self, other: str | ArtifactVersion, max_nodes: int, *, is_shortest: bool
    ) -> LineageGraph:
        found = other if isinstance(other, ArtifactVersion) else self._find(other)
        return ways(self._ledger, self.version, found, max_nodes=max_nodes, is_shortest=is_shortest)

    def _bounds(
        self,
        depth: int | None,
        key: str | None,
        run: str | HasId | None,
        width: int | None,
        max_nodes: int,
    ) -> Bounds:
        run_id = None if run is None else _run_id(self._ledger, run)
        return Bounds(depth=depth, key=key, run_id=run_id, width=width, max_nodes=max_nodes)


def run_graph(
    ledger: Ledger, run: str | HasId, *, width: int | None = None, max_nodes: int = MAX_NODES
) -> LineageGraph:
    """Return everything that the steps of a run read and made.

    Args:
        ledger: Where the links are.
        run: Id, name, record, or what a pipeline returned.
        width: Most inputs shown of one task; the graph counts the others.
        max_nodes: Stop there; the graph then says `truncated`.

    Raises:
        InputError: A bound is no whole number that makes sense.
        ArtifactMissingError: There is no such run.
    """
    run_id = _run_id(ledger, run)
    return RunWalk(ledger, run_id, Bounds(width=width, max_nodes=max_nodes)).graph()


def _run_id(ledger: Ledger, run: str | HasId) -> str:
    return ledger.run(run).id if isinstance(run, str) else run.id
