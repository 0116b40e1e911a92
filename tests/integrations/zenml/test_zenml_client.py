"""What ZenML's own client shows of a run of ours, and the values that it loads."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zenml_pipelines as pipelines
from zenml_servers import ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.records import ArtifactVersion, RunQuery, VersionQuery, every
from artifact_plugins.testing.backend_driver import drive

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Read = Callable[..., Any]


def run_versions(session: Session, run_id: str) -> list[ArtifactVersion]:
    """Return the versions of a run, in the order in which they were made."""
    return list(every(session.ledger.versions, VersionQuery(run_id=run_id), newest_first=False))


@pytest.fixture
def server(new_server: ZenML) -> ZenML:
    """The version that the client is of."""
    return new_server


def test_run_looks_right_in_zenml(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, read_with_zenml: Read
) -> None:
    """Steps, inputs, outputs, producers, tags, metadata and values are what our run had."""
    pipelines.delays(months=[1, 2])
    notes = drive(session, backend)
    run = next(every(session.ledger.runs, RunQuery()))

    seen = read_with_zenml(server, project, "run", run.name)

    assert (seen["name"], seen["status"], seen["pipeline"]) == (run.name, "completed", "delays")
    assert notes.external("run", run.id)["url"] == seen["page"]
    assert seen["parameters"] == {"months": [1, 2], "carrier": "UA"}
    steps = seen["steps"]
    assert sorted(steps) == [
        "load_flights[0]",
        "load_flights[1]",
        "mean_delay[0]",
        "mean_delay[1]",
        "rank",
    ]
    assert {step["status"] for step in steps.values()} == {"completed"}
    assert steps["load_flights[1]"]["parameters"] == {"month": 2}
    (flights,) = steps["load_flights[0]"]["outputs"]["flights"]
    assert flights["name"] == "flights"
    assert flights["is_from_this_step"]
    assert (flights["tags"], flights["type"]) == (["raw"], "DataArtifact")
    assert (flights["save_type"], flights["visualizations"]) == ("step_output", ["markdown"])
    assert (flights["metadata"]["a.b"], flights["metadata"]["month"]) == (1, 1)
    assert "none" not in flights["metadata"]
    frame = {"delay": [float(n) for n in range(1000)], "carrier": ["UA"] * 1000}
    kinds = {name: str(kind) for name, kind in pd.DataFrame(frame).dtypes.items()}
    assert flights["value"] == ["DataFrame", frame, kinds]
    ours = [one for one in run_versions(session, run.id) if one.artifact == "flights"]
    assert flights["content_hash"] == ours[0].content_hash
    ((name, number, kind, read),) = steps["mean_delay[1]"]["inputs"]["flights"]
    assert (name, number, kind) == ("flights", "2", "step_output")
    assert read[:1] == ["DataFrame"]
    delays = steps["rank"]["inputs"]["delays"]
    assert [one[0] for one in delays] == ["mean_delay", "mean_delay"]
    assert sorted(one[3] for one in delays) == [["float", "499.5"], ["float", "999.0"]]
    (ranking,) = steps["rank"]["outputs"]["ranking"]
    assert ranking["value"] == ["dict", repr({"m0": 499.5, "m1": 999.0})]


def test_failed_step_in_zenml(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, read_with_zenml: Read
) -> None:
    """A failed step has its message, no producer for what it logged, and that still loads."""
    with pytest.raises(RuntimeError):
        pipelines.failing()
    drive(session, backend)
    run = next(every(session.ledger.runs, RunQuery()))

    seen = read_with_zenml(server, project, "run", run.name)

    failed = seen["steps"]["log_then_fail"]
    assert (seen["status"], failed["status"]) == ("failed", "failed")
    assert failed["error"] == "RuntimeError: no such carrier"
    (logged,) = failed["outputs"]["auto/seen"]
    assert not logged["has_producer"]
    assert logged["value"] == ["dict", "{'i': 1}"]


def test_values_of_every_home_load(
    session: Session,
    backend: ZenMLBackend,
    server: ZenML,
    project: str,
    read_with_zenml: Read,
    tmp_path: Path,
) -> None:
    """Values in their record, values in files, and data that lies where its owner put it load."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    saved = [
        ap.save((1, (2, 3)), "nested"),
        ap.save(None, "nothing"),
        ap.save("x" * 10_000, "long"),
        ap.save(pd.DataFrame({"a": [1, None]}), "frame"),
        ap.save({1, 2}, "set"),
        ap.register(str(tmp_path / "data.csv"), "lying"),
    ]
    notes = drive(session, backend)

    values = read_with_zenml(
        server,
        project,
        "load",
        *(notes.external("version", version.id)["external_id"] for version in saved),
    )

    assert values == [
        ["tuple", "(1, (2, 3))"],
        ["NoneType", "None"],
        ["str", repr("x" * 10_000)],
        ["DataFrame", {"a": [1.0, pytest.approx(float("nan"), nan_ok=True)]}, {"a": "float64"}],
        ["set", "{1, 2}"],
        ["PosixPath", repr(tmp_path / "data.csv")],
    ]


def test_what_is_executed_needs_trust(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, read_with_zenml: Read
) -> None:
    """A pickled value loads in ZenML for a reader with the same key, and for no stranger."""
    # A pickle of plain values executes nothing, and loads for anybody.
    version = ap.save(operator.itemgetter(1), "pickled", materializer="pickle.object")
    notes = drive(session, backend)

    external_id = notes.external("version", version.id)["external_id"]
    (value,) = read_with_zenml(server, project, "load", external_id)
    said = read_with_zenml(server, project, "refused", external_id, trusts=False)

    assert value == ["itemgetter", "operator.itemgetter(1)"]
    assert said[0] == "UntrustedKeyError"
    assert not list(every(session.ledger.versions, VersionQuery(is_deleted=True)))
