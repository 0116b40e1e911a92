"""Sorting, paging and filters of listings, beside what SQLite answers to the same question."""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from kfp_server import KfpServer, OpenedRun, artifact_request, link_request

TYPES = ("TYPE_UNSPECIFIED", "Artifact", "Model", "Dataset", "HTML", "Markdown", "Metric")
OPERATORS = {
    "EQUALS": "=",
    "NOT_EQUALS": "<>",
    "GREATER_THAN": ">",
    "GREATER_THAN_EQUALS": ">=",
    "LESS_THAN": "<",
    "LESS_THAN_EQUALS": "<=",
}


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[KfpServer, sqlite3.Connection]]:
    """A server with 57 artifacts of few names, types, URIs and numbers, and the same in SQLite."""
    dice = random.Random(7)
    with KfpServer(tmp_path_factory.mktemp("listing")) as server:
        run = server.open_run()
        task_id = server.new_task(run)
        for start in range(0, 57, 19):
            if start:
                time.sleep(1.01)  # three different seconds
            requests = []
            for _ in range(19):
                fields: dict[str, Any] = {
                    "name": dice.choice(["a", "b", "c%d", "c_d", "d e+f"]),
                    "type": dice.choice(TYPES[1:]),
                    "description": dice.choice(["", "first", "second"]),
                    "metadata": {"n": dice.randrange(3)},
                }
                if dice.random() < 0.7:
                    fields["uri"] = dice.choice(["s3://x/1", "s3://x/2", "gs://50%/a+b", "é"])
                if fields["type"] == "Metric" or dice.random() < 0.3:
                    fields["number_value"] = dice.choice([0, 0.5, -1, 3])
                requests.append(artifact_request(run, task_id, key=f"k{start}", **fields))
            server.ask("POST", "/artifacts:batchCreate", {"artifacts": requests})
        table = sqlite3.connect(":memory:", check_same_thread=False)
        table.execute("PRAGMA case_sensitive_like = ON")
        table.execute(
            "CREATE TABLE a (artifact_id, name, type, uri, description, number_value, created_at)"
        )
        for one in everything(server):
            row = (
                one["artifact_id"],
                one["name"],
                TYPES.index(one["type"]),
                one.get("uri"),
                one.get("description", ""),
                one.get("number_value"),
                one["created_at"],
            )
            table.execute("INSERT INTO a VALUES (?, ?, ?, ?, ?, ?, strftime('%s', ?) + 0)", row)
        yield server, table


def everything(server: KfpServer, **query: str) -> list[dict[str, Any]]:
    """Return the artifacts of all pages."""
    found, token = [], ""
    while True:
        pages = [*query.items(), ("page_size", "7"), ("page_token", token)]
        body = server.ask("GET", "/artifacts", query=pages).body
        found += body.get("artifacts", [])
        token = body.get("next_page_token", "")
        if not token:
            assert body.get("total_size", 0) == len(found)
            return found


@pytest.mark.parametrize("direction", ["", " asc", " desc", " DESC"])
@pytest.mark.parametrize(
    "column", ["artifact_id", "name", "type", "uri", "description", "number_value", "created_at"]
)
def test_pages_in_every_order_are_those_of_sql(
    filled: tuple[KfpServer, sqlite3.Connection], column: str, direction: str
) -> None:
    """All pages together are the table in that order, ties by id in the same direction."""
    server, table = filled
    way = direction or "asc"

    found = [one["artifact_id"] for one in everything(server, sort_by=column + direction)]

    rows = table.execute(f"SELECT artifact_id FROM a ORDER BY {column} {way}, artifact_id {way}")
    assert found == [row[0] for row in rows]
    assert len(found) == 57


def _questions() -> list[tuple[list[dict[str, Any]], str]]:
    """Random predicates, and the same as SQL."""
    dice = random.Random(11)
    choices: list[tuple[str, str, list[Any]]] = [
        ("name", "string_value", ["a", "c%d", "c_d", "d e+f", "zz", ""]),
        ("uri", "string_value", ["s3://x/1", "gs://50%/a+b", "é"]),
        ("description", "string_value", ["", "first"]),
        ("type", "int_value", [1, 3, 6, 99]),
        ("number_value", "long_value", [0, 3, -1]),
        ("created_at", "long_value", [0, 4_000_000_000]),
    ]

    def quoted(value: Any) -> str:
        return str(value) if not isinstance(value, str) else "'" + value.replace("'", "''") + "'"

    found = []
    for _ in range(60):
        predicates, conditions = [], []
        for _ in range(dice.choice([1, 1, 2, 3])):
            key, kind, values = dice.choice(choices)
            value = dice.choice(values)
            pick = dice.random()
            if pick < 0.2:
                predicates.append({"operation": "IN", "key": key, f"{kind}s": {"values": values}})
                conditions.append(f"{key} IN ({', '.join(map(quoted, values))})")
            elif pick < 0.4 and kind == "string_value":
                predicates.append({"operation": "IS_SUBSTRING", "key": key, kind: value})
                conditions.append(f"{key} LIKE '%' || {quoted(value)} || '%'")
            else:
                operation = dice.choice(list(OPERATORS))
                predicates.append({"operation": operation, "key": key, kind: value})
                conditions.append(f"{key} {OPERATORS[operation]} {quoted(value)}")
        found.append((predicates, " AND ".join(conditions)))
    return found


@pytest.mark.parametrize(("predicates", "condition"), _questions())
def test_filters_find_what_sql_finds(
    filled: tuple[KfpServer, sqlite3.Connection], predicates: list[dict[str, Any]], condition: str
) -> None:
    """Predicates are AND-ed, nothing matches what is missing, and the text is decoded twice."""
    server, table = filled
    text = json.dumps({"predicates": predicates}, ensure_ascii=False)
    is_fast = len(predicates) == 1 and predicates[0]["key"] == "uri"
    is_fast = is_fast and predicates[0]["operation"] == "EQUALS"

    found = everything(server, filter=text if is_fast else quote(text))

    rows = table.execute(f"SELECT artifact_id FROM a WHERE {condition} ORDER BY created_at, 1")
    assert [one["artifact_id"] for one in found] == [row[0] for row in rows]


def _filter(**predicate: Any) -> str:
    return json.dumps({"predicates": [predicate]})


def test_one_equal_uri_is_answered_whole(filled: tuple[KfpServer, sqlite3.Connection]) -> None:
    """Then size, order and token are ignored, and the text is decoded once only."""
    server, table = filled
    wanted = table.execute("SELECT count(*) FROM a WHERE uri = 'gs://50%/a+b'").fetchone()[0]
    text = _filter(operation="EQUALS", key="uri", string_value="gs://50%/a+b")

    query = [("filter", text), ("page_size", "1"), ("sort_by", "x y z"), ("page_token", "?")]
    body = server.ask("GET", "/artifacts", query=query).body

    assert body["total_size"] == len(body["artifacts"]) == wanted > 1
    assert "next_page_token" not in body


def test_size_of_a_page(filled: tuple[KfpServer, sqlite3.Connection]) -> None:
    """20 by default, as many as asked for, and never over 200."""
    server, _ = filled

    def count(size: str) -> int:
        body = server.ask("GET", "/artifacts", query=[("page_size", size)]).body
        return len(body["artifacts"])

    assert [count(size) for size in ("0", "1", "30", "200", "2147483647")] == [20, 1, 30, 57, 57]


def test_page_is_never_over_200(kfp: KfpServer, run: OpenedRun, task_id: str) -> None:
    """Of 230 links the first page has 200 and the second, of another size, the rest."""
    artifact_id = kfp.new_artifact(run, task_id)["artifact_id"]
    links = [
        link_request(run, task_id, artifact_id, key=f"k{n:03}")["artifact_task"] for n in range(229)
    ]
    kfp.ask("POST", "/artifact_tasks:batchCreate", {"artifact_tasks": links})
    query = [("task_ids", task_id), ("sort_by", "key desc"), ("page_size", "1000")]

    first = kfp.ask("GET", "/artifact_tasks", query=query).body
    rest = [("task_ids", task_id), ("page_token", first["next_page_token"]), ("page_size", "50")]
    second = kfp.ask("GET", "/artifact_tasks", query=rest).body

    keys = [one["key"] for one in (*first["artifact_tasks"], *second["artifact_tasks"])]
    assert (len(first["artifact_tasks"]), first["total_size"]) == (200, 230)
    assert keys == ["o", *(f"k{n:03}" for n in reversed(range(229)))]
    assert "next_page_token" not in second


def test_token_names_the_first_row_of_the_next_page(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """What was made in between before that row does not move the next page."""
    path = f"/runs/{run.run_id}/tasks"
    for name in "bdf":
        kfp.new_task(run, name)
    query = [("order_by", "name"), ("page_size", "2")]
    first = kfp.ask("GET", path, query=query).body
    kfp.new_task(run, "a")

    second = kfp.ask(
        "GET", path, query=[("page_token", first["next_page_token"]), ("page_size", "9")]
    ).body

    assert [task["name"] for task in first["tasks"]] == ["ROOT", "b"]
    assert [task["name"] for task in second["tasks"]] == ["d", "f", "make"]


def test_token_belongs_to_its_order_and_filter(
    filled: tuple[KfpServer, sqlite3.Connection],
) -> None:
    """With a token both are repeated or left out; anything else is refused."""
    server, _ = filled
    some = _filter(operation="NOT_EQUALS", key="name", string_value="zz")
    other = _filter(operation="NOT_EQUALS", key="name", string_value="yy")
    first = [("sort_by", "name desc"), ("filter", some), ("page_size", "3")]
    token = ("page_token", server.ask("GET", "/artifacts", query=first).body["next_page_token"])

    def status(*query: tuple[str, str]) -> int:
        return server.ask("GET", "/artifacts", query=[token, *query]).status

    assert status() == status(*first) == status(("sort_by", "name DESC")) == 200
    for wrong in (("sort_by", "name"), ("sort_by", "uri desc"), ("filter", other)):
        answer = server.ask("GET", "/artifacts", query=[token, wrong])
        assert answer.status == 400
        assert answer.detail.startswith("page token does not match the supplied sort by")
    links = server.ask("GET", "/artifact_tasks", query=[token, ("run_ids", "x")])
    assert links.detail == "Invalid page token"


def _forged(**changed: Any) -> str:
    token = {
        "listing": "Artifact",
        "column": "name",
        "is_descending": False,
        "filter": "",
        "value": "a",
        "key": "b",
        "after": None,
    }
    return base64.b64encode(json.dumps({**token, **changed}).encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "////",
        "e30=",
        base64.b64encode(b"[" * 100_0).decode(),
        _forged(column="no"),
        _forged(column=["name"]),
        _forged(value=[1]),
        _forged(value={}),
        _forged(is_descending="yes"),
        _forged(filter="{"),
        _forged(filter=[]),
        _forged(filter='{"predicates":[{"operation":"EQUALS","key":"no","int_value":1}]}'),
        _forged(extra=1),
        _forged(after=1),
        _forged(after="x"),
        _forged(after="x", column="created_at"),
        _forged(after="WyJ2ZXJzaW9uczAiLDk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", column="created_at"),
    ],
)
def test_forged_token_is_refused(kfp: KfpServer, token: str) -> None:
    """What no server made is an invalid token, whatever is in it."""
    answer = kfp.ask("GET", "/artifacts", query=[("page_token", token)])
    assert (answer.status, answer.detail) == (400, "Invalid page token")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("page_size", "-1", "The page size should be greater than 0. Got -1"),
        ("sort_by", "a b", 'Received invalid sort by format "a b"'),
        ("sort_by", "name asc desc", "Received invalid sort by format"),
        ("sort_by", "no", 'Invalid sorting field: "no" on listable type Artifact'),
        ("sort_by", "Name", 'Invalid sorting field: "Name" on listable type Artifact'),
    ],
)
def test_bad_page_and_sort_are_refused(kfp: KfpServer, name: str, text: str, said: str) -> None:
    """The message says what was wrong, in KFP's words."""
    answer = kfp.ask("GET", "/artifacts", query=[(name, text)])
    assert answer.status == 400
    assert answer.detail.startswith(said)


_STRING = {"key": "name", "string_value": "a"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_filter(operation="EQUALS", key="no", string_value="a"), "no support for filtering on unrecognized field \"no\""),
        (_filter(operation="IN", **_STRING), "cannot use IN operator with scalar type"),
        (_filter(operation="EQUALS", key="name", string_values={"values": ["a"]}), "cannot use scalar operator EQUALS on array type"),
        (_filter(operation="IS_SUBSTRING", key="type", int_value=1), "cannot use non string value type"),
        (_filter(operation="EQUALS", string_value="a"), "Predicate key cannot be empty for operation EQUALS"),
        (_filter(operation="NO", **_STRING), "failed to parse valid filter from"),
        (_filter(operation=4, **_STRING), "failed to parse valid filter from"),
        (_filter(**_STRING), "failed to parse valid filter from"),
        (_filter(operation="EQUALS", key="name"), "failed to parse valid filter from"),
        (_filter(operation="EQUALS", int_value=1, **_STRING), "failed to parse valid filter from"),
        (_filter(operation="EQUALS", unknown=1, **_STRING), "failed to parse valid filter from"),
        (_filter(operation="EQUALS", key="type", int_value=2**31), "failed to parse valid filter from"),
        (_filter(operation="EQUALS", key="created_at", timestamp_value="now"), "failed to parse valid filter from"),
        ("{", "failed to parse valid filter from"),
        ("[]", "failed to parse valid filter from"),
        ('"x"', "failed to parse valid filter from"),
        ("%zz", "failed to parse valid filter from"),
        ("%ff", "failed to parse valid filter from"),
        ("%7B%7D%", "failed to parse valid filter from"),
    ],
)  # fmt: skip
def test_bad_filter_is_refused(kfp: KfpServer, text: str, said: str) -> None:
    """The message says what was wrong, in KFP's words."""
    answer = kfp.ask("GET", "/artifacts", query=[("filter", text)])
    assert answer.status == 400
    assert answer.detail.startswith(said)


def test_filter_takes_every_spelling(filled: tuple[KfpServer, sqlite3.Connection]) -> None:
    """camelCase, numbers of operations, times, and numbers given as text."""
    server, table = filled
    models = table.execute("SELECT count(*) FROM a WHERE type = 2").fetchone()[0]

    def total(**predicate: Any) -> int:
        query = [("filter", _filter(**predicate))]
        return int(server.ask("GET", "/artifacts", query=query).body.get("total_size", 0))

    assert total(operation=1, key="type", intValue=2) == models
    assert total(operation="EQUALS", key="type", longValue="2") == models
    assert total(operation="EQUALS", key="type", stringValue="2") == models
    assert total(operation="EQUALS", key="type", stringValue="Model") == 0
    assert total(operation="IN", key="type", intValues={"values": [2]}) == models
    moment = {"operation": "GREATER_THAN", "key": "created_at"}
    assert total(**moment, timestampValue="2020-01-01T00:00:00.5%2B02:00") == 57
    assert total(**moment, timestampValue="2220-01-01T00:00:00Z") == 0
    assert total(operation="IS_SUBSTRING", key="metadata", string_value='"n":2') > 0


def test_enum_columns_of_links_and_tasks_are_numbers(
    kfp: KfpServer, run: OpenedRun, task_id: str
) -> None:
    """A link's type and a task's `status` are filtered by their numbers."""
    kfp.new_artifact(run, task_id)
    kfp.new_artifact(run, task_id, iteration=0, key="p")

    links = kfp.ask(
        "GET",
        "/artifact_tasks",
        query=[
            ("task_ids", task_id),
            ("filter", _filter(operation="EQUALS", key="type", int_value=8)),
        ],
    ).body
    running = _filter(operation="EQUALS", key="status", int_value=1)
    tasks = kfp.ask("GET", f"/runs/{run.run_id}/tasks", query=[("filter", running)]).body
    state = _filter(operation="EQUALS", key="state", int_value=1)
    unknown = kfp.ask("GET", f"/runs/{run.run_id}/tasks", query=[("filter", state)])

    assert [one["type"] for one in links["artifact_tasks"]] == ["ITERATOR_OUTPUT"]
    assert tasks["total_size"] == 2
    assert unknown.detail == 'no support for filtering on unrecognized field "state"'


@pytest.mark.parametrize(
    "column",
    ["name", "display_name", "task_id", "run_id", "pods", "cache_fingerprint", "create_time",
     "start_time", "end_time", "status", "status_metadata", "state_history", "type",
     "type_attributes", "parent_task_id", "inputs", "outputs", "scope_path"],
)  # fmt: skip
def test_tasks_are_sorted_by_every_column(kfp: KfpServer, run: OpenedRun, column: str) -> None:
    """Each column of the document orders, up and down, page by page."""
    kfp.new_task(run, "x", pods=[{"name": "p"}], status_metadata={"message": "m"})
    kfp.new_task(run, "y", parent_task_id=run.root_id, end_time="2026-01-01T00:00:00Z")
    path = f"/runs/{run.run_id}/tasks"

    def ids(direction: str) -> list[str]:
        found, token = [], ""
        while True:
            query = [("order_by", column + direction), ("page_size", "1"), ("page_token", token)]
            body = kfp.ask("GET", path, query=query).body
            found += [task["task_id"] for task in body["tasks"]]
            token = body.get("next_page_token", "")
            if not token:
                return found

    assert ids("") == ids(" desc")[::-1]
    assert len(set(ids(""))) == 3
