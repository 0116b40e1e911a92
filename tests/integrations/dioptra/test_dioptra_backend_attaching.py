"""Jobs, queues, entrypoints and experiments of others: what a URL names is attached to, not made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Annotated, Any

import pandas as pd
import pytest
from dioptra_server import PASSWORD, USER, DioptraServer

import artifact_plugins as ap
from artifact_integrations.dioptra import CREDENTIALS, OPTIONS
from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.lines import parted
from artifact_integrations.dioptra.backend.place import Place
from artifact_integrations.dioptra.backend.server import DioptraApi
from artifact_integrations.dioptra.worker import locate
from artifact_plugins import Session, Settings
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery, TaskType, VersionQuery, every
from artifact_plugins.testing.backend_driver import Notes, drive
from artifact_plugins.transport import BackendUrl

Made = Callable[..., dict[str, Any]]
server = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture
def opened(dioptra: DioptraServer, login: None) -> Iterator[Callable[..., DioptraBackend]]:
    """Open backends with further options in their URL."""
    backends = []

    def open_one(**options: str) -> DioptraBackend:
        backends.append(DioptraBackend(dioptra.backend_url(**options)))
        return backends[-1]

    yield open_one
    for backend in backends:
        backend.close()


@pytest.fixture
def theirs(api: DioptraApi, project: str) -> Made:
    """Make an entrypoint with its queue, experiment and plugin, as people do in Dioptra."""

    def make(parameters: dict[str, str | None]) -> dict[str, Any]:
        group = api.group()[0]
        queue = api.make("queues/", {"group": group, "name": f"queue {project}"})
        plugin = api.make("plugins/", {"group": group, "name": f"plugin_{project}"})
        work: dict[str, Any] = {"name": "work", "inputParams": [], "outputParams": []}
        file: dict[str, Any] = {"filename": "work.py", "contents": "def work(): ..."}
        api.post(f"plugins/{plugin['id']}/files", file | {"tasks": {"functions": [work]}})
        entrypoint = api.post(
            "entrypoints/",
            {
                "group": group,
                "name": f"train {project}",
                "taskGraph": "run:\n  task: work\n",
                "parameters": [
                    {"name": name, "parameterType": "string", "defaultValue": default}
                    for name, default in parameters.items()
                ],
                "queues": [queue["id"]],
                "plugins": [plugin["id"]],
            },
        )
        body = {"group": group, "name": f"exp {project}", "entrypoints": [entrypoint["id"]]}
        experiment = api.post("experiments/", body)
        return {"queue": queue, "entrypoint": entrypoint, "experiment": experiment}

    return make


@pytest.fixture
def begun(api: DioptraApi, theirs: Made, backend: DioptraBackend) -> Made:
    """A job as a worker leaves it while its code runs: started, with an MLflow run."""

    def begin(*, has_run: bool = True) -> dict[str, Any]:
        made = theirs({})
        experiment = made["experiment"]["id"]
        body = {"entrypoint": made["entrypoint"]["id"], "queue": made["queue"]["id"]}
        job: dict[str, Any] = api.post(f"experiments/{experiment}/jobs", body)
        if has_run:
            api.put(f"experiments/{experiment}/jobs/{job['id']}/status", {"status": "started"})
            tracking = backend._tracking
            run = tracking.create_run(
                tracking.experiment(made["experiment"]["name"]),
                name="theirs",
                tags={},
                started_at=datetime.now(UTC),
                is_first=True,
            )
            api.post(f"jobs/{job['id']}/mlflowRun", {"mlflowRunId": run["run_id"]})
        return job

    return begin


class TestJob:
    """`&job=`: everything goes into a job that a worker runs."""

    pytestmark = server

    def test_a_run_is_in_the_job(
        self,
        session: Session,
        opened: Callable[..., DioptraBackend],
        begun: Made,
        api: DioptraApi,
        flights: ModuleType,
    ) -> None:
        """Its versions are artifacts of that job, whose status stays; no other job is made."""
        job = begun()
        backend = opened(job=str(job["id"]))
        assert backend.probe().facts["job"] == str(job["id"])
        run = flights.delays()

        notes = drive(session, backend)

        after = api.get(f"jobs/{job['id']}")
        assert after["status"] == "started"
        assert f"run-{run.id}" in [tag["name"] for tag in after["tags"]]
        versions = list(every(session.ledger.versions, VersionQuery()))
        ids = {int(notes.external("version", version.id)["external_id"]) for version in versions}
        document = int(notes.external("run_document", run.id)["external_id"])
        assert {item["id"] for item in after["artifacts"]} == {*ids, document}
        assert not list(api.searched("jobs/", run.id, sort="id"))
        for version in versions:
            remote = backend.version(notes.external("version", version.id)["external_id"])
            assert remote.record == version
            assert remote.raw["task"]["pluginResourceSnapshotId"]
        links = every(session.ledger.links, LinkQuery(run_id=run.id))
        assert {link.id: link for link in backend.links(run.id)} == {one.id: one for one in links}

    def test_two_runs_in_one_job_keep_their_files_apart(
        self,
        session: Session,
        opened: Callable[..., DioptraBackend],
        begun: Made,
        flights: ModuleType,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        """Runs of two ledgers, whose versions have the same names and numbers, lose nothing."""
        backend = opened(job=str(begun()["id"]))
        flights.delays(months=[1])
        other = tmp_path_factory.mktemp("other")
        settings = Settings(
            store_url=str(other / "store"), ledger_url=f"sqlite:///{other}/l.sqlite"
        )
        with ap.open_session(settings) as second:
            flights.delays(months=[2])
            for each in (session, second):
                notes = drive(each, backend)

                for key, noted in notes.of("version").items():
                    assert backend.version(noted["external_id"]).record == each.ledger.version(key)
                assert backend.missing("version", notes.of("version")) == []
                assert backend.missing("run", notes.of("run")) == []

    def test_links_are_there_before_the_run_ends(
        self,
        session: Session,
        opened: Callable[..., DioptraBackend],
        begun: Made,
        flights: ModuleType,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Without the run document, links come from a file for each task."""
        backend = opened(job=str(begun()["id"]))
        run = flights.delays()
        drive(session, backend)
        monkeypatch.setattr(backend._documents, "links", lambda run_id: None)
        ran = {
            task.id
            for task in every(session.ledger.tasks, TaskQuery(run_id=run.id))
            if task.type is TaskType.RUNTIME
        }

        found = {link.id for link in backend.links(run.id)}

        links = every(session.ledger.links, LinkQuery(run_id=run.id))
        assert found == {link.id for link in links if link.task_id in ran}

    def test_a_job_that_nobody_runs_is_refused(
        self, session: Session, opened: Callable[..., DioptraBackend], begun: Made
    ) -> None:
        """One without an MLflow run, or that does not exist, is named and nothing is changed."""
        session.save({"a": 1}, "by_hand")
        job = begun(has_run=False)

        for given, said in ((job["id"], "queued and has no MLflow run"), (999999999, "no job")):
            backend = opened(job=str(given))
            with pytest.raises(BackendRejectedError, match=said):
                backend.probe()
            with pytest.raises(BackendRejectedError, match=said):
                drive(session, backend)
        assert backend._api.get(f"jobs/{job['id']}")["status"] == "queued"


class TestEntrypoint:
    """`&entrypoint=`, `&queue=`, `&experiment=`: jobs of runs are of what people made."""

    pytestmark = server

    def test_a_run_is_a_job_of_the_entrypoint(
        self,
        session: Session,
        opened: Callable[..., DioptraBackend],
        theirs: Made,
        api: DioptraApi,
        flights: ModuleType,
    ) -> None:
        """By name or id; it has the values that the entrypoint takes, and all is read back."""
        made = theirs({"carrier": None, "other": "x"})
        flights.delays(carrier="AA")
        run = session.ledger.runs(RunQuery())[0]
        notes = Notes()
        for number, key in enumerate(("name", "id")):
            given = {kind: str(made[kind][key]) for kind in made}
            backend = opened(**{kind: text.replace(" ", "%20") for kind, text in given.items()})
            backend.probe()

            notes = drive(session, backend, is_first=number == 0)

            job = api.get(f"jobs/{notes.external('run', run.id)['external_id']}")
            for kind in made:
                assert job[kind]["id"] == made[kind]["id"]
            assert job["values"] == {"carrier": "AA"}
            assert parted(job["description"])[1]["parameters"]["carrier"] == "AA"
            assert backend.missing("run", notes.of("run")) == []
        assert (
            api.get(f"entrypoints/{made['entrypoint']['id']}")["snapshot"]
            == (made["entrypoint"]["snapshot"])
        )

    def test_what_the_entrypoint_wants_and_a_run_has_not_is_named(
        self,
        session: Session,
        opened: Callable[..., DioptraBackend],
        theirs: Made,
        flights: ModuleType,
    ) -> None:
        """A parameter without default that the run does not have gives no job, and says which."""
        made = theirs({"weights": None})
        flights.delays()

        with pytest.raises(BackendRejectedError, match=r"wants the parameters \['weights'\]"):
            drive(session, opened(entrypoint=str(made["entrypoint"]["id"])))

    @pytest.mark.parametrize("kind", ["entrypoint", "queue"])
    def test_what_is_not_there_is_named(
        self, opened: Callable[..., DioptraBackend], kind: str
    ) -> None:
        """An id that the server has not is refused by the probe."""
        with pytest.raises(BackendRejectedError, match=f"no {kind} '999999999'"):
            opened(**{kind: "999999999"}).probe()


@pytest.mark.server
@pytest.mark.timeout(600)
def test_numbers_and_previews_are_shown(
    session: Session, backend: DioptraBackend, api: DioptraApi, dioptra: DioptraServer
) -> None:
    """Numbers of `log_metadata` are metrics of the task's job, pictures files of its MLflow run."""

    @ap.step
    def train(n: int) -> tuple[Annotated[float, "rmse"], Annotated[list[int], "steps"]]:
        ap.log_metadata({"loss": 0.25, "epochs": n, "is_good": True, "by": "me"})
        ap.log_metadata({"size": 1.0}, output="rmse")
        ap.log_metadata({"size": 2}, output="steps")
        return 1.5, [1, 2]

    @ap.pipeline
    def fit(n: int = 3):  # type: ignore[no-untyped-def]
        return train(n)

    fit()
    version = session.save(pd.DataFrame({"a": [1, 2]}), "frame")
    notes = drive(session, backend)
    drive(session, backend, is_first=False)

    run = session.ledger.runs(RunQuery())[0]
    task = next(
        t for t in every(session.ledger.tasks, TaskQuery(run_id=run.id)) if t.name == "train"
    )
    job = notes.external("task", task.id)
    shown = dioptra.client(
        "answer = client.jobs.get_metrics_by_id(given['job'])", job=int(job["external_id"])
    )
    assert isinstance(shown, list)
    found = {item["name"]: item["value"] for item in shown}
    wanted = {"loss": 0.25, "epochs": 3.0, "rmse": 1.5, "rmse_size": 1.0, "steps_size": 2.0}
    assert found | wanted == found
    assert not {"is_good", "by"} & found.keys()
    base, _, folder = notes.external("version", version.id)["uri"].rpartition("/")
    preview = backend._tracking.download(f"{base}/previews/{folder}/0.md")
    assert preview.decode() == version.previews[0].content


# Without a server: what the variables of a worker say.

URL = "dioptra+http://api:5000/?mlflow=http://mlflow:35000"
WORKER = {
    "__JOB_ID": "12",
    "DIOPTRA_API": "http://api:5000/",
    "DIOPTRA_WORKER_USERNAME": "w",
    "DIOPTRA_WORKER_PASSWORD": PASSWORD,
    "MLFLOW_TRACKING_URI": f"http://{USER}:secret@mlflow:35000",
}


@pytest.fixture
def in_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that a worker sets."""
    for name, value in WORKER.items():
        monkeypatch.setenv(name, value)


def options_of(url: str) -> dict[str, str]:
    """Return the options of a URL."""
    return BackendUrl.parse(url, known=OPTIONS, credentials=CREDENTIALS).options


@pytest.mark.parametrize("given", [(), (URL,)])
def test_in_a_worker_the_job_is_known(in_worker: None, given: tuple[str, ...]) -> None:
    """Job, servers and login are those of the worker; no secret is in the URL."""
    (url,) = locate(given)

    assert Place.parse(url).job == 12
    assert options_of(url) == {
        "mlflow": "http://mlflow:35000",
        "job": "12",
        "username": "env:DIOPTRA_WORKER_USERNAME",
        "password": "env:DIOPTRA_WORKER_PASSWORD",
    }


def test_another_server_has_not_that_job(in_worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL of another server, or that names its job, stays; so does all outside of a worker."""
    other = URL.replace("api:", "other:")
    assert locate([other, f"{URL}&job=3"]) == (other, f"{URL}&job=3")

    monkeypatch.delenv("__JOB_ID")
    assert locate([URL]) == (URL,)
    assert locate([]) == ()


def test_a_login_of_our_own_goes_before_that_of_the_worker(in_worker: None, login: None) -> None:
    """Where the variables of the library are set, those of the worker are not named."""
    assert options_of(locate([URL])[0]) == {"mlflow": "http://mlflow:35000", "job": "12"}


def test_a_worker_without_an_mlflow_server_names_none(
    in_worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An MLflow that is a file or a database gets nothing: it speaks no HTTP."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")

    assert locate([]) == ()
