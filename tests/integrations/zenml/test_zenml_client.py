"""What ZenML's own client shows of a run of ours, and the values that it loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zenml_pipelines as pipelines
from backend_driver import drive
from zenml_servers import ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.records import RunQuery, VersionQuery, every

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Read = Callable[..., Any]


@pytest.fixture
def server(new_server: ZenML) -> ZenML:
    """The version that the client is of."""
    return new_server


def test_run_looks_right_in_zenml(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, read_with_zenml: Read
) -> None:
    """Steps, inputs, outputs, producers, tags, metadata and values are what our run had."""
    pipelines.delays(months=[1, 2])
    drive(session, backend)
    run = next(every(session.ledger.runs, RunQuery()))

    seen = read_with_zenml(server, project, "run", run.name)

    assert (seen["name"], seen["status"], seen["pipeline"]) == (run.name, "completed", "delays")
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
    assert steps["mean_delay[1]"]["inputs"]["flights"] == [["flights", "2", "step_output"]]
    assert [one[0] for one in steps["rank"]["inputs"]["delays"]] == ["mean_delay", "mean_delay"]
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
    """A pickled value loads in ZenML only for a reader who trusts who wrote it: here, the same key."""
    large = {complex(n, 1): "x" * 50 for n in range(200)}
    version = ap.save(large, "pickled", materializer="pickle.object")
    notes = drive(session, backend)

    (value,) = read_with_zenml(
        server, project, "load", notes.external("version", version.id)["external_id"]
    )

    assert value == ["dict", repr(large)]
    assert not list(every(session.ledger.versions, VersionQuery(is_deleted=True)))
