"""A Dioptra that is down, slow, lossy, restored, somebody else, or does not know us."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from chaos_proxy import ChaosProxy, Fault
from dioptra_server import PASSWORD, USER, DioptraServer
from refused_logins import CANARY, left_by_a_refused_login
from server_environments import free_port

from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.server import DioptraApi
from artifact_integrations.dioptra.backend.tracking import Tracking
from artifact_plugins import Session
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.records import RunQuery, TaskQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive, drive_one

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@contextlib.contextmanager
def opened(url: str, timeout_seconds: float = 30.0) -> Iterator[DioptraBackend]:
    """A backend of another URL."""
    backend = DioptraBackend(url, timeout_seconds=timeout_seconds)
    try:
        yield backend
    finally:
        backend.close()


def rows(api: DioptraApi, text: str) -> dict[str, int]:
    """Return how many jobs and artifacts have a text in their description."""
    return {
        name: len(list(api.searched(name, text, sort="id"))) for name in ("jobs/", "artifacts/")
    }


def test_lost_answers_leave_one_row(
    session: Session,
    dioptra: DioptraServer,
    login: None,
    api: DioptraApi,
    flights: ModuleType,
) -> None:
    """G16: with a fifth of all answers lost or broken, everything is there exactly once."""
    flights.delays()
    run_id = session.ledger.runs(RunQuery())[0].id
    shares = {Fault.LOSE_ANSWER: 0.1, Fault.STATUS_504: 0.05, Fault.STATUS_500: 0.05}
    notes, failures = Notes(), 0
    ports = (dioptra.api.port, dioptra.mlflow.port)
    proxies = [ChaosProxy(port, shares=shares, seed=7) for port in ports]
    with contextlib.ExitStack() as stack:
        for proxy in proxies:
            stack.callback(proxy.close)
        url = f"dioptra+{proxies[0].url}/?mlflow={proxies[1].url}"
        backend = stack.enter_context(opened(url))

        while failures < 500:
            try:
                drive(session, backend, notes=notes, is_first=False)
            except (BackendUnavailableError, BackendContractError):
                failures += 1
                continue
            break

    assert 5 < failures < 500
    # Six tasks that ran, of which ROOT is the run; five versions and the document.
    assert rows(api, run_id) == {"jobs/": 6, "artifacts/": 6}
    numbers = [noted["external_id"] for noted in notes.of("version").values()]
    assert len(set(numbers)) == len(numbers) == 5


def test_without_a_look_up_lost_answers_leave_more_rows(
    session: Session,
    dioptra: DioptraServer,
    login: None,
    api: DioptraApi,
    project: str,
) -> None:
    """The negative control: who takes every delivery for the first one makes rows twice."""
    session.save({"a": 1}, "lost")
    proxy = ChaosProxy(
        dioptra.api.port,
        shares={Fault.LOSE_ANSWER: 1.0},
        touches=lambda method, path: method == "POST" and path.endswith("/jobs"),
    )
    with (
        contextlib.closing(proxy),
        opened(f"dioptra+{proxy.url}/?mlflow={dioptra.mlflow_url}") as backend,
    ):
        for _ in range(2):
            with pytest.raises(BackendUnavailableError):
                drive(session, backend, is_first=True)
        proxy.shares = {}
        drive(session, backend, is_first=True)

    jobs = [job for job in api.all("jobs/", sort="id") if project in str(job["description"])]
    assert len(jobs) == 3


@pytest.mark.parametrize("which", ["api", "mlflow"])
def test_g16_a_server_that_is_down_is_an_outage(
    session: Session, dioptra: DioptraServer, login: None, api: DioptraApi, which: str
) -> None:
    """G16: neither the API nor MLflow being down is a rejection; it is delivered later, once."""
    version = session.save({"a": 1}, "later")
    dead = f"http://127.0.0.1:{free_port()}"
    url = {"api": dioptra.url, "mlflow": dioptra.mlflow_url, which: dead}
    notes = Notes()
    with opened(f"dioptra+{url['api']}/?mlflow={url['mlflow']}") as backend:
        started = time.monotonic()

        with pytest.raises(BackendUnavailableError):
            drive(session, backend, notes=notes)

        assert time.monotonic() - started < 20
        with pytest.raises(BackendUnavailableError):
            backend.probe()
    with opened(dioptra.backend_url()) as backend:
        drive(session, backend, notes=notes, is_first=False)
    assert rows(api, version.id)["artifacts/"] == 1


def test_g16_an_mlflow_that_dies_after_the_upload_is_an_outage(
    session: Session,
    dioptra: DioptraServer,
    backend: DioptraBackend,
    api: DioptraApi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G16: the 404 that Dioptra then answers is no rejection; the next delivery makes one row."""
    version = session.save({"a": 1}, "cut off")
    upload = Tracking.upload

    def last_upload(self: Tracking, artifact_uri: str, path: str, data: Any) -> None:
        upload(self, artifact_uri, path, data)
        if path.endswith("manifest.json"):
            dioptra.mlflow.stop()

    notes = Notes()
    with monkeypatch.context() as patched:
        patched.setattr(Tracking, "upload", last_upload)
        try:
            with pytest.raises(BackendUnavailableError):
                drive(session, backend, notes=notes)
        finally:
            dioptra.mlflow.start()

    drive(session, backend, notes=notes, is_first=False)

    assert rows(api, version.id)["artifacts/"] == 1


def test_g16_a_redis_that_is_down_is_an_outage(
    session: Session, dioptra: DioptraServer, backend: DioptraBackend, api: DioptraApi
) -> None:
    """G16: Dioptra keeps the job and answers 500; the next delivery takes that job."""
    version = session.save({"a": 1}, "no queue")
    notes = Notes()
    dioptra.redis.stop()
    try:
        with pytest.raises(BackendUnavailableError):
            drive(session, backend, notes=notes)
    finally:
        dioptra.redis.start()

    drive(session, backend, notes=notes, is_first=False)

    job = api.get(f"jobs/{notes.external('version', version.id)['job']}")
    assert job["status"] == "finished"
    jobs = [j for j in api.all("jobs/", sort="id") if job["description"] == j["description"]]
    assert len(jobs) == 1


def test_a_server_that_hangs_is_given_up_in_time(
    session: Session, dioptra: DioptraServer, login: None
) -> None:
    """A frozen MLflow holds a delivery no longer than the timeout."""
    session.save({"a": 1}, "frozen")
    dioptra.mlflow.freeze()
    try:
        with opened(dioptra.backend_url(), timeout_seconds=3) as backend:
            started = time.monotonic()
            with pytest.raises(BackendUnavailableError):
                drive(session, backend)
            assert time.monotonic() - started < 60
    finally:
        dioptra.mlflow.thaw()


def test_a_refused_login_leaves_no_password_anywhere(
    dioptra: DioptraServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It is in no file of ledger or store, no log and no output; that the login failed is."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_DIOPTRA_USERNAME", USER)
    monkeypatch.setenv("ARTIFACT_PLUGINS_DIOPTRA_PASSWORD", CANARY)

    left = left_by_a_refused_login(dioptra.backend_url(), tmp_path, caplog, capfd)

    assert "BackendAuthError" in left
    assert CANARY not in left


def test_a_wrong_password_is_named(dioptra: DioptraServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an authentication error that names the variables, and the password is in no message."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_DIOPTRA_USERNAME", USER)
    monkeypatch.setenv("ARTIFACT_PLUGINS_DIOPTRA_PASSWORD", "canary-7f3a")
    with (
        opened(dioptra.backend_url()) as backend,
        pytest.raises(BackendAuthError) as caught,
    ):
        backend.probe()

    assert "canary-7f3a" not in str(caught.value)
    assert "ARTIFACT_PLUGINS_DIOPTRA_PASSWORD" in str(caught.value)


def test_missing_credentials_are_named(
    dioptra: DioptraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which variable would hold them."""
    monkeypatch.delenv("ARTIFACT_PLUGINS_DIOPTRA_USERNAME", raising=False)
    with (
        opened(dioptra.backend_url()) as backend,
        pytest.raises(BackendAuthError, match="ARTIFACT_PLUGINS_DIOPTRA_USERNAME"),
    ):
        backend.probe()


def test_credentials_are_taken_from_a_file(
    dioptra: DioptraServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The URL may name where they are."""
    monkeypatch.delenv("ARTIFACT_PLUGINS_DIOPTRA_USERNAME", raising=False)
    monkeypatch.setenv("THE_USER", USER)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    url = dioptra.backend_url(username="env:THE_USER", password=f"file:{tmp_path}/password")

    with opened(url) as backend:
        assert backend.probe().user == USER


def test_an_expired_login_is_renewed(backend: DioptraBackend, dioptra: DioptraServer) -> None:
    """Cookies that the server no longer takes cost one login, not a failure."""
    backend.probe()
    backend._api.http._login = {"User-Agent": "artifact-plugins", "Cookie": "session=old"}

    assert backend.probe().version == "1.2.2"


def test_another_group_is_refused(dioptra: DioptraServer, login: None) -> None:
    """A group that the user is not in is named with those that there are."""
    with (
        opened(dioptra.backend_url(group="secret")) as backend,
        pytest.raises(BackendRejectedError, match=r"no group 'secret'.*public"),
    ):
        backend.probe()


@pytest.mark.parametrize("order", ["mlflow twice", "swapped", "dioptra twice"])
def test_a_server_that_is_something_else_is_noticed(
    dioptra: DioptraServer, login: None, order: str
) -> None:
    """Two URLs in the wrong place are named errors of the probe."""
    urls = {
        "mlflow twice": (dioptra.mlflow_url, dioptra.mlflow_url),
        "swapped": (dioptra.mlflow_url, dioptra.url),
        "dioptra twice": (dioptra.url, dioptra.url),
    }[order]
    with (
        opened(f"dioptra+{urls[0]}/?mlflow={urls[1]}") as backend,
        pytest.raises(BackendContractError, match="is it (Dioptra|MLflow)"),
    ):
        backend.probe()


def test_a_job_that_was_deleted_is_made_again(
    session: Session, backend: DioptraBackend, api: DioptraApi, flights: ModuleType
) -> None:
    """`missing` finds it, as after a restored backup; its artifacts are adopted."""
    flights.delays()
    notes = drive(session, backend)
    run_id = session.ledger.runs(RunQuery())[0].id
    tasks = every(session.ledger.tasks, TaskQuery(run_id=run_id))
    task = next(task for task in tasks if task.name == "rank")
    gone = notes.external("task", task.id)["external_id"]
    artifacts = {key: noted["external_id"] for key, noted in notes.of("version").items()}
    api.http.request("DELETE", f"/api/v1/jobs/{gone}")

    assert backend.missing("task", notes.of("task")) == [task.id]
    notes.memory.forget("task", task.id)
    drive(session, backend, notes=notes, is_first=False)

    made = notes.external("task", task.id)["external_id"]
    assert made != gone
    assert api.get(f"jobs/{made}")["status"] == "finished"
    assert {k: n["external_id"] for k, n in notes.of("version").items()} == artifacts
    for kind in ("run", "task", "version"):
        assert backend.missing(kind, notes.of(kind)) == []


def test_an_mlflow_run_that_was_lost_is_made_again(
    session: Session,
    backend: DioptraBackend,
    api: DioptraApi,
    dioptra: DioptraServer,
    flights: ModuleType,
) -> None:
    """An MLflow restored from an older backup: the job gets another run and goes on."""
    flights.delays()
    notes = drive(session, backend)
    run_id = session.ledger.runs(RunQuery())[0].id
    tasks = every(session.ledger.tasks, TaskQuery(run_id=run_id))
    task = next(task for task in tasks if task.name == "rank")
    noted = notes.external("task", task.id)
    with contextlib.closing(sqlite3.connect(dioptra.folder / "mlflow.db", timeout=30)) as database:
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            database.execute(
                f"DELETE FROM {table} WHERE run_uuid = ?", [noted["mlflow_run"]]
            )  # our own list
        database.commit()

    assert backend.missing("task", notes.of("task")) == [task.id]
    notes.memory.forget("task", task.id)
    drive(session, backend, notes=notes, is_first=False)

    again = notes.external("task", task.id)
    assert again["external_id"] == noted["external_id"]
    assert again["mlflow_run"] != noted["mlflow_run"]
    assert api.get(f"jobs/{again['external_id']}")["status"] == "finished"
    assert backend.missing("task", notes.of("task")) == []


def test_g7_a_plugin_that_was_deleted_is_published_again(
    session: Session, backend: DioptraBackend, api: DioptraApi
) -> None:
    """G7: `missing` finds versions that no worker can load any more; they are pinned anew."""
    version = session.save({"a": 1}, "before")
    notes = drive(session, backend)
    noted = notes.external("version", version.id)
    plugin = next(n for n in notes.of("plugin").values() if "tasks" in n)
    api.http.request("DELETE", f"/api/v1/plugins/{plugin['plugin']}")

    assert backend.missing("version", notes.of("version")) == [version.id]
    notes.memory.forget("version", version.id)
    drive(session, backend, notes=notes, is_first=False)

    again = notes.external("version", version.id)
    assert again["external_id"] == noted["external_id"]
    assert again["taskId"] != noted["taskId"]
    task = api.get(f"artifacts/{again['external_id']}")["task"]
    assert api.found(f"plugins/{task['pluginResourceId']}") is not None
    assert backend.version(again["external_id"]).record == version
    assert backend.missing("version", notes.of("version")) == []


def test_a_run_that_was_given_up_half_made_is_finished(
    session: Session, backend: DioptraBackend, flights: ModuleType
) -> None:
    """What belongs to a run or task of which only the job was noted makes the rest first."""
    flights.delays()
    notes = drive(session, backend)
    for kind in ("run", "task"):
        for key, noted in notes.of(kind).items():
            if "external_id" in noted:
                notes.memory.note(kind, key, {"external_id": noted["external_id"]})
    key = next(iter(notes.of("version")))
    number = notes.external("version", key)["external_id"]
    notes.memory.forget("version", key)

    drive_one(session, backend, "version", key, notes=notes, is_first=False)

    task = session.ledger.version(key).task_id
    assert task is not None
    assert notes.external("version", key)["external_id"] == number
    assert notes.external("task", task)["status"] == "finished"
    assert notes.external("run", session.ledger.runs(RunQuery())[0].id)["status"] == "finished"
