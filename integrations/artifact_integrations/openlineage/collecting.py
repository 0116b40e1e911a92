"""Read the records of a run from a session: what `run_events` takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from artifact_integrations.openlineage.emitting import to_json_lines
from artifact_integrations.openlineage.events import run_events
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    LinkQuery,
    Run,
    Task,
    TaskQuery,
    VersionQuery,
    every,
)

if TYPE_CHECKING:
    from artifact_plugins import Session

_CHUNK = 500


class HasId(Protocol):
    """A run in whatever form: its record, or what a pipeline returned."""

    @property
    def id(self) -> str:
        """The id of the run."""


def collect(
    session: Session, run: str | HasId
) -> tuple[Run, list[Task], list[ArtifactTaskLink], list[ArtifactVersion]]:
    """Return a run, its tasks, its links and every version that they name.

    Args:
        session: Where to read.
        run: Id, name, record, or what a pipeline returned.

    Raises:
        ArtifactMissingError: There is no such run.
    """
    ledger = session.ledger
    found = run if isinstance(run, Run) else ledger.run(run if isinstance(run, str) else run.id)
    tasks = list(every(ledger.tasks, TaskQuery(run_id=found.id)))
    links = list(every(ledger.links, LinkQuery(run_id=found.id)))
    return found, tasks, links, list(_versions(session, links))


def draw(session: Session, run: Run) -> str:
    """Return the events of a run as lines of JSON: the format `openlineage` of the program."""
    return to_json_lines(run_events(*collect(session, run)))


def _versions(session: Session, links: list[ArtifactTaskLink]) -> Iterator[ArtifactVersion]:
    named = (link.version_id for link in links if link.version_id is not None)
    ids = tuple(dict.fromkeys(named))
    for start in range(0, len(ids), _CHUNK):
        query = VersionQuery(ids=ids[start : start + _CHUNK], is_deleted=None)
        yield from session.ledger.versions(query, limit=1000)
