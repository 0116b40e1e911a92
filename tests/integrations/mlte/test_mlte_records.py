"""A real run arrives in every store of MLTE: equal records, closed links, each once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from server_environments import ServerProcess

import artifact_plugins as ap
from artifact_integrations.mlte.backend import MlteBackend
from artifact_plugins.records import LinkQuery, TaskQuery, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

pytestmark = pytest.mark.server
Raw = Callable[..., tuple[int, Any]]

HERE = Path(__file__).parent
HOSTILE = {
    "path": "../../etc/passwd",
    "sql": "'; DROP TABLE artifact; --",
    "html": "<script>alert(1)</script>",
    "dashes --- and ___": "---/___",
    "emoji": "\U0001f600 é́ \u202e",
    "numbers": [2**53 + 1, -(2**63), 1.0, 1, 1e308, 5e-324, -0.0],
    "empty": {"": [], "null": None},
}


@ap.step
def load(month: int) -> Annotated[list[float], ap.Output("flights", tags=["raw"])]:
    return [month / 3, -0.0]


@ap.step(cache=True)
def mean(flights: list[float]) -> float:
    ap.log_artifact("plot", {"kind": "bar"})
    ap.log_metadata({"rmse": 0.1})
    return flights[0]


@ap.step
def rank(delays: list[float], carrier: str = "UA") -> Annotated[dict[str, float], "ranking"]:
    return {carrier: max(delays)}


@ap.step
def fail(ranking: dict[str, float]) -> int:
    raise ValueError("as told")


@ap.pipeline
def delays(months: list[int] = [1, 2]) -> Any:
    flights = load.map(month=months)
    return rank(mean.map(flights=flights))


@ap.pipeline
def failing() -> Any:
    return fail(rank([1.0, 2.0]))


def links_in_ledger(session: ap.Session, run_id: str) -> list[Any]:
    found = every(session.ledger.links, LinkQuery(run_id=run_id))
    return sorted(found, key=lambda link: link.id)


def test_records_come_back_equal(backend: MlteBackend, session: ap.Session) -> None:
    """Every version that a run, a cache hit or a hand made equals its record on the server."""
    delays()
    delays()  # its means are cache hits
    ap.save({"k": 1.0}, "by hand", tags=["raw"], metadata=HOSTILE)

    notes = drive(session, backend)

    versions = tuple(every(session.ledger.versions, VersionQuery()))
    assert len(versions) >= 10
    for version in versions:
        external_id = notes.external("version", version.id)["external_id"]
        assert backend.version(external_id).record == version


def test_links_come_back_equal_and_lead_somewhere(
    backend: MlteBackend, session: ap.Session
) -> None:
    """The links of a run equal the ledger's, and each version that they name has its document."""
    first, second = delays(), delays()

    drive(session, backend)

    for run in (first, second):
        links = backend.links(run.id)
        assert list(links) == links_in_ledger(session, run.id)
        wanted = {link.version_id for link in links if link.version_id}
        documents = _documents(backend, session, run.id)
        named = {
            key: place for each in documents for key, place in each.get("documents", {}).items()
        }
        assert set(named) == wanted
        for key, place in named.items():
            record = backend.version(place).record
            assert record is not None and record.id == key


def _documents(backend: MlteBackend, session: ap.Session, run_id: str) -> list[dict[str, Any]]:
    project = session.settings.project
    found = backend._server.documents(project, run_id)
    return [each["body"]["value"]["data"] for each in found]


def test_a_failed_run_says_why(quick_backend: MlteBackend, session: ap.Session) -> None:
    """Failed tasks and runs arrive with their state and error, and the links of what was read."""
    with pytest.raises(ValueError, match="as told"):
        failing()
    run = session.runs()[0]

    drive(session, quick_backend)

    documents = _documents(quick_backend, session, run.id)
    states = {each.get("step"): each["state"] for each in documents if "state" in each}
    assert states["fail"] == "FAILED" and states["rank"] == "SUCCEEDED" and states[None] == "FAILED"
    failed = next(each for each in documents if each.get("step") == "fail")
    assert "as told" in failed["record"]["error"]
    assert [link["key"] for link in failed["inputs"]] == ["ranking"]
    assert failed["outputs"] == []


def test_delivering_again_makes_nothing_new(
    backend: MlteBackend, session: ap.Session, raw: Raw
) -> None:
    """With notes nothing is asked; without them every document is found by its id."""
    run = delays()
    notes = drive(session, backend)
    project = session.settings.project
    path = f"/model/{project}/version/{run.id}/artifact?limit=1000"
    before = raw("GET", path)

    drive(session, backend, notes=notes)
    again = drive(session, backend)

    assert again.memory.noted == notes.memory.noted
    assert raw("GET", path) == before
    assert all(not backend.missing(kind, notes.of(kind)) for kind in ("run", "task", "version"))


def test_the_document_of_a_task_is_sent_last(
    quick_backend: MlteBackend, session: ap.Session
) -> None:
    """Where a task is, everything that it names is: the server has no task with a gap."""
    run = delays()
    notes = Notes()
    for task in every(session.ledger.tasks, TaskQuery(run_id=run.id)):
        drive_one(session, quick_backend, "task", task.id, notes=notes)

        for link in every(session.ledger.links, LinkQuery(task_ids=(task.id,))):
            if link.version_id:
                quick_backend.version(notes.external("version", link.version_id)["external_id"])


def test_what_runs_is_not_sent(
    quick_backend: MlteBackend, session: ap.Session, quick_raw: Raw
) -> None:
    """A document cannot change, so a run and a task are sent once they have ended."""
    with ap.start_run("open") as run:
        ap.value(rank([1.0]))

        drive(session, quick_backend, run.id)
        open_cases = _cases(quick_raw, session, run.id)
    drive(session, quick_backend, run.id)

    assert "run" not in open_cases and not any("ROOT" in case for case in open_cases)
    assert any(case.startswith("task.rank.") for case in open_cases)
    assert "run" in _cases(quick_raw, session, run.id)


def _cases(raw: Raw, session: ap.Session, version: str) -> list[str]:
    found = raw("GET", f"/model/{session.settings.project}/version/{version}/artifact?limit=1000")
    return [each["body"]["metadata"]["test_case_id"] for each in found[1]]


@pytest.mark.parametrize(
    "project", ["a---b___c", "é" * 190, "x" * 190, "日本 語.v1", "Artifact", "run"]
)
def test_projects_of_any_name_are_apart(
    quick_backend: MlteBackend, open_project: Callable[..., ap.Session], project: str
) -> None:
    """Names that MLTE would take for others, or that no file can have, arrive and come back."""
    session = open_project(project)
    name = "é" * 200
    version = ap.save([1], name, metadata=HOSTILE, description="'\"\n\t<b>")
    other = ap.save([2], "a---b")

    notes = drive(session, quick_backend)

    for one in (version, other):
        found = quick_backend.version(notes.external("version", one.id)["external_id"])
        assert found.record == session.ledger.version(one.id)


def test_a_large_record_arrives(quick_backend: MlteBackend, session: ap.Session) -> None:
    """Metadata of most of a megabyte is one document like any other."""
    version = ap.save([1], "large", metadata={"text": "é" * 400_000, "rows": list(range(5_000))})

    notes = drive(session, quick_backend)

    found = quick_backend.version(notes.external("version", version.id)["external_id"])
    assert found.record == session.ledger.version(version.id)


def test_mlte_reads_what_was_sent(
    programs: Path,
    memory_server: ServerProcess,
    memory_backend: MlteBackend,
    session: ap.Session,
    tmp_path: Path,
) -> None:
    """MLTE's own client loads the documents as evidence, with the facts that its pages show."""
    run = delays()
    notes = drive(session, memory_backend)
    version = run["ranking"]
    external_id = notes.external("version", version.id)["external_id"]
    asked = {"url": memory_server.url, "external_id": external_id}

    done = subprocess.run(
        [str(programs / "python"), str(HERE / "mlte_reader.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["class"] == "mlte.evidence.types.opaque.Opaque"
    assert seen["data"]["record"] == version.model_dump(mode="json")
    assert seen["loaded_twice"] is True
    assert seen["facts"]["artifact"] == "ranking"
    assert seen["facts"]["content_hash"] == version.content_hash
    assert seen["measurement"] == ["artifact_plugins.Session", "artifact_plugins.ArtifactVersion"]
    assert seen["header"]["type"] == "evidence"
    assert seen["found_by_type"] > 5
