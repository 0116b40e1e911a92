"""Namespaces, users and tokens: who is let in, and what each may do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp_server import Answer, KfpServer, OpenedRun, artifact_request, link_request

from artifact_plugins.faces.kfp import run_token

TOKEN = "0123456789abcdef" * 4
USER = "kubeflow-userid"
NOWHERE = "00000000-0000-4000-8000-000000000000"


class Team:
    """One user of a multi-user server, with a run in a namespace."""

    def __init__(self, server: KfpServer, user: str, namespace: str) -> None:
        self.server, self.user, self.namespace = server, user, namespace
        body = {"display_name": f"e-{user}", "namespace": namespace}
        experiment = self.ask("POST", "/experiments", body).body["experiment_id"]
        run_id = self.ask("POST", "/runs", {"display_name": "r", "experiment_id": experiment}).body[
            "run_id"
        ]
        whole = self.ask("GET", f"/runs/{run_id}", query=[("view", "FULL")]).body
        self.run = OpenedRun(run_id, whole["tasks"][0]["task_id"])
        self.experiment = experiment

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.server.ask(method, path, body, headers={USER: self.user}, **options)

    def new_artifact(self) -> str:
        request = artifact_request(self.run, self.run.root_id, namespace=self.namespace)
        answer = self.ask("POST", "/artifacts", request)
        assert answer.status == 200, answer.body
        assert answer.body["namespace"] == self.namespace
        return str(answer.body["artifact_id"])


@pytest.fixture(scope="module")
def multi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    grants = ("ann=a", "bob=b", "eve=a:read", "ann=c")
    options = [part for grant in grants for part in ("--grant", grant)]
    folder = tmp_path_factory.mktemp("multi")
    with KfpServer(folder, options=("--namespace-mode", "multi", *options)) as server:
        yield server


@pytest.fixture(scope="module")
def ann(multi: KfpServer) -> Team:
    return Team(multi, "ann", "a")


@pytest.fixture(scope="module")
def bob(multi: KfpServer) -> Team:
    return Team(multi, "bob", "b")


def test_mode_is_told(multi: KfpServer, kfp: KfpServer) -> None:
    """The health of a server says whether it tells namespaces apart; nobody needs a name for it."""
    assert multi.ask("GET", "/healthz").body["multi_user"] is True
    assert "multi_user" not in kfp.ask("GET", "/healthz").body


def test_user_has_to_be_named(multi: KfpServer) -> None:
    """Without the header a call is 401."""
    answer = multi.ask("GET", "/artifacts", query=[("namespace", "a")])
    assert (answer.status, answer.body["code"]) == (401, 16)


def test_namespaces_are_apart(ann: Team, bob: Team) -> None:
    """Each lists and reads what is in their own namespace, and it carries its name."""
    mine, theirs = ann.new_artifact(), bob.new_artifact()

    def listed(team: Team, namespace: str) -> Answer:
        return team.ask("GET", "/artifacts", query=[("namespace", namespace)])

    assert mine in [one["artifact_id"] for one in listed(ann, "a").body["artifacts"]]
    assert {one["namespace"] for one in listed(bob, "b").body["artifacts"]} == {"b"}
    assert listed(ann, "b").status == 403
    assert ann.ask("GET", f"/artifacts/{theirs}").status == 403
    in_c = listed(ann, "c").body.get("artifacts", [])
    assert mine not in [one["artifact_id"] for one in in_c]
    empty = ann.ask("GET", "/artifacts")
    assert empty.detail == "A resource cannot have an empty namespace in multi-user mode"


def test_denial_is_worded_as_kfp_does(ann: Team, bob: Team) -> None:
    """A create in a foreign namespace is 403 before the task is looked up."""
    request = artifact_request(ann.run, NOWHERE, namespace="a")

    answer = bob.ask("POST", "/artifacts", request)

    assert (answer.status, answer.body["code"]) == (403, 7)
    assert answer.message.startswith(
        "Failed to authorize the request: Failed to access resource. "
        "Check if you have access to namespace a: PermissionDenied: "
    )
    assert answer.detail == "User 'bob' is not authorized to create artifacts in namespace 'a'"


def test_reader_does_not_write(multi: KfpServer, ann: Team) -> None:
    """A read grant reads everything of the namespace and writes nothing."""
    artifact_id = ann.new_artifact()
    run, eve = ann.run, {USER: "eve"}
    task = f"/runs/{run.run_id}/tasks/{run.root_id}"

    def status(method: str, path: str, body: Any = None, *query: tuple[str, str]) -> int:
        return multi.ask(method, path, body, query, headers=eve).status

    reads: list[tuple[str, list[tuple[str, str]]]] = [
        ("/artifacts", [("namespace", "a")]),
        (f"/artifacts/{artifact_id}", []),
        ("/artifact_tasks", [("task_ids", run.root_id)]),
        ("/artifact_tasks", [("artifact_ids", artifact_id)]),
        ("/runs", [("namespace", "a")]),
        (f"/runs/{run.run_id}", [("view", "FULL")]),
        (f"/runs/{run.run_id}/tasks", []),
        (task, []),
        ("/experiments", [("namespace", "a")]),
        (f"/experiments/{ann.experiment}", []),
    ]
    writes = [
        ("POST", "/artifacts", artifact_request(run, run.root_id, namespace="a")),
        (
            "POST",
            "/artifacts:batchCreate",
            {"artifacts": [artifact_request(run, run.root_id, namespace="a")]},
        ),
        ("POST", "/artifact_tasks", link_request(run, run.root_id, artifact_id)),
        (
            "POST",
            "/artifact_tasks:batchCreate",
            {"artifact_tasks": [link_request(run, run.root_id, artifact_id)["artifact_task"]]},
        ),
        ("POST", f"/runs/{run.run_id}/tasks", {"name": "x"}),
        ("PATCH", task, {"display_name": "x"}),
        ("POST", f"/runs/{run.run_id}/tasks:batchUpdate", {"tasks": {run.root_id: {}}}),
        ("POST", "/runs", {"display_name": "x", "experiment_id": ann.experiment}),
        ("POST", "/experiments", {"display_name": "x", "namespace": "a"}),
        *(
            ("POST", f"/runs/{run.run_id}:{verb}", None)
            for verb in ("retry", "terminate", "archive", "unarchive")
        ),
        ("DELETE", f"/runs/{run.run_id}", None),
    ]
    assert [status("GET", path, None, *query) for path, query in reads] == [200] * len(reads)
    assert [status(*write) for write in writes] == [403] * len(writes)


def test_artifact_and_run_are_of_one_namespace(ann: Team) -> None:
    """An artifact in another namespace than its run is refused, in both kinds of requests."""
    request = artifact_request(ann.run, ann.run.root_id, namespace="c")
    said = "artifact, task, and run must be in the same namespace: artifact=c task=a run=a"
    other = Team(ann.server, "ann", "c")
    link = link_request(ann.run, ann.run.root_id, other.new_artifact())

    made = ann.ask("POST", "/artifacts", request)
    linked = ann.ask("POST", "/artifact_tasks", link)

    assert (made.status, made.detail) == (400, said)
    assert (linked.status, linked.detail) == (400, said)


def test_unknown_run_is_not_found_in_multi_user_mode(ann: Team) -> None:
    """What single-user mode answers with an empty list is 404 here."""
    links = ann.ask("GET", "/artifact_tasks", query=[("run_ids", NOWHERE)])
    tasks = ann.ask("GET", f"/runs/{NOWHERE}/tasks")
    assert (links.status, links.detail) == (404, f"Run {NOWHERE} not found")
    assert (tasks.status, tasks.detail) == (404, f"Run {NOWHERE} not found")


def test_namespaces_are_required_where_kfp_wants_them(ann: Team) -> None:
    """Runs need an experiment, experiments and cache look-ups a namespace."""
    said = [
        ann.ask("POST", "/runs", {"display_name": "x"}).detail,
        ann.ask("POST", "/experiments", {"display_name": "x"}).detail,
        ann.ask("POST", "/tasks:findCached", {"cache_fingerprint": "x"}).detail,
        ann.ask("GET", "/runs").detail,
    ]
    assert said == [
        "Run must specify an experiment in multi-user mode",
        "Experiment resource must specify a namespace in multi-user mode",
        "namespace is required in multi-user mode",
        "A resource cannot have an empty namespace in multi-user mode",
    ]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpServer]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    variables = {"ARTIFACT_PLUGINS_KFP_FACE_TOKEN": TOKEN}
    with KfpServer(folder, env=variables, headers={"Authorization": f"Bearer {TOKEN}"}) as server:
        yield server


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        "Bearer run:",
    ],
)
def test_token_is_needed_everywhere(guarded: KfpServer, header: str) -> None:
    """Every route but the health check is 401 without the token, and says how to ask."""
    paths = ["/artifacts", "/artifact_tasks", "/runs", f"/runs/{NOWHERE}", "/experiments"]
    for path in paths:
        answer = guarded.ask("GET", path, headers={"Authorization": header})
        assert (answer.status, answer.body["code"]) == (401, 16)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.message
    assert guarded.ask("GET", "/healthz", headers={"Authorization": header}).status == 200


def test_token_of_a_run_works_where_the_run_is_known(guarded: KfpServer) -> None:
    """It creates artifacts, links and tasks of its run, and reads those; nothing of another."""
    run, other = guarded.open_run("mine"), guarded.open_run("other")
    bound = {"Authorization": f"Bearer {run_token(TOKEN, run.run_id)}"}
    root = run.root_id

    def ask(method: str, path: str, body: Any = None, *query: tuple[str, str]) -> Answer:
        return guarded.ask(method, path, body, query, headers=bound)

    made = ask("POST", "/artifacts", artifact_request(run, root))
    artifact_id = made.body["artifact_id"]
    allowed = [
        ask("POST", "/artifacts:batchCreate", {"artifacts": [artifact_request(run, root)]}),
        ask("POST", "/artifact_tasks", link_request(run, root, artifact_id)),
        ask("GET", "/artifact_tasks", None, ("task_ids", root)),
        ask("GET", "/artifact_tasks", None, ("run_ids", run.run_id)),
        ask("POST", f"/runs/{run.run_id}/tasks", {"name": "x"}),
        ask("PATCH", f"/runs/{run.run_id}/tasks/{root}", {"display_name": "x"}),
        ask("GET", f"/runs/{run.run_id}/tasks"),
        ask("GET", f"/runs/{run.run_id}", None, ("view", "FULL")),
    ]
    two = [artifact_request(run, root), artifact_request(other, other.root_id)]
    refused = [
        ask("POST", "/artifacts", artifact_request(other, other.root_id)),
        ask("POST", "/artifacts:batchCreate", {"artifacts": two}),
        ask("GET", "/artifact_tasks", None, ("run_ids", other.run_id)),
        ask("GET", "/artifact_tasks", None, ("artifact_ids", artifact_id)),
        ask("GET", f"/artifacts/{artifact_id}"),
        ask("GET", "/artifacts"),
        ask("GET", f"/runs/{other.run_id}"),
        ask("PATCH", f"/runs/{other.run_id}/tasks/{other.root_id}", {}),
        ask("POST", "/tasks:findCached", {"cache_fingerprint": "x"}),
        ask("POST", "/runs", {"display_name": "x"}),
        ask("DELETE", f"/runs/{run.run_id}"),
        ask("POST", "/experiments", {"display_name": "x"}),
    ]
    assert [answer.status for answer in allowed] == [200] * len(allowed)
    assert {answer.status for answer in refused} <= {401, 403}
    assert "bound to a different pipeline run" in refused[0].message
    assert len(guarded.links(run_ids=other.run_id)) == 0


@pytest.mark.parametrize("change", ["run", "digest", "secret"])
def test_forged_token_of_a_run_is_refused(guarded: KfpServer, change: str) -> None:
    """A token of a run is made with the shared secret and for that run only."""
    run = guarded.open_run("mine")
    token = run_token("x" * 64 if change == "secret" else TOKEN, run.run_id)
    if change == "run":
        token = token.replace(run.run_id, guarded.open_run("other").run_id)
    if change == "digest":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")

    answer = guarded.ask("GET", f"/runs/{run.run_id}", headers={"Authorization": f"Bearer {token}"})

    assert answer.status == 401
