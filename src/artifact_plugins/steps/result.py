"""What a run gives its caller."""

from __future__ import annotations

from typing import Any

from artifact_plugins.errors import ArtifactMissingError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    LinkQuery,
    Run,
    Task,
    TaskQuery,
    VersionQuery,
    check_name,
    every,
)
from artifact_plugins.session import Selection, Session
from artifact_plugins.steps.handles import value


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
        """Return the one version that this run made of an artifact.

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
        """Return the versions that this run made, in the order of their commits."""
        name = check_name(artifact) if artifact is not None else None
        query = VersionQuery(run_id=self.id, artifact=name)
        return list(every(self._session.ledger.versions, query, newest_first=False))

    def tasks(self) -> list[Task]:
        """Return the tasks of this run in the order in which they were opened."""
        return list(every(self._session.ledger.tasks, TaskQuery(run_id=self.id)))

    def links(self) -> list[ArtifactTaskLink]:
        """Return what the tasks of this run read and wrote."""
        return list(every(self._session.ledger.links, LinkQuery(run_id=self.id)))

    def __repr__(self) -> str:
        record = self.record
        return f"<run {record.name} {record.state.value}>"
