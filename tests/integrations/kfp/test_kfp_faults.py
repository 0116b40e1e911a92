"""Lost answers, damaged traffic and repeated deliveries: every record is there once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from chaos_proxy import ChaosProxy, Fault
from kfp_pipelines import everything, failing, small
from kfp_server import KfpServer
from kfp_there import in_both_dialects, pages
from refused_logins import CANARY, left_by_a_refused_login

import artifact_plugins as ap
from artifact_integrations.kfp.backend import KfpBackend
from artifact_integrations.kfp.sending import TaskSender
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.delivery import Policy
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.records import ArtifactVersion, LinkQuery, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

# Against a server of its own process.
pytestmark = pytest.mark.server

TOKEN = "5ecret" * 8
DAMAGE = {
    Fault.LOSE_ANSWER: 0.1,
    Fault.CUT_ANSWER: 0.05,
    Fault.CUT_REQUEST: 0.05,
    Fault.RESET: 0.05,
    Fault.STATUS_500: 0.05,
    Fault.STATUS_502: 0.05,
    Fault.HTML: 0.05,
    Fault.TRUNCATED_JSON: 0.05,
}


@pytest.fixture
def proxy(server: KfpServer) -> Iterator[ChaosProxy]:
    """A network before the server that a test may damage."""
    started = ChaosProxy(server.port, seed=3)
    yield started
    started.close()


def drive_on(
    session: ap.Session, backend: KfpBackend, run_id: str, notes: Notes, **how: Any
) -> int:
    """Deliver a run again and again until nothing fails; return how often it failed."""
    said = ""
    for failed in range(500):
        try:
            drive(session, backend, run_id, notes=notes, **how)
        except (BackendUnavailableError, BackendContractError) as error:
            said = str(error)
            continue
        return failed
    raise AssertionError(f"it never got through: {said}")


def made_by(server: KfpServer, version_ids: set[str]) -> list[str]:
    """Return our version ids of the artifacts there, with every repetition."""
    artifacts = pages(server, "/artifacts", "artifacts")
    ids = [one.get("metadata", {}).get("artifact_plugins_id") for one in artifacts]
    return sorted(one for one in ids if one in version_ids)


@pytest.mark.slow
def test_damaged_traffic_makes_everything_once(session, server, proxy, backend_at):
    """With half of the requests damaged each run, task, artifact and link is there once, and equal."""
    run = everything(xs=[1, 2])
    proxy.shares.update(DAMAGE)
    backend = backend_at(proxy.url)
    notes = Notes()

    failed = drive_on(session, backend, run.id, notes, is_first=False)

    proxy.shares.clear()
    ids = {one.id for one in every(session.ledger.versions, VersionQuery(run_id=run.id))}
    links = sorted(every(session.ledger.links, LinkQuery(run_id=run.id)), key=lambda one: one.id)
    assert failed > 10
    assert made_by(server, ids) == sorted(ids)
    assert sorted(backend.links(run.id), key=lambda one: one.id) == links
    runs = pages(server, "/runs", "runs")
    assert sum(run.id in one.get("description", "") for one in runs) == 1


@in_both_dialects
def test_every_lost_answer_is_found_again(session, server, proxy, backend_at):
    """When every second answer to a writing request is lost, nothing is made twice."""
    run = small(x=1)
    backend = backend_at(proxy.url)
    asked: Counter[str] = Counter()

    def is_odd(method: str, path: str) -> bool:
        asked[f"{method} {path}"] += 1
        return method != "GET" and asked[f"{method} {path}"] % 2 == 1

    proxy.touches = is_odd
    proxy.shares = {Fault.LOSE_ANSWER: 1.0}

    lost = drive_on(session, backend, run.id, Notes(), is_first=False)

    proxy.shares = {}
    ids = {one.id for one in every(session.ledger.versions, VersionQuery(run_id=run.id))}
    assert lost >= 5
    assert made_by(server, ids) == sorted(ids)


def test_without_looking_lost_answers_double(session, server, proxy, backend_at, monkeypatch):
    """Negative control: when a task is not looked into, a lost answer makes a second artifact."""
    monkeypatch.setattr(TaskSender, "_found_again", lambda *_: set())
    run = small(x=1)
    backend = backend_at(proxy.url)
    lost: list[str] = []
    proxy.touches = lambda _, path: "artifacts:b" in path and not lost and not lost.append(path)
    proxy.shares = {Fault.LOSE_ANSWER: 1.0}

    failed = drive_on(session, backend, run.id, Notes(), is_first=False)

    ids = {one.id for one in every(session.ledger.versions, VersionQuery(run_id=run.id))}
    assert failed == 1
    assert len(made_by(server, ids)) > len(ids)


@ap.step
def logging_twice(delivers: str) -> int:
    early, extra = DELIVERS[delivers]
    early(ap.log_artifact("early", 5))
    extra(ap.log_artifact("extra", 5))
    return 1


DELIVERS: dict[str, Any] = {}


def test_a_logged_version_whose_answer_was_lost_is_found_by_its_task(
    session, server, proxy, backend_at
):
    """What a step logged is made once, though nobody noted that it is there when its task is sent."""
    backend = backend_at(proxy.url)
    notes = Notes()

    def send_task(version: ArtifactVersion) -> None:
        drive_one(session, backend, "task", version.task_id, notes=notes)

    def lose(version: ArtifactVersion) -> None:
        proxy.touches = lambda _, path: "artifacts:b" in path
        proxy.shares = {Fault.LOSE_ANSWER: 1.0}
        with pytest.raises(BackendUnavailableError):
            drive_one(session, backend, "version", version.id, notes=notes)
        proxy.shares = {}

    DELIVERS["lose"] = (send_task, lose)
    with ap.start_run("logging") as run:
        logging_twice("lose")
    drive(session, backend, run.id, notes=notes)

    ids = {one.id for one in every(session.ledger.versions, VersionQuery(run_id=run.id))}
    assert made_by(server, ids) == sorted(ids)


@in_both_dialects
def test_rows_that_came_in_between_are_no_failure(session, server, backend):
    """A row that somebody made after we looked is answered with 500, listed, and left out."""
    run = small(x=1)
    notes = drive(session, backend, run.id)
    task = next(task for task in run.tasks() if task.name == "gather")
    known = notes.external("task", task.id)
    # Not open: nobody can have sent anything, so nothing is listed first.
    notes.memory.note("task", task.id, {**known, "links": 0, "is_open": False})

    drive(session, backend, run.id, notes=notes)

    rows = pages(server, f"/artifact_tasks?task_ids={known['external_id']}", "artifact_tasks")
    assert len(rows) == known["rows"]


def test_a_link_committed_out_of_order_is_sent(session, server, backend):
    """A link whose id is earlier than those that were sent is found and sent, the others are not."""
    run = small(x=1)
    notes = drive(session, backend, run.id)
    task = next(task for task in run.tasks() if task.name == "report")
    known = notes.external("task", task.id)
    rows = f"/artifact_tasks?task_ids={known['external_id']}"
    before = pages(server, rows, "artifact_tasks")
    notes.memory.note("task", task.id, {**known, "links": known["links"] - 1, "sent": "others"})

    drive(session, backend, run.id, notes=notes)

    assert pages(server, rows, "artifact_tasks") == before
    assert notes.external("task", task.id) == known


def test_a_task_deleted_behind_our_back_is_made_again(session, server, backend):
    """When the run of a noted task is gone and the run is noted anew, the task is made again."""
    run = small(x=1)
    notes = drive(session, backend, run.id)
    old = notes.external("run", run.id)["external_id"]
    server.call("DELETE", f"/runs/{old}")
    notes.memory.forget("run", run.id)
    for key, note in notes.of("task").items():
        notes.memory.note("task", key, {**note, "body": "changed"})

    drive(session, backend, run.id, notes=notes, is_first=False)

    found = sorted(backend.links(run.id), key=lambda one: one.id)
    assert found == sorted(run.links(), key=lambda one: one.id)


def test_a_deleted_run_is_a_rejection(session, server, backend_at):
    """A run of the URL that is not there is named, and nothing is written elsewhere."""
    opened = server.open_run("gone")
    server.call("DELETE", f"/runs/{opened.run_id}")
    run = small(x=1)

    with pytest.raises(BackendRejectedError, match=f"no run '{opened.run_id}'"):
        drive(session, backend_at(server.url, f"?run_id={opened.run_id}"), run.id)


def test_a_server_that_runs_pipelines_only_says_so(session, server, backend_at, monkeypatch):
    """Where a run needs a pipeline, the error says to name an existing run."""
    backend = backend_at(server.url)
    send = backend._api.client.request
    monkeypatch.setattr(
        backend._api.client,
        "request",
        lambda method, path, **k: send(
            method,
            path,
            **(
                k
                | (
                    {"json_body": {**k["json_body"], "pipeline_version_id": "x"}}
                    if path.endswith("/runs") and method == "POST"
                    else {}
                )
            ),
        ),
    )

    with pytest.raises(BackendRejectedError, match=r"\?run_id=ID"):
        drive(session, backend, small(x=1).id)


@pytest.fixture(scope="module")
def team_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    """A server with users, namespaces and a token."""
    with KfpServer(
        tmp_path_factory.mktemp("kfp_team"),
        options=["--namespace-mode", "multi", "--grant", "ann=team-a", "--grant", "bob=team-b"],
        env={"ARTIFACT_PLUGINS_KFP_FACE_TOKEN": TOKEN},
        headers={"Authorization": f"Bearer {TOKEN}", "kubeflow-userid": "ann"},
    ) as started:
        yield started


def login(monkeypatch: pytest.MonkeyPatch, token: str = TOKEN, user: str = "ann") -> None:
    monkeypatch.setenv("ARTIFACT_PLUGINS_KFP_TOKEN", token)
    monkeypatch.setenv("ARTIFACT_PLUGINS_KFP_USERNAME", user)


def test_a_namespace_is_delivered_to(session, team_server, backend_at, monkeypatch):
    """In multi-user mode runs and artifacts are in the namespace of the URL."""
    login(monkeypatch)
    backend = backend_at(team_server.url, "?namespace=team-a")
    run = small(x=1)

    assert backend.probe().facts["mode"] == "multi-user"
    notes = drive(session, backend, run.id)

    version = backend.version(notes.external("version", run["report"].id)["external_id"])
    assert version.record == run["report"]
    assert version.raw["namespace"] == "team-a"
    assert backend.missing("version", notes.of("version")) == []


@pytest.mark.parametrize(
    ("token", "user", "namespace", "kind"),
    [
        ("wrong", "ann", "team-a", BackendAuthError),
        (TOKEN, "bob", "team-a", BackendAuthError),
        (TOKEN, "ann", "nowhere", BackendAuthError),
        (TOKEN, "", "team-a", BackendAuthError),
        (TOKEN, "ann", "", BackendRejectedError),
    ],
)
def test_strangers_and_strange_namespaces_are_refused(
    session, team_server, backend_at, monkeypatch, token, user, namespace, kind
):
    """A wrong token, somebody else's or an unknown namespace, or none at all are named errors."""
    login(monkeypatch, token, user)
    backend = backend_at(team_server.url, f"?namespace={namespace}")

    with pytest.raises(kind):
        backend.probe()
    with pytest.raises(BackendError):
        drive(session, backend, small(x=1).id)


def test_a_refused_login_leaves_no_token_anywhere(
    team_server, tmp_path, monkeypatch, caplog, capfd
):
    """It is in no file of ledger or store, no log and no output; that the login failed is."""
    login(monkeypatch, CANARY)

    url = f"kfp+{team_server.url}?namespace=team-a"
    left = left_by_a_refused_login(url, tmp_path, caplog, capfd)

    assert "BackendAuthError" in left
    assert CANARY not in left


def test_a_real_deliverer_gets_it_there_through_a_bad_network(server, proxy, tmp_path, monkeypatch):
    """A session with this backend delivers its run in the background, once and whole."""
    quick = Policy(
        first_pause_seconds=0.01,
        longest_pause_seconds=0.05,
        longest_outage_pause_seconds=0.05,
        poll_seconds=0.1,
    )
    monkeypatch.setattr("artifact_plugins.delivery.deliverer.Policy", lambda: quick)
    proxy.shares.update({fault: share / 2 for fault, share in DAMAGE.items()})
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'own.sqlite'}",
        durability="process",
        backends=(f"kfp+{proxy.url}",),
        plugins=("artifact_integrations.kfp",),
    )
    with ap.open_session(settings) as session:
        run = small(x=1)
        with pytest.raises(ZeroDivisionError):
            failing(x=1)
        ends_at = time.monotonic() + 100
        while not session.deliverer.flush(20.0):  # it also ends when the backend is left alone
            assert time.monotonic() < ends_at, session.deliverer.status()
        proxy.shares.clear()
        backend = session.backends["kfp"]
        ids = {one.id for one in every(session.ledger.versions, VersionQuery())}

        found = sorted(backend.links(run.id), key=lambda one: one.id)

        assert found == sorted(run.links(), key=lambda one: one.id)
        assert made_by(server, ids) == sorted(ids)
        (total,) = run.versions("total")
        (external,) = [
            one.external_id
            for one in backend.versions(RemoteQuery(artifact="total"))
            if one.record == total
        ]
        assert ap.load(f"kfp:{external}") == 1
