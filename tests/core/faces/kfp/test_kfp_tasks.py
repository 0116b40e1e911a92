"""Tasks over HTTP: create, merge, list, hydration, cache."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, link_request

NOWHERE = "00000000-0000-4000-8000-000000000000"


def parameter(key: str, value: Any, io_type: str = "OUTPUT", **producer: Any) -> dict[str, Any]:
    return {
        "value": value,
        "type": io_type,
        "parameter_key": key,
        "producer": {"task_name": "make", **producer},
    }


def update(kfp: KfpServer, run: OpenedRun, task_id: str, **fields: Any) -> dict[str, Any]:
    answer = kfp.ask("PATCH", f"/runs/{run.run_id}/tasks/{task_id}", fields)
    assert answer.status == 200, answer.body
    return dict(answer.body)


def get(kfp: KfpServer, run: OpenedRun, task_id: str) -> dict[str, Any]:
    return dict(kfp.ask("GET", f"/runs/{run.run_id}/tasks/{task_id}").body)


def test_every_field_comes_back(kfp: KfpServer, run: OpenedRun) -> None:
    """A task keeps what was sent; what the server alone knows is ignored on create."""
    sent = {
        "name": "make",
        "display_name": "Make it",
        "pods": [{"name": "p", "uid": "u", "type": "EXECUTOR"}],
        "cache_fingerprint": "f" * 40,
        "create_time": "2026-01-02T03:04:05Z",
        "end_time": "2026-01-02T03:05:05Z",
        "state": "FAILED",
        "status_metadata": {"message": "no", "custom_properties": {"a": [1, None]}},
        "type": "RUNTIME",
        "type_attributes": {
            "iteration_index": "0",
            "iteration_count": "4",
            "download_to_workspace": False,
        },
        "parent_task_id": run.root_id,
        "inputs": {"parameters": [parameter("x", None, "RUNTIME_VALUE_INPUT")]},
        "outputs": {"parameters": [parameter("o", [1, {"a": 2.5}], iteration="0")]},
        "scope_path": "root.make",
    }

    made = kfp.ask("POST", f"/runs/{run.run_id}/tasks", {**sent, "task_id": NOWHERE}).body

    found = get(kfp, run, made["task_id"])
    history = found.pop("state_history")
    assert made["task_id"] != NOWHERE
    assert [one["state"] for one in history] == ["FAILED"]
    assert found == {**sent, "task_id": made["task_id"], "run_id": run.run_id}


@pytest.mark.parametrize("kind", ["CONDITION", "LOOP", "EXIT_HANDLER", "TASK_TYPE_UNSPECIFIED"])
def test_types_and_states_that_our_tasks_have_not_come_back(
    kfp: KfpServer, run: OpenedRun, kind: str
) -> None:
    """A type or state without an equal among ours is served as it was sent."""
    task_id = kfp.new_task(run, kind, type=kind, state="RUNTIME_STATE_UNSPECIFIED")

    found = get(kfp, run, task_id)

    assert found.get("type", "TASK_TYPE_UNSPECIFIED") == kind
    assert "state" not in found
    assert found["inputs"] == found["outputs"] == {}


def test_rules_of_create(kfp: KfpServer, run: OpenedRun) -> None:
    """What a new task names has to be there and of its run."""
    other = kfp.open_run("other")
    path = f"/runs/{run.run_id}/tasks"

    def ask(body: Any, path: str = path) -> tuple[int, str]:
        answer = kfp.ask("POST", path, body)
        return answer.status, answer.detail

    assert ask(b"") == (400, "Task is required")
    assert ask({"run_id": other.run_id}) == (
        400,
        "Task run_id in request body does not match run_id in path parameter",
    )
    assert ask({"parent_task_id": NOWHERE}) == (404, f"task {NOWHERE} not found")
    assert ask({"parent_task_id": other.root_id}) == (
        400,
        "parent_task_id must belong to the same run as the task",
    )
    assert ask({}, f"/runs/{NOWHERE}/tasks") == (404, f"Run {NOWHERE} not found")
    assert kfp.ask("POST", path, {}).status == 200  # nothing else is required
    assert ask({"name": "n" * 129})[0] == 500


def test_create_again_returns_the_task_unchanged(kfp: KfpServer, run: OpenedRun) -> None:
    """Run, parent, scope, name, type and iteration are the identity of a task."""
    sent = {
        "name": "make",
        "type": "RUNTIME",
        "scope_path": "root.make",
        "parent_task_id": run.root_id,
        "type_attributes": {"iteration_index": "1"},
    }

    def create(**changed: Any) -> dict[str, Any]:
        return dict(kfp.ask("POST", f"/runs/{run.run_id}/tasks", {**sent, **changed}).body)

    first = create(state="RUNNING")
    again = create(state="FAILED", display_name="other")
    differences: list[dict[str, Any]] = [
        {"name": "other"},
        {"scope_path": "root.loop.make"},
        {"type": "DAG"},
        {"parent_task_id": first["task_id"]},
        {"type_attributes": {"iteration_index": "0"}},
        {"type_attributes": {}},
        {"scope_path": ""},
    ]
    others = {create(**changed)["task_id"] for changed in differences}

    assert (again["task_id"], again["state"]) == (first["task_id"], "RUNNING")
    assert "display_name" not in again
    assert len(others | {first["task_id"]}) == 8
    assert create(scope_path="")["task_id"] not in others  # without an identity each is new


def test_task_that_many_create_at_once_is_one(kfp: KfpServer, run: OpenedRun) -> None:
    """Twelve equal creates at the same time return the same task."""
    with ThreadPoolExecutor(12) as pool:
        made = set(pool.map(lambda _: kfp.new_task(run, scope_path="root.make"), range(12)))
    assert len(made) == 1
    assert kfp.ask("GET", f"/runs/{run.run_id}").body["task_count"] == 2


def test_update_writes_only_what_is_not_zero(kfp: KfpServer, run: OpenedRun) -> None:
    """Scope and time of creation never change; pods, status and attributes are replaced."""
    task_id = kfp.new_task(
        run,
        scope_path="root.make",
        display_name="a",
        pods=[{"name": "p"}],
        status_metadata={"message": "m", "custom_properties": {"a": 1}},
        type_attributes={"iteration_index": "1", "iteration_count": "2"},
        create_time="2026-01-02T03:04:05Z",
    )

    update(
        kfp,
        run,
        task_id,
        display_name="",
        scope_path="elsewhere",
        create_time="2020-01-01T00:00:00Z",
        end_time="2026-01-02T03:04:06Z",
        pods=[{"name": "q"}],
        status_metadata={"message": "n"},
        type_attributes={"iteration_index": "1"},
        state="SUCCEEDED",
    )

    found = get(kfp, run, task_id)
    assert found["display_name"] == "a"
    assert (found["scope_path"], found["create_time"]) == ("root.make", "2026-01-02T03:04:05Z")
    assert (found["end_time"], found["pods"]) == ("2026-01-02T03:04:06Z", [{"name": "q"}])
    assert found["status_metadata"] == {"message": "n"}
    assert found["type_attributes"] == {"iteration_index": "1"}
    assert [one["state"] for one in found["state_history"]] == ["RUNNING", "SUCCEEDED"]
    update(kfp, run, task_id, state="SUCCEEDED")
    assert len(get(kfp, run, task_id)["state_history"]) == 2


def test_parameters_merge_by_type_key_producer_and_iteration(
    kfp: KfpServer, run: OpenedRun
) -> None:
    """The later value wins; of what comes many times without an iteration the value counts too."""
    many = "COLLECTED_INPUTS"
    task_id = kfp.new_task(
        run,
        inputs={"parameters": [parameter("c", 1, many), parameter("x", 1, "COMPONENT_INPUT")]},
        outputs={"parameters": [parameter("o", 1), parameter("o", 2, iteration="0")]},
    )

    update(
        kfp,
        run,
        task_id,
        inputs={"parameters": [parameter("c", 2, many), parameter("c", 1, many)]},
        outputs={"parameters": [parameter("o", 3), parameter("p", 4)]},
    )

    found = get(kfp, run, task_id)
    inputs = [(one["parameter_key"], one["value"]) for one in found["inputs"]["parameters"]]
    outputs = [
        (one["parameter_key"], one["producer"].get("iteration"), one["value"])
        for one in found["outputs"]["parameters"]
    ]
    assert sorted(inputs) == [("c", 1), ("c", 2), ("x", 1)]
    assert sorted(outputs, key=str) == [("o", "0", 2), ("o", None, 3), ("p", None, 4)]


def test_artifacts_of_a_request_are_ignored(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """What a task read and wrote is known from links alone."""
    forged = {"artifacts": [{"artifact_key": "x", "type": "OUTPUT", "artifacts": []}]}
    update(kfp, run, task_id, outputs=forged, inputs=forged)
    assert get(kfp, run, task_id)["outputs"] == {}


def test_rules_of_update(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Path and body have to agree, and the task has to be there."""
    other = kfp.open_run("other")

    def ask(body: Any, path: str) -> tuple[int, str]:
        answer = kfp.ask("PATCH", path, body)
        return answer.status, answer.detail

    assert ask({"task_id": NOWHERE}, f"/runs/{run.run_id}/tasks/{task_id}") == (
        400,
        "Task ID in path parameter does not match task ID in request body",
    )
    assert ask({}, f"/runs/{run.run_id}/tasks/{NOWHERE}") == (404, f"task {NOWHERE} not found")
    assert ask({}, f"/runs/{other.run_id}/tasks/{task_id}") == (
        400,
        "Task run_id in path parameter does not match the existing task run_id",
    )
    assert ask({"parent_task_id": other.root_id}, f"/runs/{run.run_id}/tasks/{task_id}") == (
        400,
        "parent_task_id must belong to the same run as the task",
    )


def test_parent_may_be_changed_and_cleared(kfp: KfpServer, run: OpenedRun) -> None:
    """Children follow their parents, whatever the ledger kept first."""
    group = kfp.new_task(run, "group", type="DAG", parent_task_id=run.root_id)
    leaf = kfp.new_task(run, "leaf", parent_task_id=run.root_id)

    update(kfp, run, leaf, parent_task_id=group)
    moved = get(kfp, run, group)["child_tasks"], get(kfp, run, run.root_id)["child_tasks"]
    update(kfp, run, leaf, parent_task_id="")

    assert moved == (
        [{"task_id": leaf, "name": "leaf"}],
        [{"task_id": group, "name": "group"}],
    )
    assert "child_tasks" not in get(kfp, run, group)
    assert not get(kfp, run, leaf).get("parent_task_id")


def test_batch_update_checks_all_and_then_writes_each(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """One unknown task among them, and none is written; else the answer has all of them."""
    other = kfp.new_task(run, "other")
    path = f"/runs/{run.run_id}/tasks:batchUpdate"

    def ask(tasks: Any, path: str = path) -> tuple[int, str]:
        answer = kfp.ask("POST", path, {"tasks": tasks})
        return answer.status, answer.detail

    assert ask({}) == (400, "UpdateTasksBulkRequest must contain at least one task")
    assert ask({task_id: None}) == (400, f"Task is required for task ID {task_id}")
    assert ask({task_id: {"task_id": other}}) == (
        400,
        f"Task ID in map key does not match task ID in task detail for task {task_id}",
    )
    assert ask({task_id: {"state": "FAILED"}, NOWHERE: {}}) == (404, f"task {NOWHERE} not found")
    assert get(kfp, run, task_id)["state"] == "RUNNING"
    elsewhere = kfp.open_run("elsewhere").run_id
    assert ask({task_id: {}}, f"/runs/{elsewhere}/tasks:batchUpdate") == (
        400,
        f"Task {task_id} does not belong to run {elsewhere}",
    )

    answer = kfp.ask(
        "POST", path, {"tasks": {one: {"state": "SUCCEEDED"} for one in (task_id, other)}}
    )

    assert {name: one["state"] for name, one in answer.body["tasks"].items()} == {
        task_id: "SUCCEEDED",
        other: "SUCCEEDED",
    }


def test_get_wants_the_right_run(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """A task is 404 when unknown and 400 below another run."""
    other = kfp.open_run("other").run_id
    assert kfp.ask("GET", f"/runs/{run.run_id}/tasks/{NOWHERE}").status == 404
    assert kfp.ask("GET", f"/runs/{other}/tasks/{task_id}").status == 400


def test_links_of_one_key_are_one_group(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Links group by key, type and producer; elements of a fan-out by iteration as well."""
    made = [kfp.new_artifact(run, task_id, iteration=n)["artifact_id"] for n in (1, 0)]
    use = kfp.new_task(run, "use")
    for iteration, artifact_id in enumerate(made):
        for io_type in ("COLLECTED_INPUTS", "TASK_FINAL_STATUS_OUTPUT"):
            request = link_request(
                run,
                use,
                artifact_id,
                type=io_type,
                producer={"task_name": "make", "iteration": str(iteration)},
            )
            assert kfp.ask("POST", "/artifact_tasks", request).status == 200

    outputs = get(kfp, run, task_id)["outputs"]["artifacts"]
    reader = get(kfp, run, use)

    def said(groups: list[dict[str, Any]]) -> list[Any]:
        return [
            (
                one["type"],
                one["producer"].get("iteration"),
                [a["artifact_id"] for a in one["artifacts"]],
            )
            for one in groups
        ]

    assert said(outputs) == [
        ("ITERATOR_OUTPUT", "0", [made[1]]),
        ("ITERATOR_OUTPUT", "1", [made[0]]),
    ]
    # A group is named after its first link; the final status counts as an output here.
    assert said(reader["inputs"]["artifacts"]) == [("COLLECTED_INPUTS", "0", made)]
    assert said(reader["outputs"]["artifacts"]) == [("TASK_FINAL_STATUS_OUTPUT", "0", made)]


def test_listing_gives_children_of_a_parent(kfp: KfpServer, run: OpenedRun) -> None:
    """With a parent only its direct children are listed; an unknown run has none."""
    group = kfp.new_task(run, "group", parent_task_id=run.root_id)
    leaf = kfp.new_task(run, "leaf", parent_task_id=group)
    path = f"/runs/{run.run_id}/tasks"

    def ids(*query: tuple[str, str]) -> list[str]:
        body = kfp.ask("GET", path, query=query).body
        return [task["task_id"] for task in body.get("tasks", [])]

    assert set(ids()) == {run.root_id, group, leaf}
    assert ids(("parent_id", group)) == [leaf]
    assert ids(("parent_id", leaf)) == []
    assert kfp.ask("GET", f"/runs/{NOWHERE}/tasks").body == {}
    unknown = kfp.ask("GET", path, query=[("parent_id", NOWHERE)])
    assert (unknown.status, unknown.detail) == (404, f"task {NOWHERE} not found")
    other = kfp.ask("GET", path, query=[("parent_id", kfp.open_run("other").root_id)])
    assert other.detail == "parent_task_id must belong to the same run as run_id"


def test_newest_task_of_a_fingerprint_is_found(kfp: KfpServer, run: OpenedRun) -> None:
    """Of SUCCEEDED tasks the newest is found; CACHED ones and deleted runs do not count."""
    fingerprint = uuid.uuid4().hex

    def create(on: OpenedRun, year: int, state: str) -> str:
        return kfp.new_task(
            on,
            state=state,
            cache_fingerprint=fingerprint,
            create_time=f"{year}-01-01T00:00:00Z",
        )

    def find() -> Any:
        body = {"cache_fingerprint": fingerprint, "namespace": "any"}
        return kfp.ask("POST", "/tasks:findCached", body).body.get("task", {}).get("task_id")

    nothing = find()
    newest = create(run, 2021, "SUCCEEDED")
    create(run, 2020, "SUCCEEDED")
    create(run, 2022, "CACHED")
    create(run, 2023, "FAILED")
    deleted = kfp.open_run("deleted")
    create(deleted, 2024, "SUCCEEDED")
    kfp.ask("DELETE", f"/runs/{deleted.run_id}")

    assert nothing is None
    assert find() == newest
    required = kfp.ask("POST", "/tasks:findCached", {}).detail
    assert required == "cache_fingerprint is required"


def test_empty_message_replaces_what_was_there(kfp: KfpServer, run: OpenedRun) -> None:
    """Status and attributes that are sent empty are empty afterwards."""
    task_id = kfp.new_task(
        run, status_metadata={"message": "m"}, type_attributes={"iteration_index": "1"}
    )

    found = update(kfp, run, task_id, status_metadata={}, type_attributes={})

    assert "type_attributes" not in found
    assert found["status_metadata"] == {}
