"""Dialect S: other routes for tasks, another request, another uniqueness; and the probes."""

from __future__ import annotations

from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, artifact_request, link_request, old_kfp_server


@pytest.fixture
def run_s(kfp_s: KfpServer) -> OpenedRun:
    return kfp_s.open_run("run")


def s_request(run: OpenedRun, task_id: str, **fields: Any) -> dict[str, Any]:
    return {**artifact_request(run, task_id, **fields), "type": "OUTPUT"}


def s_task(kfp_s: KfpServer, run: OpenedRun, **fields: Any) -> str:
    answer = kfp_s.ask("POST", "/tasks", {"name": "make", "run_id": run.run_id, **fields})
    assert answer.status == 200, answer.body
    return str(answer.body["task_id"])


def test_dialect_is_told_by_its_routes(kfp: KfpServer, kfp_s: KfpServer) -> None:
    """The probes of a client see which dialect it is, and which server is too old."""

    def statuses(server: KfpServer) -> list[int]:
        size = [("page_size", "1")]
        links = server.ask("GET", "/artifact_tasks", query=size)
        assert "At least one filter" in links.message
        return [
            server.ask("GET", "/runs/any/tasks", query=size).status,
            server.ask("GET", "/tasks", query=size).status,
        ]

    assert statuses(kfp) == [200, 404]
    assert statuses(kfp_s) == [404, 400]
    assert kfp_s.ask("GET", "/runs/any/tasks").body == {"code": 5, "message": "Not Found"}
    with old_kfp_server() as url:
        assert url.startswith("http://127.0.0.1:")


def test_fields_of_the_other_dialect_are_unknown(
    kfp: KfpServer, kfp_s: KfpServer, run: OpenedRun, task_id: str, run_s: OpenedRun
) -> None:
    """M takes no link type on create, S no reuse."""
    task_s = s_task(kfp_s, run_s)

    of_s = kfp.ask("POST", "/artifacts", s_request(run, task_id))
    of_m = kfp_s.ask("POST", "/artifacts", {**s_request(run_s, task_s), "reuse_if_exists": True})

    assert (of_s.status, of_s.message) == (400, 'proto: unknown field "type"')
    assert (of_m.status, of_m.message) == (400, 'proto: unknown field "reuse_if_exists"')


def test_link_type_is_required_and_ignored(kfp_s: KfpServer, run_s: OpenedRun) -> None:
    """S wants a link type and writes an OUTPUT whatever it is, in an iteration too."""
    task_id = s_task(kfp_s, run_s)
    missing = kfp_s.ask("POST", "/artifacts", artifact_request(run_s, task_id))
    request = {**s_request(run_s, task_id, iteration=2), "type": "ITERATOR_INPUT"}

    made = kfp_s.ask("POST", "/artifacts", request, is_loose=True)

    (link,) = kfp_s.links(task_ids=task_id)
    assert missing.detail == "Artifact type is required"
    assert made.status == 200
    assert (link["type"], link["producer"]["iteration"]) == ("OUTPUT", "2")


def test_batch_of_artifacts_is_not_atomic(kfp_s: KfpServer, run_s: OpenedRun) -> None:
    """In S what came before the bad one stays."""
    task_id = s_task(kfp_s, run_s)
    requests = [s_request(run_s, task_id, name=name) for name in ("a", "", "c")]

    answer = kfp_s.ask("POST", "/artifacts:batchCreate", {"artifacts": requests})

    assert (answer.status, answer.detail) == (400, "Artifact name is required")
    assert len(kfp_s.links(task_ids=task_id)) == 1


def test_artifact_task_and_type_alone_are_unique(kfp_s: KfpServer, run_s: OpenedRun) -> None:
    """In S another key or iteration does not make another link."""
    task_id = s_task(kfp_s, run_s)
    made = kfp_s.ask("POST", "/artifacts", s_request(run_s, task_id), is_loose=True).body

    def link(**fields: Any) -> int:
        request = link_request(run_s, task_id, made["artifact_id"], **fields)
        return kfp_s.ask("POST", "/artifact_tasks", request).status

    assert link() == 200
    assert link(key="other") == link(producer={"iteration": "1"}) == 500
    assert link(type="COLLECTED_INPUTS") == 200


def test_tasks_have_routes_of_their_own(kfp_s: KfpServer, run_s: OpenedRun) -> None:
    """S creates, updates, gets and lists tasks without the run in the path."""
    group = s_task(kfp_s, run_s, type="DAG")
    leaf = s_task(kfp_s, run_s, type="RUNTIME", parent_task_id=group)

    updated = kfp_s.ask("PATCH", f"/tasks/{leaf}", {"state": "SUCCEEDED"})
    many = kfp_s.ask("POST", "/tasks:batchUpdate", {"tasks": {group: {"state": "FAILED"}}})
    by_parent = kfp_s.ask("GET", "/tasks", query=[("parent_id", group)]).body["tasks"]
    by_run = kfp_s.ask("GET", "/tasks", query=[("run_id", run_s.run_id)]).body["tasks"]

    assert updated.body["state"] == "SUCCEEDED"
    assert many.body["tasks"][group]["state"] == "FAILED"
    assert [task["task_id"] for task in by_parent] == [leaf]
    assert {task["task_id"] for task in by_run} == {run_s.root_id, group, leaf}
    assert kfp_s.ask("GET", f"/tasks/{leaf}").body["parent_task_id"] == group
    assert kfp_s.ask("POST", "/tasks", {"name": "x"}).detail == "Run ID is required"
    assert kfp_s.ask("GET", "/tasks").detail == "Run ID is required"
