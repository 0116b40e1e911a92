"""Runs and experiments over HTTP: opened without a pipeline, ended by their ROOT."""

from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, artifact_request, link_request

from artifact_plugins.cli.app import group
from artifact_plugins.cli.failures import run as run_command
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import LinkQuery, RunQuery, TaskQuery

NOWHERE = "00000000-0000-4000-8000-000000000000"


def test_run_is_opened_with_its_root(kfp: KfpServer) -> None:
    """A run needs a name only; its parameters are inputs of its ROOT task."""
    sent = {
        "display_name": "nightly / 7",
        "description": "d",
        "service_account": "s",
        "runtime_config": {"parameters": {"a": 1, "b": [None]}, "pipeline_root": "s3://r"},
    }

    made = kfp.ask("POST", "/runs", sent).body
    whole = kfp.ask("GET", f"/runs/{made['run_id']}", query=[("view", "FULL")]).body

    (root,) = whole.pop("tasks")
    assert {key: made[key] for key in sent} == sent
    assert (made["state"], made["storage_state"]) == ("RUNNING", "AVAILABLE")
    assert whole == {**made, "task_count": 1}
    assert (root["name"], root["type"], root["state"]) == ("ROOT", "ROOT", "RUNNING")
    assert root["inputs"]["parameters"][0] == {
        "value": 1,
        "type": "RUNTIME_VALUE_INPUT",
        "parameter_key": "a",
        "producer": {"task_name": "ROOT"},
    }


def test_tasks_are_shown_in_the_full_view_only(kfp: KfpServer, run: OpenedRun) -> None:
    """By default and in the DEFAULT view a run has no tasks."""
    for query in ([], [("view", "DEFAULT")], [("view", "0")]):
        body = kfp.ask("GET", f"/runs/{run.run_id}", query=query, is_loose=True).body
        assert "tasks" not in body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pipeline_spec": {"a": 1}}, "this server executes no pipelines"),
        ({"pipeline_version_id": "x"}, "this server executes no pipelines"),
        (
            {"pipeline_version_reference": {"pipeline_id": "x"}},
            "this server executes no pipelines",
        ),
        ({"display_name": ""}, "Run name is empty"),
        ({"experiment_id": NOWHERE}, f"Experiment {NOWHERE} not found"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    kfp: KfpServer, fields: dict[str, Any], said: str
) -> None:
    """A pipeline is refused rather than ignored; a name and a known experiment are needed."""
    answer = kfp.ask("POST", "/runs", {"display_name": "x", **fields})
    assert answer.status in (400, 404)
    assert answer.detail.startswith(said)


@pytest.mark.parametrize(
    ("of_root", "of_run"),
    [
        ("SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "FAILED"),
        ("SKIPPED", "SKIPPED"),
        ("CACHED", "SUCCEEDED"),
    ],
)
def test_run_ends_as_its_root_does(
    kfp: KfpServer, run: OpenedRun, of_root: str, of_run: str
) -> None:
    """The state of ROOT is the run's, with its history; running again takes the end back."""
    path = f"/runs/{run.run_id}/tasks/{run.root_id}"
    kfp.ask("PATCH", path, {"state": of_root, "status_metadata": {"message": "why"}})
    ended = kfp.ask("GET", f"/runs/{run.run_id}").body
    kfp.ask("PATCH", path, {"state": "RUNNING"})
    again = kfp.ask("GET", f"/runs/{run.run_id}").body

    assert ended["state"] == of_run
    assert "finished_at" in ended
    assert ended.get("error", {}).get("message") == ("why" if of_root == "FAILED" else None)
    assert "finished_at" not in again
    states = [one["state"] for one in again["state_history"]]
    assert states == ["RUNNING", of_run, "RUNNING"]


def test_runs_are_listed_by_experiment(kfp: KfpServer) -> None:
    """Runs are paged, sorted and filtered like the rest, inside an experiment or over all."""
    experiment = kfp.ask("POST", "/experiments", {"display_name": "e1"}).body["experiment_id"]
    for name in ("b", "a", "c"):
        kfp.open_run(name, experiment_id=experiment)
    query = [("experiment_id", experiment), ("sort_by", "name desc"), ("page_size", "2")]

    first = kfp.ask("GET", "/runs", query=query).body
    rest = [("experiment_id", experiment), ("page_token", first["next_page_token"])]
    second = kfp.ask("GET", "/runs", query=rest).body
    names = [run["display_name"] for run in (*first["runs"], *second["runs"])]

    assert (names, first["total_size"]) == (["c", "b", "a"], 3)
    full = kfp.ask("GET", "/runs", query=[("page_size", "1"), ("view", "FULL")]).body
    assert full["total_size"] >= 3
    assert full["runs"][0]["tasks"][0]["name"] == "ROOT"


def test_experiments_have_one_name_each(kfp: KfpServer) -> None:
    """The default one is there from the start; a name is given once; clients find it by name."""
    default = kfp.ask("GET", "/experiments").body["experiments"][0]
    made = kfp.ask("POST", "/experiments", {"display_name": "e2", "description": "d"}).body
    again = kfp.ask("POST", "/experiments", {"display_name": "e2"})
    by_name = '{"predicates":[{"operation":"EQUALS","key":"display_name","stringValue":"e2"}]}'
    found = kfp.ask("GET", "/experiments", query=[("filter", by_name)]).body["experiments"]

    assert default["display_name"] == "Default"
    assert (again.status, again.body["code"]) == (409, 6)
    assert found == [made] == [kfp.ask("GET", f"/experiments/{made['experiment_id']}").body]
    assert kfp.ask("GET", f"/experiments/{NOWHERE}").status == 404
    assert kfp.ask("POST", "/experiments", {}).status == 400


def test_deleted_run_takes_tasks_and_links_along_but_no_artifact(tmp_path: Path) -> None:
    """Nothing of a deleted run is served but its artifacts; the ledger keeps the lineage."""
    with KfpServer(tmp_path) as kfp:
        run = kfp.open_run("gone")
        task_id = kfp.new_task(run)
        artifact_id = kfp.new_artifact(run, task_id)["artifact_id"]
        ledger_url = kfp.ledger_url

        assert kfp.ask("DELETE", f"/runs/{run.run_id}").body == {}

        for path in (f"/runs/{run.run_id}", f"/runs/{run.run_id}/tasks/{task_id}"):
            assert kfp.ask("GET", path).status == 404
        assert kfp.ask("DELETE", f"/runs/{run.run_id}").status == 404
        assert kfp.links(artifact_ids=artifact_id) == []
        assert kfp.links(run_ids=run.run_id) == []
        assert kfp.ask("GET", "/artifact_tasks", query=[("task_ids", task_id)]).status == 404
        assert kfp.ask("GET", "/runs").body == {}
        assert kfp.ask("GET", f"/artifacts/{artifact_id}").status == 200
        assert kfp.ask("POST", "/artifacts", artifact_request(run, task_id)).status == 404
    with Ledger.open(ledger_url, durable=False) as ledger:
        assert len(ledger.runs(RunQuery())) == 1
        assert len(ledger.tasks(TaskQuery(run_id=run.run_id))) == 2
        assert len(ledger.links(LinkQuery(run_id=run.run_id))) == 1


def test_retry_runs_failed_tasks_again_without_their_links(kfp: KfpServer, run: OpenedRun) -> None:
    """A FAILED task is RUNNING again with no end, no outputs and no links, which may come again."""
    good = kfp.new_task(run, "good", state="SUCCEEDED")
    bad = kfp.new_task(
        run,
        "bad",
        pods=[{"name": "p"}],
        outputs={"parameters": [{"value": 1, "type": "OUTPUT", "parameter_key": "o"}]},
        inputs={"parameters": [{"value": 1, "type": "COMPONENT_INPUT", "parameter_key": "i"}]},
    )
    artifact_id = kfp.new_artifact(run, good)["artifact_id"]
    link = link_request(run, bad, artifact_id)
    kfp.ask("POST", "/artifact_tasks", link)
    tasks = f"/runs/{run.run_id}/tasks"
    early = kfp.ask("POST", f"/runs/{run.run_id}:retry")
    failed = {"state": "FAILED", "end_time": "2026-01-01T00:00:00Z"}
    kfp.ask("PATCH", f"{tasks}/{bad}", {**failed, "status_metadata": {"message": "no"}})
    kfp.ask("PATCH", f"{tasks}/{run.root_id}", {"state": "FAILED"})

    assert kfp.ask("POST", f"/runs/{run.run_id}:retry").body == {}

    again = kfp.ask("GET", f"{tasks}/{bad}").body
    assert early.status == 400
    assert again["state"] == kfp.ask("GET", f"/runs/{run.run_id}").body["state"] == "RUNNING"
    assert not {"end_time", "pods", "status_metadata"} & set(again)
    assert again["outputs"] == {}
    assert "artifacts" not in again["inputs"]
    assert len(again["inputs"]["parameters"]) == 1
    assert kfp.links(task_ids=bad) == []
    assert len(kfp.links(task_ids=good)) == 1
    assert kfp.ask("POST", "/artifact_tasks", link).status == 200
    assert kfp.ask("POST", "/artifact_tasks", link).status == 500
    assert len(kfp.links(task_ids=bad)) == 1


def test_run_is_terminated_and_archived(kfp: KfpServer, run: OpenedRun) -> None:
    """Nothing executes here, so a terminated run is CANCELED at once."""
    for verb, field, value in (
        ("archive", "storage_state", "ARCHIVED"),
        ("unarchive", "storage_state", "AVAILABLE"),
        ("terminate", "state", "CANCELED"),
        ("terminate", "state", "CANCELED"),
    ):
        assert kfp.ask("POST", f"/runs/{run.run_id}:{verb}").body == {}
        assert kfp.ask("GET", f"/runs/{run.run_id}").body[field] == value
    assert kfp.ask("POST", f"/runs/{NOWHERE}:archive").status == 404


@pytest.mark.parametrize("hard", [False, True])
def test_everything_is_there_after_a_restart(tmp_path: Path, hard: bool) -> None:
    """What was answered is served again, word for word, after a stop and after SIGKILL."""
    with KfpServer(tmp_path) as kfp:
        run = kfp.open_run("kept")
        task_id = kfp.new_task(run, scope_path="root.make", parent_task_id=run.root_id)
        kfp.ask("PATCH", f"/runs/{run.run_id}/tasks/{task_id}", {"pods": [{"name": "p"}]})
        artifact = kfp.new_artifact(run, task_id, type="Metric", number_value=0.5)
        questions: list[tuple[str, list[tuple[str, str]]]] = [
            (f"/artifacts/{artifact['artifact_id']}", []),
            ("/artifact_tasks", [("task_ids", task_id)]),
            (f"/runs/{run.run_id}", [("view", "FULL")]),
            ("/experiments", []),
            ("/artifacts", []),
        ]
        before = [kfp.ask("GET", path, query=query).body for path, query in questions]

        kfp.restart(hard=hard)

        assert [kfp.ask("GET", path, query=query).body for path, query in questions] == before
        again = kfp.new_task(run, scope_path="root.make", parent_task_id=run.root_id)
        assert again == task_id


def test_lost_answer_is_found_again(kfp: KfpServer, run: OpenedRun) -> None:
    """A client that got no answer finds by listing what its request made."""
    task_id = kfp.new_task(run)
    mine = "0199-my-version"
    kfp.call("POST", "/artifacts", artifact_request(run, task_id, metadata={"mine": mine}))

    (link,) = kfp.links(task_ids=task_id)

    found = kfp.call("GET", f"/artifacts/{link['artifact_id']}")
    assert found["metadata"] == {"mine": mine}
    with pytest.raises(urllib.error.HTTPError):
        kfp.call("GET", f"/artifacts/{NOWHERE}")


@pytest.mark.slow
def test_ledger_of_a_face_is_healthy_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line lists what clients registered, and the doctor finds nothing wrong."""
    with KfpServer(tmp_path) as kfp:
        run = kfp.open_run("a / b")
        task_id = kfp.new_task(run, scope_path="root.make", parent_task_id=run.root_id)
        made = kfp.new_artifact(run, task_id, uri="s3://b/k")
        kfp.new_artifact(run, task_id, name="x/y", type="Metric", number_value=0.5, key="m")
        kfp.ask("POST", "/artifact_tasks", link_request(run, run.root_id, made["artifact_id"]))

    def said(*words: str) -> str:
        assert run_command(group, ["--ledger", kfp.ledger_url, *words]) == 0
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    assert "nothing is wrong" in said("doctor")
    assert "s3://b/k" in said("show", "model")
    assert "OUTPUT" in said("lineage", "model")
    assert "TASK_OUTPUT_INPUT" in said("links")
