"""Links over HTTP: rules in their order, uniqueness, batches, what listings show."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, link_request

NOWHERE = "00000000-0000-4000-8000-000000000000"
IO_TYPES = (
    "COMPONENT_DEFAULT_INPUT",
    "TASK_OUTPUT_INPUT",
    "COMPONENT_INPUT",
    "RUNTIME_VALUE_INPUT",
    "COLLECTED_INPUTS",
    "ITERATOR_INPUT",
    "ITERATOR_INPUT_RAW",
    "ITERATOR_OUTPUT",
    "OUTPUT",
    "ONE_OF_OUTPUT",
    "TASK_FINAL_STATUS_OUTPUT",
)


@pytest.fixture
def artifact_id(kfp: KfpServer, run: OpenedRun, task_id: str) -> str:
    """An artifact that `make` wrote."""
    return str(kfp.new_artifact(run, task_id)["artifact_id"])


RULES: list[tuple[str, dict[str, Any], int]] = [
    ("artifact_task.artifact_id is required", {"artifact_id": ""}, 400),
    ("artifact_task.task_id is required", {"task_id": ""}, 400),
    ("artifact_task.run_id is required", {"run_id": ""}, 400),
    ("artifact_task.type is required", {"type": "UNSPECIFIED"}, 400),
    ("artifact_task.producer is required", {"producer": None}, 400),
    ("artifact_task.key is required", {"key": ""}, 400),
    (f"task {NOWHERE} not found", {"task_id": NOWHERE}, 404),
    ("artifact_task.run_id must match the task's run_id", {"run_id": NOWHERE}, 400),
    (f"artifact {NOWHERE} not found", {"artifact_id": NOWHERE}, 404),
]


@pytest.mark.parametrize("number", range(len(RULES)), ids=[rule[0] for rule in RULES])
def test_rules_are_checked_in_their_order(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str, number: int
) -> None:
    """A request that breaks a rule and all after it is told of that rule."""
    request = link_request(run, task_id, artifact_id)
    for _, fields, _ in reversed(RULES[number:]):
        request["artifact_task"].update(fields)

    answer = kfp.ask("POST", "/artifact_tasks", request)

    assert (answer.status, answer.detail) == (RULES[number][2], RULES[number][0])


@pytest.mark.parametrize("body", [b"", {}, {"artifact_task": None}])
def test_link_has_to_be_there(kfp: KfpServer, body: Any) -> None:
    """A request without a link is told that first."""
    said = kfp.ask("POST", "/artifact_tasks", body).detail
    assert said == "CreateArtifactTaskRequest and artifact_task are required"


@pytest.mark.parametrize("io_type", IO_TYPES)
def test_every_type_is_accepted(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str, io_type: str
) -> None:
    """Nothing asks whether a type, a producer and a key make sense; a sent id is ignored."""
    request = link_request(run, task_id, artifact_id, type=io_type, producer={}, id=NOWHERE)

    answer = kfp.ask("POST", "/artifact_tasks", request)

    assert answer.status == 200
    assert answer.body["id"] != NOWHERE
    assert answer.body["producer"] == {}
    assert answer.body in kfp.links(task_ids=task_id)


def test_same_link_again_is_an_error_of_the_database(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str
) -> None:
    """A duplicate is 500 with code 13; another producer's name does not make it another link."""
    first = kfp.ask("POST", "/artifact_tasks", link_request(run, task_id, artifact_id))

    again = kfp.ask(
        "POST",
        "/artifact_tasks",
        link_request(run, task_id, artifact_id, producer={"task_name": "somebody"}),
    )

    assert first.status == 200
    assert (again.status, again.body["code"]) == (500, 13)
    assert again.detail == "Internal Server Error"
    assert "Failed to add artifact-task to artifact_tasks table: " in again.message
    assert "Duplicate entry" in again.message
    assert "UniqueLink" in again.message


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "other"},
        {"type": "COLLECTED_INPUTS"},
        {"producer": {"task_name": "make", "iteration": "0"}},
        {"producer": {"task_name": "make", "iteration": "1"}},
    ],
)
def test_other_key_type_or_iteration_is_another_link(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str, fields: dict[str, Any]
) -> None:
    """Artifact, task, type, iteration and key together are unique; an absent one is not 0."""
    kfp.ask("POST", "/artifact_tasks", link_request(run, task_id, artifact_id))
    answer = kfp.ask("POST", "/artifact_tasks", link_request(run, task_id, artifact_id, **fields))
    assert answer.status == 200


def test_one_of_many_parallel_creates_wins(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str
) -> None:
    """Of sixteen equal creates at the same time exactly one makes the link."""
    request = link_request(run, task_id, artifact_id)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: kfp.ask("POST", "/artifact_tasks", request), range(16)))

    assert sorted(answer.status for answer in answers) == [200] + [500] * 15
    assert len(kfp.links(artifact_ids=artifact_id)) == 2  # with the one of the output


def test_batch_is_whole(kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str) -> None:
    """A batch is answered in its order; one duplicate in it, and nothing is written."""
    links = [
        link_request(run, task_id, artifact_id, key=f"k{n}")["artifact_task"] for n in range(4)
    ]

    twice = kfp.ask("POST", "/artifact_tasks:batchCreate", {"artifact_tasks": [*links, links[0]]})
    before = len(kfp.links(task_ids=task_id))
    once = kfp.ask("POST", "/artifact_tasks:batchCreate", {"artifact_tasks": links})
    again = kfp.ask("POST", "/artifact_tasks:batchCreate", {"artifact_tasks": links[3:]})

    assert (twice.status, before) == (500, 1)
    assert [one["key"] for one in once.body["artifact_tasks"]] == ["k0", "k1", "k2", "k3"]
    assert "Failed to add artifact-task: " in again.message
    assert len(kfp.links(task_ids=task_id)) == 5


def test_batch_is_of_one_run(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str
) -> None:
    """An empty batch and one of two runs are refused."""
    other = kfp.open_run("other")
    links = [
        link_request(run, task_id, artifact_id)["artifact_task"],
        link_request(other, kfp.new_task(other), artifact_id)["artifact_task"],
    ]

    empty = kfp.ask("POST", "/artifact_tasks:batchCreate", {})
    mixed = kfp.ask("POST", "/artifact_tasks:batchCreate", {"artifact_tasks": links})

    assert empty.detail == "CreateArtifactTasksBulkRequest must contain at least one artifact task"
    assert (mixed.status, mixed.detail) == (
        400,
        "CreateArtifactTasksBulkRequest must use a single run_id",
    )


def test_too_long_key_is_the_databases_error(
    kfp: KfpServer, run: OpenedRun, task_id: str, artifact_id: str
) -> None:
    """A key of 192 characters is 500."""
    answer = kfp.ask(
        "POST", "/artifact_tasks", link_request(run, task_id, artifact_id, key="k" * 192)
    )
    assert (answer.status, answer.body["code"]) == (500, 13)


def test_ids_of_one_kind_are_alternatives_and_kinds_must_all_hold(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """Listing by tasks, runs and artifacts narrows as KFP does; `type` narrows further."""
    other = kfp.new_task(run, "other")
    a, b = (kfp.new_artifact(run, task_id, key=key)["artifact_id"] for key in "ab")
    kfp.ask("POST", "/artifact_tasks", link_request(run, other, a))

    def found(*query: tuple[str, str]) -> set[tuple[str, str]]:
        answer = kfp.ask("GET", "/artifact_tasks", query=query)
        assert answer.body.get("total_size", 0) == len(answer.body.get("artifact_tasks", []))
        return {(one["task_id"], one["artifact_id"]) for one in answer.body["artifact_tasks"]}

    assert found(("task_ids", task_id), ("task_ids", other)) == {
        (task_id, a),
        (task_id, b),
        (other, a),
    }
    assert found(("run_ids", run.run_id), ("artifact_ids", a)) == {(task_id, a), (other, a)}
    assert found(("task_ids", task_id), ("artifact_ids", b)) == {(task_id, b)}
    assert found(("run_ids", run.run_id), ("type", "TASK_OUTPUT_INPUT")) == {(other, a)}


def test_what_a_listing_asks_for_is_looked_up(kfp: KfpServer, task_id: str) -> None:
    """No id, an empty one, an unknown task or artifact are refused; an unknown run is empty."""

    def ask(*query: tuple[str, str]) -> tuple[int, str]:
        answer = kfp.ask("GET", "/artifact_tasks", query=query)
        return answer.status, answer.detail if answer.status != 200 else ""

    at_least = "At least one filter (task_ids, run_ids, or artifact_ids) is required"
    assert ask() == (400, at_least)
    assert ask(("type", "OUTPUT")) == (400, at_least)
    for name in ("task_ids", "run_ids", "artifact_ids"):
        assert ask((name, "")) == (400, f"{name} must not contain empty values")
    assert ask(("task_ids", task_id), ("task_ids", NOWHERE)) == (404, f"task {NOWHERE} not found")
    assert ask(("artifact_ids", NOWHERE)) == (404, f"artifact {NOWHERE} not found")
    assert kfp.ask("GET", "/artifact_tasks", query=[("run_ids", NOWHERE)]).body == {}
    # Page, sort and filter come first.
    assert ask(("page_size", "-1"))[1] == "The page size should be greater than 0. Got -1"
