"""What KFP cannot hold is shortened or left out: the run and all the rest of it are there, ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from kfp_server import KfpServer
from kfp_there import tasks_there

import artifact_plugins as ap
from artifact_integrations.kfp.artifacts import artifact_body
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.delivery import Policy
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import ArtifactVersion, LinkQuery, OutboxState, every

# Against a server of its own process.
pytestmark = pytest.mark.server

LONG = "n" * 200
LONG_KEY = "k" * 195


@ap.step
def first() -> Annotated[int, "good"]:
    return 1


@ap.step
def long_named(good: int) -> Annotated[int, LONG]:
    return good + 1


@ap.step
def twice(good: int) -> tuple[Annotated[int, "kept"], Annotated[int, "torn"]]:
    return good, good


@ap.step
def last(one: int) -> Annotated[int, "end"]:
    return one


@ap.pipeline
def long_names():
    return last(long_named(first()))


@ap.pipeline
def with_a_torn_version():
    kept, torn = twice(first())
    last(torn)
    return last(kept)


@ap.step
def sizes(file: ap.ArtifactVersion) -> Annotated[int, "size"]:
    return file.size_bytes


@ap.step
def logs() -> None:
    for end in "ab":
        ap.log_artifact(LONG_KEY + end, end)


@pytest.fixture
def delivering(
    server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ap.Session]:
    """A session with this server as its backend, and short pauses between tries."""
    quick = Policy(first_pause_seconds=0.01, longest_pause_seconds=0.05, poll_seconds=0.1)
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: quick)
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'own.sqlite'}",
        durability="process",
        backends=(f"kfp+{server.url}",),
        plugins=("artifact_integrations.kfp",),
    )
    with ap.open_session(settings) as opened:
        yield opened


def state_there(server: KfpServer, session: ap.Session, run_id: str) -> str:
    """Return the state of a run of ours there."""
    return str(server.call("GET", f"/runs/{run_there(session, run_id)}")["state"])


def run_there(session: ap.Session, run_id: str) -> str:
    """Return the id there of a run of ours."""
    found = session.backends["kfp"]._runs.find(run_id)
    assert found is not None
    return found


def links_of(session: ap.Session, run_id: str) -> list[Any]:
    found = every(session.ledger.links, LinkQuery(run_id=run_id))
    return sorted(found, key=lambda link: link.id)


def test_long_names_are_shortened_and_come_back_whole(delivering, server):
    """A name over KFP's 128 characters is there with a digest; run, tasks, versions and links equal."""
    run = long_names()

    assert delivering.deliverer.flush(60)

    assert not delivering.deliverer.rows(state=OutboxState.DEAD)
    assert state_there(server, delivering, run.id) == "SUCCEEDED"
    backend = delivering.backends["kfp"]
    (found,) = backend.versions(RemoteQuery(artifact=LONG)).items
    assert (found.name, found.record) == (LONG, run.versions(LONG)[0])
    assert len(found.raw["name"]) == 128
    assert sorted(backend.links(run.id), key=lambda link: link.id) == links_of(delivering, run.id)


def test_long_keys_come_back_whole(delivering, server):
    """Two log names that begin alike for 191 characters stay two links, with their full keys."""
    with ap.start_run("logs") as run:
        logs()

    assert delivering.deliverer.flush(60)

    assert not delivering.deliverer.rows(state=OutboxState.DEAD)
    found = delivering.backends["kfp"].links(run.id)
    assert sorted(found, key=lambda link: link.id) == links_of(delivering, run.id)
    assert {f"auto/{LONG_KEY}{end}" for end in "ab"} <= {link.key for link in found}


def test_a_version_that_cannot_be_sent_is_left_out_alone(delivering, server, monkeypatch):
    """Who wrote and who read it is there without it, ended; once KFP takes it, all of it arrives."""

    def refusing(version: ArtifactVersion, namespace: str) -> dict[str, Any]:
        if version.artifact == "torn":
            raise BackendRejectedError("torn cannot be held")
        return artifact_body(version, namespace)

    with monkeypatch.context() as patched:
        for room in ("sending", "bringing"):
            patched.setattr(f"artifact_integrations.kfp.{room}.artifact_body", refusing)
        run = with_a_torn_version()
        assert delivering.deliverer.flush(60)

    (torn,) = run.versions("torn")
    dead = delivering.deliverer.rows(state=OutboxState.DEAD)
    assert {row.record_id for row in dead} == {torn.id, torn.task_id}
    assert all("torn cannot be held" in row.error for row in dead)
    assert state_there(server, delivering, run.id) == "SUCCEEDED"
    bodies = tasks_there(server, run_there(delivering, run.id))
    assert len(bodies) == len(run.tasks())
    assert {body["state"] for body in bodies} == {"SUCCEEDED"}
    assert versions_there(delivering, run.id) == {
        version.id for version in run.versions() if version.id != torn.id
    }
    delivering.deliverer.replay("kfp")
    assert delivering.deliverer.flush(60)
    delivering.deliverer.reconcile("kfp")
    assert delivering.deliverer.flush(60)
    assert versions_there(delivering, run.id) == {version.id for version in run.versions()}
    found = delivering.backends["kfp"].links(run.id)
    assert sorted(found, key=lambda link: link.id) == links_of(delivering, run.id)


def test_a_file_whose_address_is_too_long_is_left_out(delivering, server, tmp_path):
    """A run that reads it is there and ended; a dead letter tells how long the address is."""
    folder = tmp_path.joinpath(*["d" * 200] * 10)
    folder.mkdir(parents=True)
    (folder / "file").write_text("data")
    file = delivering.register(str(folder / "file"), "file")

    with ap.start_run("reads") as run:
        sizes(file)

    assert delivering.deliverer.flush(60)
    assert state_there(server, delivering, run.id) == "SUCCEEDED"
    assert {body["state"] for body in tasks_there(server, run_there(delivering, run.id))} == {
        "SUCCEEDED"
    }
    dead = delivering.deliverer.rows(state=OutboxState.DEAD)
    assert dead
    assert all("2048 are allowed" in row.error for row in dead)


def versions_there(session: ap.Session, run_id: str) -> set[str]:
    page = session.backends["kfp"].versions(RemoteQuery(run_id=run_id))
    return {one.record.id for one in page.items if one.record is not None}
