"""A real Dioptra worker takes our artifacts as inputs of a job and deserializes them."""

from __future__ import annotations

import json
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pandas as pd
import pytest
from dioptra_server import DioptraServer

import artifact_integrations
import artifact_materializers
import artifact_plugins
from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.lines import parted
from artifact_integrations.dioptra.backend.server import DioptraApi
from artifact_plugins import ArtifactVersion, Session, Settings, open_session
from artifact_plugins.contracts.backend import RemoteQuery
from artifact_plugins.testing.backend_driver import Notes, drive

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
QUEUE = "work"
PACKAGES = (artifact_plugins, artifact_integrations, artifact_materializers)
CONSUMER = """
from pathlib import Path
from dioptra import pyplugs


@pyplugs.register
def consume(place, **inputs):
    lines = []
    for name, value in sorted(inputs.items()):
        shown = value.to_dict("list") if hasattr(value, "to_dict") else value
        lines.append(f"{name}: {type(value).__name__} {shown}")
    Path(place).write_text("\\n".join(lines))
"""
Consume: TypeAlias = "Callable[[dict[str, dict[str, int]]], tuple[str, str]]"


@pytest.fixture(scope="session")
def worker(dioptra: DioptraServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker that runs for all tests; it starts in ten seconds."""
    with dioptra.worker(tmp_path_factory.mktemp("worker"), QUEUE):
        yield


@pytest.fixture
def consume(
    dioptra: DioptraServer, api: DioptraApi, worker: None, project: str, tmp_path: Path
) -> Callable[[dict[str, dict[str, int]]], tuple[str, str]]:
    """Run a job of Dioptra's own that reads artifacts."""

    def run(inputs: dict[str, dict[str, int]]) -> tuple[str, str]:
        """Return what the job wrote about its inputs, or its log when it failed; and its status."""
        place = tmp_path / f"{uuid.uuid4().hex}.txt"
        job = submitted(api, f"{project}_{place.stem[:4]}", inputs, {"place": str(place)})
        status = ended(api, job)["status"]
        return (place.read_text() if place.exists() else log_of(api, job)), status

    return run


def ended(api: DioptraApi, job: int) -> dict[str, Any]:
    """Return a job once its worker is done with it."""
    ends_at = time.monotonic() + 240
    while (found := api.get(f"jobs/{job}"))["status"] not in ("finished", "failed"):
        assert time.monotonic() < ends_at, found["status"]
        time.sleep(0.5)
    return found


def log_of(api: DioptraApi, job: int) -> str:
    """Return what a job has written."""
    log = api.get(f"jobs/{job}/log", pageLength=1000)["data"]
    return "\n".join(str(line["message"]) for line in log)


def submitted(
    api: DioptraApi,
    name: str,
    inputs: dict[str, dict[str, int]],
    values: dict[str, str],
    *,
    code: str = CONSUMER,
    function: str = "consume",
) -> int:
    """Create a plugin with a function, its entrypoint and experiment, and a job; return its id."""
    types = {item["name"]: item["id"] for item in api.all("pluginParameterTypes/", sort="name")}
    output = [{"name": "value", "parameterType": types["any"]}]
    queue = api.make("queues/", {"group": 1, "name": QUEUE})["id"]
    plugin = api.make("plugins/", {"group": 1, "name": f"consumer_{name}"})["id"]
    params = [{"name": n, "parameterType": types["any"], "required": True} for n in inputs]
    params += [{"name": n, "parameterType": types["string"], "required": True} for n in values]
    consumer = {"name": function, "inputParams": params, "outputParams": []}
    file: dict[str, object] = {"filename": "consumer.py", "contents": code}
    file |= {"tasks": {"functions": [consumer], "artifacts": []}}
    api.post(f"plugins/{plugin}/files", file)
    arguments = "".join(f"    {key}: ${key}\n" for key in (*inputs, *values))
    entrypoint = {
        "group": 1,
        "name": f"consume {name}",
        "taskGraph": f"run:\n  {function}:\n{arguments}",
        "parameters": [
            {"name": key, "parameterType": "string", "defaultValue": ""} for key in values
        ],
        "artifactParameters": [{"name": key, "outputParams": output} for key in inputs],
        "queues": [queue],
        "plugins": [plugin],
    }
    entrypoint_id = api.post("entrypoints/", entrypoint)["id"]
    experiment = {"group": 1, "name": f"consume {name}", "entrypoints": [entrypoint_id]}
    experiment_id = api.post("experiments/", experiment)["id"]
    job = {"entrypoint": entrypoint_id, "queue": queue}
    job |= {"values": values, "artifactValues": inputs}
    return int(api.post(f"experiments/{experiment_id}/jobs", job)["id"])


def pair(notes: Notes, version: ArtifactVersion) -> dict[str, int]:
    """Return how a job is told which artifact it reads."""
    noted = notes.external("version", version.id)
    return {"id": int(noted["external_id"]), "snapshotId": int(noted["snapshot"])}


def test_a_job_of_a_worker_reads_artifacts_of_ours(
    session: Session, backend: DioptraBackend, consume: Consume, flights: ModuleType
) -> None:
    """A worker without artifact_plugins deserializes frames, documents and the user's own classes."""
    frame = pd.DataFrame({"month": [1, 2], "delay": [0.5, 1.5]})
    saved = {
        "document": session.save({"mean": [1.0, None], "by": "ü"}, "document"),
        "frame": session.save(frame, "flights"),
        "own": session.save(flights.Delay("UA", [1.5]), "delay"),
    }
    notes = drive(session, backend)

    read, status = consume({name: pair(notes, version) for name, version in saved.items()})

    assert status == "finished", read
    assert read.splitlines() == [
        "document: dict {'mean': [1.0, None], 'by': 'ü'}",
        "frame: DataFrame {'month': [1, 2], 'delay': [0.5, 1.5]}",
        "own: Delay Delay(carrier='UA', minutes=[1.5])",
    ]


def test_g1_g2_a_worker_parses_no_changed_file(
    session: Session,
    backend: DioptraBackend,
    dioptra: DioptraServer,
    consume: Consume,
) -> None:
    """G1, G2: one byte changed in MLflow, or a file removed, fails the job before it is parsed."""
    saved = [session.save({"n": number}, f"changed{number}") for number in range(2)]
    notes = drive(session, backend)
    folders = [_stored(dioptra, notes, version) for version in saved]
    payload = next(path for path in folders[0].iterdir() if path.name != "manifest.json")
    payload.write_bytes(payload.read_bytes().replace(b"0", b"7"))
    next(path for path in folders[1].iterdir() if path.name != "manifest.json").unlink()

    for version in saved:
        read, status = consume({"document": pair(notes, version)})

        assert status == "failed"
        assert "are not what was written; nothing was parsed" in read


def test_g20_a_worker_executes_no_pickle_that_nobody_trusts(
    session: Session, backend: DioptraBackend, consume: Consume
) -> None:
    """G20: a format that runs code on load is refused, and the message says how to allow it."""
    version = session.save(range(3), "pickled", materializer="pickle.object")
    notes = drive(session, backend)

    read, status = consume({"document": pair(notes, version)})

    assert status == "failed"
    assert "executes code; nothing was executed" in read
    assert "ARTIFACT_PLUGINS_TRUSTED_MANIFESTS" in read


def _stored(dioptra: DioptraServer, notes: Notes, version: ArtifactVersion) -> Path:
    uri = str(notes.external("version", version.id)["uri"])
    return dioptra.folder / "artifacts" / uri.removeprefix("mlflow-artifacts:/")


RECORDER = """
import sys
from pathlib import Path
from typing import Annotated
from dioptra import pyplugs


@pyplugs.register
def work(place, packages):
    # Stands for an image of the worker that has artifact_plugins installed.
    sys.path.extend(packages.split(":"))
    import artifact_plugins as ap

    @ap.step
    def train(n: int) -> Annotated[dict[str, int], "model"]:
        ap.log_metadata({"loss": 0.5})
        return {"n": n}

    @ap.pipeline
    def fit(n: int = 3):
        return train(n)

    folder = Path(place)
    settings = ap.Settings(
        store_url=str(folder / "store"),
        ledger_url=f"sqlite:///{folder}/ledger.sqlite",
        flush_seconds=120,
    )
    with ap.open_session(settings):
        fit()
"""


def test_a_pipeline_in_a_worker_is_in_its_job(
    dioptra: DioptraServer,
    backend: DioptraBackend,
    api: DioptraApi,
    worker: None,
    project: str,
    tmp_path: Path,
) -> None:
    """Steps in a job of a real worker register there, nothing said: artifacts, metrics, links."""
    sources = [str(Path(module.__path__[0]).parent) for module in PACKAGES]
    packages = ":".join([*sources, sysconfig.get_path("purelib")])
    values = {"place": str(tmp_path), "packages": packages}
    job = submitted(api, project, {}, values, code=RECORDER, function="work")

    found = ended(api, job)

    assert found["status"] == "finished", log_of(api, job)
    artifacts = [api.get(f"artifacts/{item['id']}") for item in found["artifacts"]]
    lines = [parted(item["description"])[1] for item in artifacts]
    assert sorted(str(line["kind"]) for line in lines) == ["run_document", "version"]
    version = next(line for line in lines if line["kind"] == "version")
    run_id = str(version["run"])
    remote = next(iter(backend.versions(RemoteQuery(run_id=run_id))))
    assert remote.record is not None
    assert remote.record.artifact == "model"
    assert any(link.version_id == remote.record.id for link in backend.links(run_id))
    shown = json.loads(api.download(f"jobs/{job}/metrics"))
    metrics = {item["name"]: item["value"] for item in shown}
    assert metrics["train_loss"] == 0.5
    settings = Settings(
        store_url=str(tmp_path / "store"), ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite"
    )
    with open_session(settings) as session:
        assert session.load(remote.record) == {"n": 3}
