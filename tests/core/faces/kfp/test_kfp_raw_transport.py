"""The released client of KFP drives the server, as raw transport and as typed as it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from kfp_server import KfpServer, OpenedRun, artifact_request, link_request

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the generated code has invalid escapes
    kfp_server_api = pytest.importorskip("kfp_server_api")

HAS_ARTIFACTS = hasattr(kfp_server_api, "ArtifactServiceApi")


@pytest.fixture
def client(kfp: KfpServer) -> Iterator[Any]:
    with kfp_server_api.ApiClient(kfp_server_api.Configuration(host=kfp.url)) as client:
        yield client


def call(client: Any, method: str, path: str, body: Any = None, query: Any = None) -> Any:
    return client.call_api(
        f"/apis/v2beta1{path}",
        method,
        query_params=query,
        body=body,
        auth_settings=["Bearer"],
        response_type="object",
        header_params={"Content-Type": "application/json", "Accept": "application/json"},
        _return_http_data_only=True,
    )


def test_whole_story_through_the_raw_transport(client: Any, run: OpenedRun) -> None:
    """Task, artifact, link, batches, listings and the run's full view, as dicts."""
    path = f"/runs/{run.run_id}/tasks"
    task = call(client, "POST", path, {"name": "make", "type": "RUNTIME", "state": "RUNNING"})
    use = call(client, "POST", path, {"name": "use", "type": "RUNTIME"})["task_id"]
    task_id = task["task_id"]
    artifact = call(client, "POST", "/artifacts", artifact_request(run, task_id))
    batch = {"artifacts": [artifact_request(run, task_id, iteration=n) for n in range(2)]}
    more = call(client, "POST", "/artifacts:batchCreate", batch)["artifacts"]
    link = call(client, "POST", "/artifact_tasks", link_request(run, use, artifact["artifact_id"]))
    links = [link_request(run, use, one["artifact_id"])["artifact_task"] for one in more]
    call(client, "POST", "/artifact_tasks:batchCreate", {"artifact_tasks": links})

    listed = call(
        client, "GET", "/artifact_tasks", query=[("task_ids", task_id), ("task_ids", use)]
    )
    call(client, "PATCH", f"{path}/{task_id}", {"state": "SUCCEEDED"})
    whole = call(client, "GET", f"/runs/{run.run_id}", query=[("view", "FULL")])

    assert call(client, "GET", f"/artifacts/{artifact['artifact_id']}") == artifact
    assert link in listed["artifact_tasks"]
    assert listed["total_size"] == 6
    states = {one["name"]: one.get("state") for one in whole["tasks"]}
    assert states == {"ROOT": "RUNNING", "make": "SUCCEEDED", "use": None}


def test_errors_reach_the_client(client: Any) -> None:
    """The client raises its own exception with the status and the body of the server."""
    with pytest.raises(kfp_server_api.ApiException) as caught:
        call(client, "POST", "/artifacts", {"artifact": {"namespace": "n"}})
    assert caught.value.status == 400
    assert "Artifact type is required" in caught.value.body


def test_bare_nan_of_the_client_is_refused(client: Any, run: OpenedRun, task_id: str) -> None:
    """The client sends NaN as no JSON has it; the server says so."""
    request = artifact_request(run, task_id, metadata={"loss": float("nan")})
    with pytest.raises(kfp_server_api.ApiException) as caught:
        call(client, "POST", "/artifacts", request)
    assert "unexpected token NaN" in caught.value.body


def test_typed_calls_of_the_release_work(client: Any, kfp: KfpServer) -> None:
    """Health, experiments and runs answer the typed APIs that the release has."""
    health = kfp_server_api.HealthzServiceApi(client).healthz_service_get_healthz()
    experiments = kfp_server_api.ExperimentServiceApi(client)
    runs = kfp_server_api.RunServiceApi(client)
    experiment = experiments.experiment_service_create_experiment(
        kfp_server_api.V2beta1Experiment(display_name="typed")
    )
    made = runs.run_service_create_run(
        kfp_server_api.V2beta1Run(display_name="r", experiment_id=experiment.experiment_id)
    )
    found = runs.run_service_get_run(made.run_id)
    listed = runs.run_service_list_runs(experiment_id=experiment.experiment_id)

    assert not health.multi_user
    assert (found.display_name, found.state) == ("r", "RUNNING")
    assert [run.run_id for run in listed.runs] == [made.run_id]
    runs.run_service_delete_run(made.run_id)
    with pytest.raises(kfp_server_api.ApiException, match="404"):
        runs.run_service_get_run(made.run_id)


@pytest.mark.skipif(not HAS_ARTIFACTS, reason="this release has no ArtifactServiceApi")
def test_typed_artifact_service_works(client: Any, run: OpenedRun, task_id: str) -> None:
    """Where a release has the typed ArtifactService, its calls are answered."""
    service = kfp_server_api.ArtifactServiceApi(client)

    made = service.create_artifact(artifact_request(run, task_id))
    links = service.list_artifact_tasks(task_ids=[task_id])

    assert service.get_artifact(made.artifact_id).name == "model"
    assert [link.artifact_id for link in links.artifact_tasks] == [made.artifact_id]
