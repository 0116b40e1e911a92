"""KFP's own client reads what was delivered, and KFP's own components deliver."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from kfp_pipelines import everything
from server_environments import environment

import artifact_plugins as ap
from artifact_integrations.kfp.tasks import remote_task
from artifact_plugins.records import LinkQuery, TaskQuery, every
from artifact_plugins.testing.backend_driver import drive

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PLUGINS = ["artifact_integrations.kfp", "artifact_materializers.python"]

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


def run_in(python: Path, *arguments: str, **variables: str) -> str:
    """Run a script of this folder in another environment, with this checkout importable."""
    packages = [ROOT / "src", ROOT / "materializers", ROOT / "integrations", HERE]
    done = subprocess.run(
        [str(python), *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        env={
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "PYTHONPATH": os.pathsep.join(map(str, packages)),
            **variables,
        },
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_released_client_reads_what_was_delivered(session, server, backend):
    """kfp-server-api 2.17.3 as raw transport finds the run, its tasks, rows and artifacts."""
    run = everything(xs=[1, 2])
    notes = drive(session, backend, run.id)
    python = environment("kfp-api", ["kfp-server-api==2.17.3"]) / "python"

    said = json.loads(
        run_in(
            python,
            str(HERE / "raw_transport.py"),
            server.url,
            notes.external("run", run.id)["external_id"],
        )
    )

    assert said["run"]["name"] == session.ledger.run(run.id).name
    assert said["run"]["state"] == "SUCCEEDED"
    records = {task.record.id for body in said["tasks"] if (task := remote_task(body))}
    assert records == {task.id for task in every(session.ledger.tasks, TaskQuery(run_id=run.id))}
    links = list(every(session.ledger.links, LinkQuery(run_id=run.id)))
    ours = {
        (notes.external("version", link.version_id)["external_id"], link.io_type.value, link.key)
        for link in links
        if link.version_id is not None
    }
    assert {(row["artifact_id"], row["type"], row["key"]) for row in said["rows"]} == ours
    metrics = [one for one in said["artifacts"].values() if one["type"] == "Metric"]
    assert metrics
    assert all("number_value" in one for one in metrics)


@pytest.fixture(scope="module")
def kfp_python() -> Path:
    """Return a Python with kfp 2.17 and what our own package needs."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    requirements = ["kfp==2.17.0", "kfp-server-api==2.17.3", *declared]
    return environment("kfp-components", requirements) / "python"


def launcher(folder: Path, **arguments: str) -> list[str]:
    """Return a stand-in for KFP's launcher: a parent process with its name and arguments."""
    path = folder / "kfp-launcher" / "launch"
    path.parent.mkdir()
    # Everything behind `--` is the user's command; the shell stays its parent.
    path.write_text('while [ "$1" != "--" ]; do shift; done\nshift\n"$@"\nexit $?\n')
    options = [part for name, value in arguments.items() for part in (f"--{name}", value)]
    return ["/bin/sh", str(path), "--executor_type", "container", *options, "--"]


def test_components_register_where_they_run(server, backend_at, kfp_python, tmp_path):
    """A component body that uses our steps is registered below its own task, nothing said."""
    opened = server.open_run("training")
    body = {"name": "train", "type": "RUNTIME", "scope_path": "root.train", "state": "RUNNING"}
    task = server.call(
        "POST", f"/runs/{opened.run_id}/tasks", {**body, "parent_task_id": opened.root_id}
    )
    command = launcher(
        tmp_path, run_id=opened.run_id, task_id=task["task_id"], namespace="kubeflow"
    )

    said = run_in(
        Path(command[0]),
        *command[1:],
        str(kfp_python),
        str(HERE / "kfp_components.py"),
        str(tmp_path / "root"),
        KFP_POD_NAME="train-1",
        KFP_POD_UID="u",
        NAMESPACE="kubeflow",
        KF_PIPELINES_ENDPOINT=server.url,
        ARTIFACT_PLUGINS_PLUGINS=json.dumps(PLUGINS),
        ARTIFACT_PLUGINS_STORE_URL=str(tmp_path / "store"),
        ARTIFACT_PLUGINS_LEDGER_URL=f"sqlite:///{tmp_path / 'own.sqlite'}",
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        PATH=f"{kfp_python.parent}:{os.environ['PATH']}",
    )

    assert "score 1.50" in said
    there = _tasks(server, opened.run_id)
    names = {one["name"]: one for one in there.values()}
    assert names["load"]["state"] == names["fit"]["state"] == "SUCCEEDED"
    (root,) = [one for one in there.values() if one.get("parent_task_id") == task["task_id"]]
    assert root["name"].startswith("inside-")
    assert names["fit"]["parent_task_id"] == root["task_id"]
    assert there[task["task_id"]]["state"] == "RUNNING"
    rows = server.call("GET", f"/artifact_tasks?task_ids={task['task_id']}")["artifact_tasks"]
    assert [row["key"] for row in rows] == ["auto/notes"]
    with ap.open_session(
        ap.Settings(
            store_url=str(tmp_path / "store"), ledger_url=f"sqlite:///{tmp_path / 'own.sqlite'}"
        )
    ) as session:
        (run,) = ap.runs().items
        found = backend_at(server.url, f"?run_id={opened.run_id}").links(run.id)
        links = list(every(session.ledger.links, LinkQuery(run_id=run.id)))
    assert sorted(one.id for one in found) == sorted(one.id for one in links)


def _tasks(server: Any, run_id: str) -> dict[str, Any]:
    found = server.call("GET", f"/runs/{run_id}/tasks?page_size=200")["tasks"]
    return {one["task_id"]: one for one in found}


def test_outside_of_a_pod_nothing_is_registered(server, kfp_python, tmp_path):
    """The same components on a laptop record in the ledger and speak to nobody."""
    said = run_in(
        kfp_python,
        str(HERE / "kfp_components.py"),
        str(tmp_path / "root"),
        ARTIFACT_PLUGINS_PLUGINS=json.dumps(PLUGINS),
        ARTIFACT_PLUGINS_STORE_URL=str(tmp_path / "store"),
        ARTIFACT_PLUGINS_LEDGER_URL=f"sqlite:///{tmp_path / 'own.sqlite'}",
        XDG_CONFIG_HOME=str(tmp_path / "config"),
    )

    assert "score 1.50" in said
    with ap.open_session(
        ap.Settings(
            store_url=str(tmp_path / "store"), ledger_url=f"sqlite:///{tmp_path / 'own.sqlite'}"
        )
    ) as session:
        assert len(ap.runs().items) == 1
        assert session.ledger.registered_backends() == ()
