"""What a run gives its caller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from artifact_plugins.errors import ArtifactMissingError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    LinkQuery,
    Run,
    Task,
    TaskQuery,
    TaskState,
    VersionQuery,
    check_name,
    every,
)
from artifact_plugins.session import Selection, Session
from artifact_plugins.steps.handles import value

if TYPE_CHECKING:
    from artifact_plugins.compat import KfpRun
    from artifact_plugins.lineage_graph import LineageGraph

_PAGE = 500


class PipelineRun:
    """One run: its records, and the values it produced.

    Attributes:
        id: Of the run.
        result: What the pipeline body returned: a handle, several, or None.
    """

    def __init__(self, session: Session, run_id: str) -> None:
        self._session = session
        self.id = run_id
        self.result: Any = None

    @property
    def record(self) -> Run:
        """The run as the ledger has it now."""
        return self._session.ledger.run(self.id)

    def value(self) -> Any:
        """Load what the pipeline body returned."""
        return value(self.result)

    def __getitem__(self, artifact: str) -> ArtifactVersion:
        """Return the one version that this run made of an artifact, or found in the cache.

        Raises:
            ArtifactMissingError: It made none, or several (mapped steps do).
        """
        found = self.versions(artifact)
        if len(found) == 1:
            return found[0]
        if found:
            raise ArtifactMissingError(
                f"run {self.record.name!r} made {len(found)} versions of {artifact!r}",
                hint=f"use run.versions({artifact!r})",
            )
        names = sorted({version.artifact for version in self.versions()})
        raise ArtifactMissingError(
            f"run {self.record.name!r} made no artifact {artifact!r}", hint=f"it made {names}"
        )

    def load(self, artifact: str, *, as_type: Any = Any, columns: Any = None) -> Any:
        """Load the one value that this run made of an artifact."""
        return self._session.loader.load(self[artifact], as_type, Selection(columns))

    def versions(self, artifact: str | None = None) -> list[ArtifactVersion]:
        """Return the versions that this run made, or found in the cache, oldest first."""
        name = check_name(artifact) if artifact is not None else None
        query = VersionQuery(run_id=self.id, artifact=name)
        made = every(self._session.ledger.versions, query, newest_first=False)
        return [*self._served(name), *made]

    def _served(self, name: str | None) -> list[ArtifactVersion]:
        """Return the versions of earlier runs that cached tasks gave out again."""
        tasks = [task.id for task in self.tasks() if task.state is TaskState.CACHED]
        ids = {
            link.version_id
            for batch in _batches(tasks)
            for link in every(self._session.ledger.links, LinkQuery(task_ids=batch))
            if link.io_type.is_output and link.version_id is not None
        }
        found = [
            version
            for batch in _batches(sorted(ids))
            for version in self._session.ledger.versions(
                VersionQuery(ids=batch, artifact=name), limit=1000, newest_first=False
            )
        ]
        return [version for version in found if version.run_id != self.id]

    def tasks(self) -> list[Task]:
        """Return the tasks of this run in the order in which they were opened."""
        return list(every(self._session.ledger.tasks, TaskQuery(run_id=self.id)))

    def links(self, *, compat: Literal["kfp"] | None = None) -> list[ArtifactTaskLink]:
        """Return what the tasks of this run read and wrote.

        Args:
            compat: `kfp`: the links of artifacts as Kubeflow Pipelines itself
                would have recorded them, without the links of parameters.
        """
        if compat == "kfp":
            return list(self.as_kfp().links)
        return list(every(self._session.ledger.links, LinkQuery(run_id=self.id)))

    def lineage(self) -> LineageGraph:
        """Return everything that the tasks of this run read and wrote as one graph."""
        from artifact_plugins.lineage_graph import run_graph  # late: few programs ask

        return run_graph(self._session.ledger, self.record)

    def as_kfp(self) -> KfpRun:
        """Return tasks, parameters and links as Kubeflow Pipelines would have recorded them."""
        from artifact_plugins.compat import render_kfp  # late: few programs ask

        return render_kfp(self.tasks(), self.links())

    def __repr__(self) -> str:
        record = self.record
        return f"<run {record.name} {record.state.value}>"


def _batches(ids: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(ids), _PAGE):
        yield tuple(ids[start : start + _PAGE])
