"""What should never reach a service: 4xx and JSON, never a traceback, and the server lives on."""

from __future__ import annotations

import http.client
import json
import random
import socket
from contextlib import closing
from typing import Any

import pytest
from kfp_server import API, KfpServer, OpenedRun, artifact_request, link_request
from kfp_swagger import every_operation

DEEP = b"[" * 100_000
HUGE = b"9" * 5000


def artifact(**fields: bytes) -> bytes:
    inner = b",".join(b'"%s":%s' % (name.encode(), value) for name, value in fields.items())
    return b'{"artifact":{%s}}' % inner


BODIES: list[bytes] = [
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"1",
    b"\xff\xfe{}",
    b'\xef\xbb\xbf{"artifact":{}}',
    '{"artifact":{"name":"a"}}'.encode("utf-16"),
    b"{}{}",
    b"{'artifact':{}}",
    b"// comment\n{}",
    b'{"artifact":{},}',
    b'{"artifact":{},"artifact":{}}',
    b'{"run_id":"a","runId":"b"}',
    b'{"unknown":1}',
    b'{"__proto__":{}}',
    b'{"artifact":[]}',
    b'{"artifact":"x"}',
    artifact(name=b"1"),
    artifact(name=b"[]"),
    artifact(name=b'"\\ud800"'),
    artifact(name=b'"a\nb"'),
    artifact(type=b'"dataset"'),
    artifact(type=b'"Nothing"'),
    artifact(type=b"99"),
    artifact(type=b"-1"),
    artifact(type=b"1.5"),
    artifact(type=b"true"),
    artifact(number_value=b"NaN"),
    artifact(number_value=b"Infinity"),
    artifact(number_value=b"-Infinity"),
    artifact(number_value=b'"NaN"'),
    artifact(number_value=b"1e999"),
    artifact(number_value=b'"1,5"'),
    artifact(number_value=b"true"),
    artifact(metadata=b"[]"),
    artifact(metadata=b'{"a":NaN}'),
    artifact(metadata=b'{"a":1,"a":2}'),
    artifact(metadata=b'{"a":1e400}'),
    artifact(metadata=b'{"a":%s}' % HUGE),
    artifact(metadata=b'{"a":' + b"9" * 400 + b"}"),
    artifact(metadata=b'{"a":%s}' % DEEP),
    artifact(metadata=b'{"a":' + b"[" * 250 + b"]" * 250 + b"}"),
    artifact(metadata=b'{"\\udc00":1}'),
    artifact(created_at=b'"yesterday"'),
    artifact(created_at=b'"2026-02-30T00:00:00Z"'),
    artifact(created_at=b'"0000-01-01T00:00:00Z"'),
    artifact(created_at=b"5"),
    b'{"iteration_index":"x"}',
    b'{"iteration_index":1.5}',
    b'{"iteration_index":"9223372036854775808"}',
    b'{"iteration_index":true}',
    b'{"iteration_index":" 1"}',
    b'{"reuse_if_exists":"true"}',
    b'{"reuse_if_exists":1}',
    DEEP,
    HUGE,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_malformed_body_is_refused_as_protojson_does(kfp: KfpServer, body: bytes) -> None:
    """What is no JSON of the message is 400 with a `proto:` message and no details."""
    answer = kfp.ask("POST", "/artifacts", body)

    assert (answer.status, answer.body["code"]) == (400, 3)
    assert answer.message.startswith("proto: ")
    assert "details" not in answer.body


@pytest.mark.parametrize(
    "fields",
    [
        {"uri": "a\0b"},
        {"description": "a\0b"},
        {"metadata": {"a": "\x00"}},
        {"metadata": {"n": 1} | {str(n): n for n in range(10_001)}},
        {"metadata": {"a": "x" * (1024 * 1024 + 1)}},
    ],
    ids=["uri", "description", "metadata", "keys", "size"],
)
def test_what_no_ledger_holds_is_refused(
    kfp: KfpServer, run: OpenedRun, task_id: str, fields: dict[str, Any]
) -> None:
    """NUL and metadata beyond the limits are 400, and nothing is written."""
    answer = kfp.ask("POST", "/artifacts", artifact_request(run, task_id, **fields))

    assert (answer.status, answer.body["code"]) == (400, 3)
    assert kfp.links(task_ids=task_id) == []


@pytest.mark.parametrize("index", ["-1", "2147483648", "9223372036854775807"])
def test_iterations_out_of_range_are_refused(
    kfp: KfpServer, run: OpenedRun, task_id: str, index: str
) -> None:
    """An iteration is 0 to 2^31 - 1, on artifacts, links and tasks."""
    artifact_id = kfp.new_artifact(run, task_id)["artifact_id"]
    link = link_request(run, task_id, artifact_id, producer={"iteration": index})
    task = {"type_attributes": {"iteration_index": index}}
    answers = [
        kfp.ask("POST", "/artifacts", artifact_request(run, task_id) | {"iteration_index": index}),
        kfp.ask("POST", "/artifact_tasks", link),
        kfp.ask("POST", f"/runs/{run.run_id}/tasks", task),
    ]
    assert [answer.status for answer in answers] == [400, 400, 400]


@pytest.mark.parametrize(
    "request_",
    [
        {"artifact": {"type": 2, "numberValue": "2.5"}, "iteration_index": 3},
        {"artifact": {"type": 2.0, "number_value": 2}, "iterationIndex": "3.0"},
        {"artifact": {"type": "Model", "number_value": "25e-1"}, "iteration_index": 3.0},
    ],
)
def test_every_spelling_of_protojson_is_taken(
    kfp: KfpServer, run: OpenedRun, task_id: str, request_: dict[str, Any]
) -> None:
    """CamelCase names, numbers of enums, whole numbers as text, number or float."""
    whole = artifact_request(run, task_id)
    whole["artifact"] |= request_.pop("artifact")
    whole["artifact"].pop("type") if "type" not in whole["artifact"] else None

    answer = kfp.ask("POST", "/artifacts", {**whole, **request_}, is_loose=True)

    assert answer.status == 200
    assert answer.body["type"] == "Model"
    (link,) = kfp.links(task_ids=task_id)
    assert link["producer"]["iteration"] == "3"


IDS = [
    "..",
    "%2e%2e",
    "%2e%2e%2fetc%2fpasswd",
    "..%5c..",
    "a;b",
    "a%00b",
    "%ff",
    "x" * 5000,
    "'%20OR%201=1--",
    "%25s%25n",
    "a:b",
    "%0d%0aX:%20y",
    "%f0%9f%a6%86",
]


@pytest.mark.parametrize("text", IDS)
@pytest.mark.parametrize("pattern", ["/artifacts/{}", "/runs/{}", "/runs/{}/tasks/{}", "/{}"])
def test_hostile_ids_are_not_found(kfp: KfpServer, pattern: str, text: str) -> None:
    """Whatever stands in a path is looked up as an id, or is no route."""
    assert kfp.ask("GET", pattern.format(text, text)).status == 404


@pytest.mark.parametrize(
    ("path", "name", "text"),
    [
        ("/artifacts", "page_size", "x"),
        ("/artifacts", "page_size", ""),
        ("/artifacts", "page_size", "1e3"),
        ("/artifacts", "page_size", "99999999999"),
        ("/artifacts", "page_size", "٣"),
        ("/artifacts", "filter", "x" * 20_000),
        ("/artifacts", "filter", "[" * 20_000),
        ("/artifacts", "sort_by", "name; DROP TABLE version"),
        ("/artifacts", "sort_by", " " * 10_000 + "x" + " " * 10_000 + "y"),
        ("/artifact_tasks", "type", "NOTHING"),
        ("/artifact_tasks", "type", "12"),
        ("/artifact_tasks", "task_ids", "\0"),
        ("/artifact_tasks", "artifact_ids", "\0"),
        ("/runs/x", "view", "ALL"),
    ],
)
def test_hostile_queries_are_refused(kfp: KfpServer, path: str, name: str, text: str) -> None:
    """A query parameter of the wrong kind is 400, an id that cannot be is 404."""
    assert kfp.ask("GET", path, query=[(name, text)]).status in (400, 404)


def test_parameter_is_given_once_unknown_ones_are_ignored(kfp: KfpServer) -> None:
    """A repeated scalar is refused; what no file describes is not looked at."""
    twice = kfp.ask("GET", "/artifacts", query=[("page_size", "1"), ("pageSize", "2")])
    unknown = kfp.ask("GET", "/artifacts", query=[("nothing", "1")], is_loose=True)
    assert (twice.status, unknown.status) == (400, 200)


PATHS = [
    "/artifacts",
    "/artifacts/x",
    "/artifacts:batchCreate",
    "/artifact_tasks",
    "/artifact_tasks:batchCreate",
    "/runs",
    "/runs/x",
    "/runs/x/tasks",
    "/runs/x/tasks/y",
    "/runs/x/tasks:batchUpdate",
    "/runs/x:retry",
    "/runs/x:terminate",
    "/runs/x:archive",
    "/runs/x:unarchive",
    "/tasks:findCached",
    "/healthz",
    "/experiments",
    "/experiments/x",
]
KNOWN = {
    "GET": {0, 1, 3, 5, 6, 7, 8, 15, 16, 17},
    "POST": {0, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 16},
    "PATCH": {8},
    "DELETE": {6},
}


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"]
)
def test_each_path_answers_its_own_methods_only(kfp: KfpServer, method: str) -> None:
    """Artifacts and links are never changed or deleted; another method is 405 and says which are."""
    for number, path in enumerate(PATHS):
        connection = http.client.HTTPConnection("127.0.0.1", kfp.port, timeout=60)
        with closing(connection):
            connection.request(method, API + path)
            response = connection.getresponse()
            response.read()
        if number in KNOWN.get(method, set()):
            assert response.status in (200, 400, 404), path
        else:
            assert response.status == 405, path
            assert method not in response.headers["allow"].split(", ")


def test_every_operation_of_the_swagger_files_has_a_route(kfp: KfpServer) -> None:
    """No operation that the files describe is missing, and their methods are the sweep's."""
    operations = every_operation()
    assert len(operations) == 21
    assert {method for method, _ in operations} == set(KNOWN)


def test_body_over_the_limit_is_refused_unread(kfp: KfpServer) -> None:
    """A body that says it is too large is 413 before it is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", kfp.port, timeout=60)
    with closing(connection):
        connection.putrequest("POST", f"{API}/artifacts")
        connection.putheader("Content-Length", str(10**10))
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 413
        assert json.loads(response.read())["code"] == 8


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /apis/v2beta1/artifacts HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /apis/v2beta1/artifacts HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /apis/v2beta1/artifacts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_nonsense_on_the_wire_is_answered_or_hung_up_on(kfp: KfpServer, raw: bytes) -> None:
    """No bytes are worth more than a 4xx, and the next request is served."""
    with socket.create_connection(("127.0.0.1", kfp.port), timeout=30) as wire:
        wire.sendall(raw)
        wire.shutdown(socket.SHUT_WR)
        head = wire.recv(12)
    assert head == b"" or head.startswith(b"HTTP/1.1 4")
    assert kfp.ask("GET", "/healthz").status == 200


def test_random_bodies_never_break_the_server(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Of 400 requests with random parts replaced by random values none is answered 5xx or hangs."""
    dice = random.Random(3)
    values: list[Any] = [
        None, True, 0, -1, 2**63, 1.5, 1e308, "", "x", "\u2028", "\x7f", "é" * 70, [], [[]], {},
        {"a": None}, [None], "OUTPUT", "Metric", run.run_id, task_id, "2026-01-01T00:00:00Z",
    ]  # fmt: skip

    def spoil(value: Any) -> Any:
        if dice.random() < 0.15:
            return dice.choice(values)
        if isinstance(value, dict):
            spoiled = {key: spoil(one) for key, one in value.items()}
            if dice.random() < 0.05:
                spoiled[dice.choice(["x", "name", "type", "value"])] = dice.choice(values)
            return spoiled
        return [spoil(one) for one in value] if isinstance(value, list) else value

    artifact_id = kfp.new_artifact(run, task_id)["artifact_id"]
    parameter = {"value": 1, "type": "OUTPUT", "parameter_key": "k", "producer": {"iteration": "1"}}
    task = {
        "name": "n",
        "pods": [{"name": "p", "type": "DRIVER"}],
        "create_time": "2026-01-01T00:00:00Z",
        "state": "RUNNING",
        "state_history": [
            {"state": "RUNNING", "error": {"code": 1, "details": [{"@type": "a/b"}]}}
        ],
        "status_metadata": {"message": "m", "custom_properties": {"a": 1}},
        "type_attributes": {"iteration_index": "1"},
        "inputs": {"parameters": [parameter]},
        "outputs": {"parameters": [parameter]},
        "parent_task_id": run.root_id,
    }
    requests = [
        ("POST", "/artifacts", artifact_request(run, task_id, metadata={"a": [1]}, uri="u")),
        ("POST", "/artifacts:batchCreate", {"artifacts": [artifact_request(run, task_id)] * 2}),
        ("POST", "/artifact_tasks", link_request(run, task_id, artifact_id)),
        ("POST", f"/runs/{run.run_id}/tasks", task),
        ("PATCH", f"/runs/{run.run_id}/tasks/{task_id}", task),
        ("POST", f"/runs/{run.run_id}/tasks:batchUpdate", {"tasks": {task_id: task}}),
        ("POST", "/runs", {"display_name": "x", "runtime_config": {"parameters": {"a": 1}}}),
    ]
    for number in range(400):
        method, path, body = requests[number % len(requests)]
        answer = kfp.ask(method, path, json.dumps(spoil(body)).encode())
        is_duplicate = answer.status == 500 and "Duplicate entry" in answer.message
        assert answer.status < 500 or is_duplicate, (path, answer.body)
    whole = kfp.ask("GET", f"/runs/{run.run_id}", query=[("view", "FULL")])
    assert whole.status == 200
    assert "Traceback" not in kfp.log
