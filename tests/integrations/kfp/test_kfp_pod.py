"""Which task of KFP a process finds itself in."""

from __future__ import annotations

import base64
import json
import os
import shlex
from pathlib import Path

import pytest

from artifact_integrations.kfp import POD_VARIABLE, pod, register_backends
from artifact_integrations.kfp.api import KfpApi
from artifact_integrations.kfp.options import KfpOptions
from artifact_integrations.kfp.pod import find_pod, launcher_arguments, locate

LAUNCHER = shlex.split(
    "/kfp-launcher/launch --executor_type container --pipeline_name delays --run_id R --task_id T "
    "--parent_task_id P --executor_input {} --namespace team-a --pod_name p-1 --pod_uid u "
    "--ml_pipeline_server_address=ml-pipeline.kubeflow --ml_pipeline_server_port 8887 "
    "--task_name train --iteration_index 2 -- python -m main --run_id WRONG"
)
IN_POD = {"KFP_POD_NAME": "p-1", "NAMESPACE": "team-env"}


def processes(folder: Path, *above: list[str]) -> Path:
    """Write a /proc with this process and its parents, the nearest first."""
    pids = [os.getpid(), *range(2, 2 + len(above))]
    for number, pid in enumerate(pids):
        parent = pids[number + 1] if number + 1 < len(pids) else 0
        place = folder / str(pid)
        place.mkdir(parents=True)
        arguments = ["python", "main.py"] if number == 0 else above[number - 1]
        (place / "cmdline").write_bytes("\0".join(arguments).encode() + b"\0")
        (place / "stat").write_text(f"{pid} (a) b (c) S {parent} 1 1 0")
    return folder


def token_for(audience: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part({'aud': audience})}.c2ln"


@pytest.fixture(autouse=True)
def _no_files_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(pod, "_TOKEN_FILES", (tmp_path / "scoped", tmp_path / "base"))
    monkeypatch.setattr(pod, "_NAMESPACE_FILE", tmp_path / "namespace")


def test_outside_of_kfp_there_is_no_pod(tmp_path):
    """Without the launcher's variable nothing is looked for, whatever the parents are."""
    assert find_pod({"NAMESPACE": "n"}, processes(tmp_path / "proc", LAUNCHER)) is None


def test_the_launcher_says_everything(tmp_path):
    """Run, task, namespace and server come from the arguments of the launcher, not of the user."""
    found = find_pod(IN_POD, processes(tmp_path / "proc", ["sh", "-c", "x"], LAUNCHER, ["init"]))

    assert found is not None
    assert (found.run_id, found.task_id, found.namespace) == ("R", "T", "team-a")
    assert found.base_url == "http://ml-pipeline.kubeflow:8888"


def test_without_a_launcher_the_environment_says_it(tmp_path):
    """A run id of a pod label and the namespace of KFP are found in the environment."""
    found = find_pod({**IN_POD, "KFP_RUN_ID": "E"}, processes(tmp_path / "proc", ["init"]))

    assert found is not None
    assert (found.run_id, found.task_id, found.namespace) == ("E", None, "team-env")
    assert found.base_url == "http://ml-pipeline.team-env:8888"


@pytest.mark.parametrize(
    "audience", ["pipelines.kubeflow.org/runs/K", ["x", "pipelines.kubeflow.org/runs/K"]]
)
def test_the_token_names_the_run_it_is_bound_to(tmp_path, audience):
    """The run is read from the audience of the mounted token when nothing else says it."""
    (tmp_path / "scoped").write_text(token_for(audience) + "\n")
    (tmp_path / "namespace").write_text("team-sa")

    found = find_pod({"KFP_POD_NAME": "p"}, tmp_path / "proc")

    assert found is not None
    assert (found.run_id, found.namespace) == ("K", "team-sa")


@pytest.mark.parametrize("text", ["", "a.b", "a.!!.c", token_for("other"), token_for(7), "a.e30.c"])
def test_a_token_that_says_nothing_is_no_error(tmp_path, text):
    """A token of another kind, or what is none, names no run."""
    (tmp_path / "scoped").write_text(text)

    found = find_pod({"KFP_POD_NAME": "p"}, tmp_path / "proc")

    assert found is not None
    assert found.run_id is None


def test_a_renewed_token_is_read_anew(tmp_path):
    """The token is that of the file as it is now; the path of the environment comes first."""
    (tmp_path / "scoped").write_text("old\n")
    before = pod.token({})
    (tmp_path / "scoped").write_text("new\n")
    (tmp_path / "named").write_text("own")

    assert (before, pod.token({})) == ("old", "new")
    assert pod.token({"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "named")}) == "own"
    assert pod.token({"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "none")}) is None


def test_parents_in_a_circle_end(tmp_path):
    """A list of processes that names itself as parent is walked once."""
    place = tmp_path / "proc" / "7"
    place.mkdir(parents=True)
    (place / "cmdline").write_bytes(b"x\0")
    (place / "stat").write_text("7 (x) S 7 1 1")

    assert launcher_arguments(tmp_path / "proc", 7) == {}


def test_the_pod_completes_a_url(tmp_path, monkeypatch):
    """What a URL leaves open comes from the pod, and without a URL the pod says that too."""
    found = find_pod(IN_POD, processes(tmp_path / "proc", LAUNCHER))
    monkeypatch.setattr(pod, "find_pod", lambda: found)

    url = "kfp+http://ml-pipeline.kubeflow:8888/?namespace=team-a&run_id=R&task_id=T"
    assert locate(()) == (url,)
    assert locate((url,)) == (url,)
    other = "kfp+http://ml-pipeline.kubeflow/?run_id=S&namespace=team-a"
    assert locate(("kfp+http://ml-pipeline.kubeflow?run_id=S",)) == (other,)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("ml-pipeline", True),
        ("ml-pipeline.kubeflow", True),
        ("ml-pipeline.kubeflow.svc", True),
        ("gate.kubeflow.svc.cluster.local", True),
        ("kfp.example.org", True),
        ("other.example.org", False),
        ("ml-pipelines.example.org", False),
    ],
)
def test_the_token_of_a_pod_is_for_its_own_cluster(host, is_ours, tmp_path, monkeypatch):
    """A server elsewhere gets neither the token nor the run of the pod."""
    endpoint = {"KF_PIPELINES_ENDPOINT": "kfp.example.org:443"}
    found = find_pod({**IN_POD, **endpoint}, processes(tmp_path / "proc", LAUNCHER))
    monkeypatch.setenv(*next(iter(endpoint.items())))
    monkeypatch.setattr(pod, "token", lambda: "the-token-of-the-pod")

    options = KfpOptions.parse(f"kfp+http://{host}", found)

    assert (options.run_id == "R") is is_ours
    login = KfpApi(options, timeout_seconds=5.0)._log_in()
    assert ("Authorization" in login) is is_ours


def test_only_a_pod_has_something_to_locate(monkeypatch):
    """Outside of a pod the offer names no function, so that a session imports none to ask it."""
    monkeypatch.delenv(POD_VARIABLE, raising=False)
    (outside,) = register_backends()
    monkeypatch.setenv(POD_VARIABLE, "train-1")
    (inside,) = register_backends()

    assert outside.locate is None
    assert inside.locate == "artifact_integrations.kfp.pod:locate"


def test_outside_of_a_pod_urls_stay_as_they_are():
    """Nothing is added where no pod is, and nothing is delivered to."""
    assert locate(()) == ()
    assert locate(("kfp+http://host?run_id=S",)) == ("kfp+http://host?run_id=S",)


def test_the_task_of_the_pod_is_none_of_another_run(tmp_path):
    """A URL that names a run of its own is not put below the task of the pod."""
    found = find_pod(IN_POD, processes(tmp_path / "proc", LAUNCHER))

    parsed = KfpOptions.parse("kfp+http://host?run_id=other&namespace=mine", found)

    assert (parsed.run_id, parsed.task_id, parsed.namespace) == ("other", None, "mine")
