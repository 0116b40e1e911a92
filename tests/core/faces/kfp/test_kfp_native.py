"""Runs that our own steps recorded, as KFP clients see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, artifact_request, link_request

import artifact_plugins as ap
from artifact_plugins.compat import render_kfp
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import LinkQuery, TaskQuery, every


@ap.step
def load(month: int) -> list[int]:
    return [month, month + 1]


@ap.step
def mean(values: list[int], weight: float = 1.0) -> float:
    return weight * sum(values) / len(values)


@ap.step
def rank(means: list[float]) -> list[float]:
    return sorted(means)


@ap.pipeline
def months(first: int = 1) -> Any:
    loaded = load.map(month=[first, 2])
    return rank(mean.map(values=loaded))


@ap.pipeline
def one(month: int) -> Any:
    return mean(load(month))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """A run of each pipeline: their ids, and the folder of the ledger."""
    folder = tmp_path_factory.mktemp("native")
    settings = ap.Settings(
        store_url=(folder / "store").as_uri(),
        ledger_url=f"sqlite:///{folder / 'ledger.sqlite'}",
        durability="process",
    )
    with ap.open_session(settings):
        yield months().id, one(5).id, folder


@pytest.fixture(scope="module", params=["kfp", "clean"])
def served(
    recorded: tuple[str, str, Path], request: pytest.FixtureRequest
) -> Iterator[tuple[KfpServer, str]]:
    """The server on that ledger, once per form of links."""
    with KfpServer(recorded[2], options=("--link-form", request.param)) as server:
        yield server, request.param


def _everything(server: KfpServer, run_id: str) -> set[tuple[Any, ...]]:
    links = server.links(run_ids=run_id)
    return {
        (
            one["artifact_id"],
            one["task_id"],
            one["type"],
            one["key"],
            one["producer"].get("task_name", ""),
            one["producer"].get("iteration"),
        )
        for one in links
    }


def test_links_are_served_in_the_form_asked_for(
    served: tuple[KfpServer, str], recorded: tuple[str, str, Path]
) -> None:
    """As KFP would have written them, or as they are; parameters are in the tasks."""
    server, form = served
    run_id, _, folder = recorded
    with Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}", durable=False) as ledger:
        tasks = list(every(ledger.tasks, TaskQuery(run_id=run_id)))
        links = list(every(ledger.links, LinkQuery(run_id=run_id)))
    wanted = render_kfp(tasks, links).links if form == "kfp" else links

    found = _everything(server, run_id)

    assert found == {
        (
            link.version_id,
            link.task_id,
            str(link.io_type),
            link.key,
            link.producer.task_name,
            None if link.producer.iteration is None else str(link.producer.iteration),
        )
        for link in wanted
        if link.version_id is not None
    }
    assert any(one[2] == "COLLECTED_INPUTS" for one in found)


def test_links_of_one_task_and_artifact_are_those_of_the_run(
    served: tuple[KfpServer, str], recorded: tuple[str, str, Path]
) -> None:
    """Whatever a listing asks by, a link looks the same."""
    server, _ = served
    links = server.links(run_ids=recorded[0])
    for link in links[::5]:
        assert link in server.links(task_ids=link["task_id"])
        assert link in server.links(artifact_ids=link["artifact_id"])


def test_tasks_have_kfps_shape(
    served: tuple[KfpServer, str], recorded: tuple[str, str, Path]
) -> None:
    """Scope paths are KFP's, parameters are in the tasks, children and artifacts are there."""
    server, _ = served
    run = server.ask("GET", f"/runs/{recorded[0]}", query=[("view", "FULL")]).body
    by_name = {task["name"]: task for task in run["tasks"]}

    leaf, root = by_name["load"], by_name["ROOT"]
    single = server.ask("GET", f"/runs/{recorded[0]}/tasks/{leaf['task_id']}").body

    assert (run["state"], root["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert leaf["scope_path"].startswith("root.for-loop-1.load")
    assert leaf["type_attributes"]["iteration_index"] in ("0", "1")
    assert [one["parameter_key"] for one in leaf["inputs"]["parameters"]] == ["month"]
    assert single == leaf
    assert {child["name"] for child in root["child_tasks"]} >= {"for-loop-1", "rank"}
    assert by_name["rank"]["inputs"]["artifacts"][0]["type"] == "COLLECTED_INPUTS"


def test_versions_are_artifacts(
    served: tuple[KfpServer, str], recorded: tuple[str, str, Path]
) -> None:
    """Name, URI and time are the version's; a type that KFP has not is in the metadata."""
    server, _ = served
    link = next(one for one in server.links(run_ids=recorded[1]) if one["type"] == "OUTPUT")
    found = server.ask("GET", f"/artifacts/{link['artifact_id']}").body
    listed = server.ask("GET", "/artifacts", query=[("page_size", "200")]).body["artifacts"]

    assert found in listed
    assert found["uri"].startswith(("file:", "data:"))
    assert found["type"] == "Artifact" or "_kfp_schema_title" not in found.get("metadata", {})


def test_recorded_run_is_read_only(
    served: tuple[KfpServer, str], recorded: tuple[str, str, Path]
) -> None:
    """Nobody but its own steps writes to it: every write is 403, and it stays as it was."""
    server, _ = served
    run_id = recorded[1]
    before = server.ask("GET", f"/runs/{run_id}", query=[("view", "FULL")]).body
    root = before["tasks"][0]["task_id"]
    artifact_id = server.links(run_ids=run_id)[0]["artifact_id"]
    run = OpenedRun(run_id, root)

    answers = [
        server.ask("POST", "/artifacts", artifact_request(run, root)),
        server.ask("POST", "/artifact_tasks", link_request(run, root, artifact_id)),
        server.ask("POST", f"/runs/{run_id}/tasks", {"name": "x"}),
        server.ask("PATCH", f"/runs/{run_id}/tasks/{root}", {"display_name": "x"}),
        server.ask("POST", f"/runs/{run_id}/tasks:batchUpdate", {"tasks": {root: {}}}),
        server.ask("DELETE", f"/runs/{run_id}"),
        server.ask("POST", f"/runs/{run_id}:retry"),
        server.ask("POST", f"/runs/{run_id}:archive"),
    ]

    assert {(answer.status, answer.body["code"]) for answer in answers} == {(403, 7)}
    assert "read-only" in answers[0].message
    assert server.ask("GET", f"/runs/{run_id}", query=[("view", "FULL")]).body == before


def test_recorded_artifact_may_be_read_by_a_run_made_here(
    served: tuple[KfpServer, str], recorded: tuple[str, str, Path]
) -> None:
    """A version of our own steps is the input of a task that a client made."""
    server, _ = served
    artifact_id = server.links(run_ids=recorded[1])[0]["artifact_id"]
    run = server.open_run("reader")
    request = link_request(run, run.root_id, artifact_id)

    assert server.ask("POST", "/artifact_tasks", request).status == 200
    assert len(server.links(artifact_ids=artifact_id, run_ids=run.run_id)) == 1


def test_other_projects_are_not_served(tmp_path: Path) -> None:
    """In single-user mode the server shows one project; another's ids are unknown."""
    with KfpServer(tmp_path) as server:
        run = server.open_run("mine")
        artifact_id = server.new_artifact(run, run.root_id)["artifact_id"]
        with KfpServer(
            tmp_path / "b", ledger_url=server.ledger_url, options=("--project", "other")
        ) as other:
            assert other.ask("GET", "/artifacts").body == {}
            assert other.ask("GET", "/runs").body == {}
            assert other.ask("GET", f"/artifacts/{artifact_id}").status == 404
            assert other.ask("GET", f"/runs/{run.run_id}").status == 404
            assert other.links(run_ids=run.run_id) == []


def test_two_servers_share_a_ledger(url: str, tmp_path: Path) -> None:
    """Each shows what the other wrote, on SQLite and on PostgreSQL."""
    with (
        KfpServer(tmp_path / "a", ledger_url=url) as one,
        KfpServer(tmp_path / "b", ledger_url=url) as two,
    ):
        run = one.open_run("team", runtime_config={"parameters": {"a": ["\0"]}})
        task_id = two.new_task(run, scope_path="root.make", parent_task_id=run.root_id)
        artifact = two.new_artifact(run, task_id, uri="s3://b", metadata={"é": "\U0001f986"})
        link = link_request(run, run.root_id, artifact["artifact_id"])

        assert one.ask("POST", "/artifact_tasks", link).status == 200
        assert two.ask("POST", "/artifact_tasks", link).status == 500
        assert one.ask("GET", "/artifacts").body["artifacts"] == [artifact]
        assert one.ask("GET", "/artifacts", query=[("sort_by", "name desc")]).status == 200
        full = [("view", "FULL")]
        views = [server.ask("GET", f"/runs/{run.run_id}", query=full).body for server in (one, two)]
        assert views[0] == views[1]
        assert len(views[0]["tasks"]) == 2
