"""Artifacts over HTTP: rules in their order, what a create writes, reuse, batches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, artifact_request

NOWHERE = "00000000-0000-4000-8000-000000000000"
VALIDATION = "Failed to create artifact due to validation error: Invalid input error: "

# What makes a request break each rule, in the order of the rules.
RULES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("Artifact ID should not be set on create", {"artifact_id": NOWHERE}, {}),
    ("Artifact namespace is required", {"namespace": ""}, {}),
    ("Artifact type is required", {"type": "TYPE_UNSPECIFIED"}, {}),
    ("Artifact name is required", {"name": ""}, {}),
    ("Run ID is required", {}, {"run_id": ""}),
    ("Task ID is required", {}, {"task_id": ""}),
    ("Producer key is required", {}, {"producer_key": ""}),
]


@pytest.mark.parametrize("number", range(len(RULES)), ids=[rule[0] for rule in RULES])
def test_rules_are_checked_in_their_order(
    kfp: KfpServer, run: OpenedRun, task_id: str, number: int
) -> None:
    """A request that breaks a rule and all after it is told of that rule, in KFP's words."""
    request = artifact_request(run, task_id)
    for _, artifact, fields in RULES[number:]:
        request["artifact"].update(artifact)
        request.update(fields)

    answer = kfp.ask("POST", "/artifacts", request)

    assert (answer.status, answer.body["code"]) == (400, 3)
    assert answer.detail == RULES[number][0]
    assert answer.message == VALIDATION + RULES[number][0]


@pytest.mark.parametrize("body", [b"", {}, {"artifact": None}])
def test_artifact_has_to_be_there(kfp: KfpServer, body: Any) -> None:
    """A request without an artifact is told that first."""
    assert kfp.ask("POST", "/artifacts", body).detail == "Artifact is required"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "Metric"}, "number_value is required for a Metric artifact"),
        (
            {"type": "ClassificationMetric"},
            "No metric or metadata was found for ClassificationMetric artifact",
        ),
        (
            {"type": "SlicedClassificationMetric", "metadata": None},
            "No metric or metadata was found for SlicedClassificationMetric artifact",
        ),
    ],
)
def test_metrics_need_their_values(kfp: KfpServer, fields: dict[str, Any], said: str) -> None:
    """What a metric needs is checked last of the request, before the task is looked up."""
    nowhere = OpenedRun(NOWHERE, NOWHERE)
    assert kfp.ask("POST", "/artifacts", artifact_request(nowhere, "t", **fields)).detail == said


def test_task_has_to_be_there_and_of_the_run(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """An unknown task is 404, one of another run 400, both with the prefix of ownership."""
    unknown = kfp.ask("POST", "/artifacts", artifact_request(run, NOWHERE))
    other = kfp.ask("POST", "/artifacts", artifact_request(kfp.open_run("other"), task_id))

    assert (unknown.status, unknown.body["code"]) == (404, 5)
    assert unknown.detail == f"task {NOWHERE} not found"
    assert unknown.message == (
        "Failed to validate artifact ownership: ResourceNotFoundError: " + unknown.detail
    )
    assert (other.status, other.detail) == (400, "Task ID does not belong to this Run ID")


def test_create_writes_artifact_and_output_link(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """One create makes the artifact and an OUTPUT link of the task, named by the task."""
    made = kfp.new_artifact(
        run, task_id, key="out", uri="s3://b/k", description="d", metadata={"n": 3, "x": [None]}
    )

    found = kfp.ask("GET", f"/artifacts/{made['artifact_id']}").body
    (link,) = kfp.links(task_ids=task_id)
    assert found == made
    assert found["created_at"][-1] == "Z"
    assert {k: v for k, v in found.items() if k not in ("artifact_id", "created_at")} == {
        "name": "model",
        "type": "Model",
        "uri": "s3://b/k",
        "description": "d",
        "metadata": {"n": 3, "x": [None]},
    }
    assert {k: v for k, v in link.items() if k != "id"} == {
        "artifact_id": made["artifact_id"],
        "run_id": run.run_id,
        "task_id": task_id,
        "type": "OUTPUT",
        "producer": {"task_name": "make"},
        "key": "out",
    }


@pytest.mark.parametrize("index", [0, 3])
def test_iteration_makes_an_iterator_output(
    kfp: KfpServer, run: OpenedRun, task_id: str, index: int
) -> None:
    """With an iteration, 0 included, the link is an ITERATOR_OUTPUT that carries it as text."""
    kfp.new_artifact(run, task_id, iteration=index)

    (link,) = kfp.links(task_ids=task_id)

    assert link["type"] == "ITERATOR_OUTPUT"
    assert link["producer"] == {"task_name": "make", "iteration": str(index)}


def test_zero_values_are_left_out_and_optional_ones_kept(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """A Metric of 0 keeps its number and an empty URI stays; empty text and metadata do not."""
    metric = kfp.new_artifact(run, task_id, type="Metric", number_value=0.0, metadata={})
    named = kfp.new_artifact(run, task_id, uri="", description="")

    assert set(metric) == {"artifact_id", "name", "type", "number_value", "created_at"}
    assert metric["number_value"] == 0
    assert set(named) == {"artifact_id", "name", "type", "uri", "created_at"}


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"name": "n" * 129}, "o"),
        ({"uri": "s3://" + "u" * 2044}, "o"),
        ({}, "k" * 192),
    ],
    ids=["name", "uri", "key"],
)
def test_too_long_is_the_databases_error(
    kfp: KfpServer, run: OpenedRun, task_id: str, fields: dict[str, Any], key: str
) -> None:
    """What KFP does not check its database refuses: 500, told to nobody, nothing written."""
    answer = kfp.ask("POST", "/artifacts", artifact_request(run, task_id, key=key, **fields))

    assert (answer.status, answer.body["code"]) == (500, 13)
    assert answer.detail == "Internal Server Error"
    assert "Data too long" in answer.message
    assert kfp.links(task_ids=task_id) == []


def test_longest_texts_are_kept(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Names of 128, URIs of 2048 and keys of 191 characters come back; so do names of any kind."""
    for name in ("n" * 128, "a/b: c?\u2603", "..", "CON", " x ", "\u0041\u030a"):
        made = kfp.new_artifact(run, task_id, key="k" * 191, name=name, uri="u" * 2048)
        assert kfp.ask("GET", f"/artifacts/{made['artifact_id']}").body["name"] == name


def test_own_key_of_a_client_is_not_confused(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Metadata under the key that the server itself uses comes back, and tells it nothing."""
    theirs = {"_kfp_face": {"name": "forged", "uri": False, "number_value": 7}, "x": 1}

    made = kfp.new_artifact(run, task_id, uri="s3://a", metadata=theirs)

    assert made["metadata"] == theirs
    assert (made["name"], made["uri"]) == ("model", "s3://a")
    assert "number_value" not in made


def test_equal_artifact_is_reused_when_asked_for(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """Type, URI, name, description and metadata decide; each task gets its link, once."""
    other = kfp.new_task(run, "other")
    fields = {"uri": f"s3://{task_id}", "metadata": {"b": 1, "a": [2]}}

    def create(task: str, **changed: Any) -> str:
        request = artifact_request(run, task, **{**fields, **changed})
        answer = kfp.ask("POST", "/artifacts", {**request, "reuse_if_exists": True})
        assert answer.status == 200, answer.body
        return str(answer.body["artifact_id"])

    first = create(task_id)

    assert create(task_id, metadata={"a": [2], "b": 1}) == first
    assert create(other) == first
    assert [link["task_id"] for link in kfp.links(artifact_ids=first)] == [task_id, other]
    different = {
        create(task_id, uri=f"s3://{task_id}/2"),
        create(task_id, name="other"),
        create(task_id, description="x"),
        create(task_id, metadata={}),
        create(task_id, type="Dataset"),
    }
    assert len(different | {first}) == 6


def test_reuse_finds_what_was_made_without_the_flag_by_its_uri(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """An equal artifact with a URI is found; one without a URI is not."""
    with_uri = kfp.new_artifact(run, task_id, key="a", uri=f"s3://{task_id}")
    without = kfp.new_artifact(run, task_id, key="b", name=task_id)
    flag = {"reuse_if_exists": True}

    found = kfp.ask(
        "POST", "/artifacts", artifact_request(run, task_id, uri=f"s3://{task_id}") | flag
    )
    made = kfp.ask("POST", "/artifacts", artifact_request(run, task_id, name=task_id) | flag)

    assert found.body["artifact_id"] == with_uri["artifact_id"]
    assert made.body["artifact_id"] != without["artifact_id"]


def test_many_at_once_share_one_artifact(kfp: KfpServer, run: OpenedRun) -> None:
    """Of twelve tasks that reuse at the same time each gets its link to the one artifact."""
    tasks = [kfp.new_task(run, f"t{number}") for number in range(12)]

    def create(task_id: str) -> str:
        request = artifact_request(run, task_id, uri=f"s3://{run.run_id}")
        answer = kfp.ask("POST", "/artifacts", {**request, "reuse_if_exists": True})
        return str(answer.body["artifact_id"])

    with ThreadPoolExecutor(12) as pool:
        made = set(pool.map(create, tasks))

    assert len(made) == 1
    assert {link["task_id"] for link in kfp.links(artifact_ids=made.pop())} == set(tasks)


def test_same_artifact_may_be_created_twice(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Without the flag every create makes a new one."""
    made = [kfp.new_artifact(run, task_id, uri="s3://same")["artifact_id"] for _ in range(2)]
    assert len(set(made)) == 2


def test_batch_is_made_in_order_and_whole(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """The answer has the artifacts in the order of the request, each with its link."""
    requests = [artifact_request(run, task_id, name=f"m{n}", iteration=n) for n in range(5)]

    answer = kfp.ask("POST", "/artifacts:batchCreate", {"artifacts": requests})

    assert [one["name"] for one in answer.body["artifacts"]] == [f"m{n}" for n in range(5)]
    iterations = [link["producer"]["iteration"] for link in kfp.links(task_ids=task_id)]
    assert sorted(iterations) == list("01234")


def _batch_rules() -> list[tuple[str, str, int, Any]]:
    def named(request: dict[str, Any]) -> None:
        request["artifact"]["name"] = ""

    def elsewhere(request: dict[str, Any]) -> None:
        request["artifact"]["namespace"] = "elsewhere"

    def reused(request: dict[str, Any]) -> None:
        request["reuse_if_exists"] = True

    def unknown(request: dict[str, Any]) -> None:
        request["task_id"] = NOWHERE

    def long(request: dict[str, Any]) -> None:
        request["artifact"]["name"] = "n" * 129

    return [
        (
            "Failed to create artifact 1 due to validation error: "
            "Invalid input error: Artifact name is required",
            "Artifact name is required",
            400,
            named,
        ),
        (
            "Invalid input error: CreateArtifactsBulkRequest must use a single namespace: "
            "expected team, got elsewhere",
            "CreateArtifactsBulkRequest must use a single namespace: expected team, got elsewhere",
            400,
            elsewhere,
        ),
        (
            "Invalid input error: CreateArtifactsBulk does not support reuse_if_exists; "
            "use CreateArtifact for find-or-create",
            "CreateArtifactsBulk does not support reuse_if_exists; "
            "use CreateArtifact for find-or-create",
            400,
            reused,
        ),
        (
            f"Failed to validate ownership for artifact 1: ResourceNotFoundError: "
            f"task {NOWHERE} not found",
            f"task {NOWHERE} not found",
            404,
            unknown,
        ),
        ("", "Internal Server Error", 500, long),
    ]


@pytest.mark.parametrize(("message", "detail", "status", "spoil"), _batch_rules())
def test_one_bad_artifact_fails_the_batch(
    kfp: KfpServer, run: OpenedRun, task_id: str, message: str, detail: str, status: int, spoil: Any
) -> None:
    """Whatever is wrong with the second, the first is not made either."""
    requests = [artifact_request(run, task_id) for _ in range(2)]
    spoil(requests[1])

    answer = kfp.ask("POST", "/artifacts:batchCreate", {"artifacts": requests})

    assert (answer.status, answer.detail) == (status, detail)
    assert answer.message == message or not message
    assert kfp.links(task_ids=task_id) == []


@pytest.mark.parametrize("body", [b"", {}, {"artifacts": []}])
def test_empty_batch_is_refused(kfp: KfpServer, body: Any) -> None:
    """A batch has at least one artifact."""
    said = kfp.ask("POST", "/artifacts:batchCreate", body).detail
    assert said == "CreateArtifactsBulkRequest must contain at least one artifact"


def test_batch_may_span_runs(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Artifacts of two runs are made by one request."""
    other = kfp.open_run("other")
    requests = [
        artifact_request(run, task_id),
        artifact_request(other, kfp.new_task(other)),
    ]

    answer = kfp.ask("POST", "/artifacts:batchCreate", {"artifacts": requests})

    assert answer.status == 200
    assert len(kfp.links(run_ids=other.run_id)) == 1


def test_unknown_artifact_is_not_found(kfp: KfpServer) -> None:
    """A get of an unknown id is 404 with details, unlike an unknown route."""
    answer = kfp.ask("GET", f"/artifacts/{NOWHERE}")

    assert (answer.status, answer.detail) == (404, f"artifact {NOWHERE} not found")
    assert kfp.ask("GET", "/nothing").body == {"code": 5, "message": "Not Found"}
