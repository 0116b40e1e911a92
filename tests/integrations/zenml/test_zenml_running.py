"""Tasks that last: their steps run in ZenML, and end there, whatever was lost in between."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import zenml_pipelines as pipelines
from chaos_proxy import ChaosProxy, Fault
from zenml_servers import NEW, Persistent, ZenML

import artifact_plugins as ap
from artifact_integrations.zenml.backend import ZenMLBackend
from artifact_plugins import Session
from artifact_plugins.records import (
    ArtifactTaskLink,
    Batch,
    IOType,
    LinkQuery,
    Producer,
    RunQuery,
    SaveType,
    Task,
    TaskQuery,
    TaskState,
    VersionQuery,
    every,
    new_id,
    now,
)
from artifact_plugins.session.saving import SaveRequest
from artifact_plugins.testing.backend_driver import Notes, drive

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


@dataclass
class Lasting:
    """A task of an open run that reads a version and a parameter, written by hand."""

    session: Session
    task: Task

    def link(self, io_type: IOType, key: str, **value: Any) -> ArtifactTaskLink:
        """Return a link of the task."""
        own = {"id": new_id(), "run_id": self.task.run_id, "task_id": self.task.id}
        return ArtifactTaskLink(io_type=io_type, key=key, **own, **value)

    def begin(self, read_id: str) -> None:
        """Write the task RUNNING, with what it was called with."""
        read = self.link(
            IOType.TASK_OUTPUT_INPUT, "i", version_id=read_id, producer=Producer(task_name="make")
        )
        given = self.link(IOType.COMPONENT_DEFAULT_INPUT, "k", value=1)
        self.session.commit(Batch(tasks=(self.task,), links=(read, given)), ())

    def write(self, **update: Any) -> None:
        """Write the task anew."""
        self.task = self.task.model_copy(update=update)
        self.session.commit(Batch(tasks=(self.task,)), ())

    def end(self) -> None:
        """Write it SUCCEEDED, with its output."""
        request = SaveRequest(artifact="used", save_type=SaveType.STEP_OUTPUT, task=self.task)
        staged = self.session.saver.stage(2, request)
        self.task = self.task.model_copy(update={"state": TaskState.SUCCEEDED, "ended_at": now()})
        wrote = self.link(
            IOType.OUTPUT,
            "used",
            version_id=staged.draft.version.id,
            producer=Producer(task_name="use"),
        )
        self.session.commit(Batch(tasks=(self.task,), links=(wrote,)), [staged])


@pytest.fixture
def lasting(session: Session) -> Iterator[Lasting]:
    """A task `use` that runs, and has read what `make` made."""
    with ap.start_run("lasting") as run:
        ap.value(pipelines.make())
        yield begun(session, run.id)


def begun(session: Session, run_id: str) -> Lasting:
    """Begin a task that reads what `make` made in a run."""
    (root,) = (
        task for task in every(session.ledger.tasks, TaskQuery(run_id=run_id)) if not task.parent_id
    )
    (made,) = every(session.ledger.versions, VersionQuery(run_id=run_id))
    task = Task(
        id=new_id(),
        run_id=run_id,
        parent_id=root.id,
        name="use",
        scope_path="ROOT/use",
        started_at=now(),
    )
    found = Lasting(session, task)
    found.begin(made.id)
    return found


def step_of(server: ZenML, notes: Notes, lasting: Lasting) -> Any:
    return server.ask("GET", f"/steps/{notes.external('task', lasting.task.id)['external_id']}")


def assert_whole(lasting: Lasting, server: ZenML, notes: Notes, backend: ZenMLBackend) -> None:
    """Assert that the step of a task that succeeded has everything."""
    task = lasting.task
    step = step_of(server, notes, lasting)
    assert step["body"]["status"] == "completed"
    assert task.ended_at is not None
    assert step["body"]["end_time"] == task.ended_at.replace(tzinfo=None).isoformat()
    (read,) = step["resources"]["inputs"]["i"]
    assert read["input_type"] == "step_output"
    (wrote,) = step["resources"]["outputs"]["used"]
    version = server.ask("GET", f"/artifact_versions/{wrote['id']}")
    assert version["resources"]["producer_step_run_id"] == step["id"]
    links = every(lasting.session.ledger.links, LinkQuery(run_id=task.run_id))
    assert list(backend.links(task.run_id)) == sorted(links, key=lambda link: link.id)


def test_task_that_lasts_is_a_running_step(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, lasting: Lasting
) -> None:
    """It is there with what it was called with, ends with what it wrote, and is one in ZenML's graph."""
    notes = drive(session, backend)

    step = step_of(server, notes, lasting)
    assert (step["body"]["status"], step["body"]["end_time"]) == ("running", None)
    assert step["metadata"]["config"]["parameters"] == {"k": 1}
    (read,) = step["resources"]["inputs"]["i"]
    assert (read["input_type"], step["resources"]["outputs"]) == ("step_output", {})
    lasting.end()
    drive(session, backend, notes=notes)
    assert_whole(lasting, server, notes, backend)
    assert step_of(server, notes, lasting)["id"] == step["id"]
    assert server.count("/steps", project=project) == 2
    run_id = notes.external("run", lasting.task.run_id)["external_id"]
    graph = server.ask("GET", f"/runs/{run_id}/dag")
    names = {node["node_id"]: node["name"] for node in graph["nodes"]}
    edges = [(names[edge["source"]], names[edge["target"]]) for edge in graph["edges"]]
    assert sorted(edges) == sorted([("make", "number"), ("number", "use"), ("use", "used")])


def test_task_that_fails_after_a_while(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, lasting: Lasting
) -> None:
    """A running step is told of a further attempt, and of the error that ended it; the run goes on."""
    notes = drive(session, backend)
    lasting.write(attempt=2)
    drive(session, backend, notes=notes)
    assert step_of(server, notes, lasting)["body"]["status"] == "running"

    lasting.write(state=TaskState.FAILED, ended_at=now(), error="RuntimeError: no such carrier")
    drive(session, backend, notes=notes)

    step = step_of(server, notes, lasting)
    assert step["body"]["status"] == "failed"
    assert step["metadata"]["exception_info"]["traceback"] == "RuntimeError: no such carrier"
    assert server.count("/steps", project=project) == 2
    told = step["metadata"]["run_metadata"]["artifact_plugins.task"]
    assert '"attempt":2' in told


@pytest.mark.parametrize("state", [TaskState.CACHED, TaskState.SKIPPED])
def test_task_that_ends_without_work(
    session: Session, backend: ZenMLBackend, server: ZenML, lasting: Lasting, state: TaskState
) -> None:
    """A task whose results somebody else had first is cached at its end, as one that never ran."""
    notes = drive(session, backend)

    lasting.write(state=state, ended_at=now())
    drive(session, backend, notes=notes)

    shown = "skipped" if state is TaskState.SKIPPED and server.version == NEW else "cached"
    assert step_of(server, notes, lasting)["body"]["status"] == shown


def test_what_it_logs_is_there_before_its_end(
    session: Session, backend: ZenMLBackend, server: ZenML, project: str, lasting: Lasting
) -> None:
    """What a task logs and loads while it runs joins its step, and stays when it ends."""
    notes = drive(session, backend)
    loaded = ap.save(7, "by-hand")
    request = SaveRequest(artifact="seen", save_type=SaveType.STEP_OUTPUT, task=lasting.task)
    staged = session.saver.stage(3, request)
    logged = lasting.link(IOType.OUTPUT, "auto/seen", version_id=staged.draft.version.id)
    read = lasting.link(IOType.RUNTIME_VALUE_INPUT, "auto/by-hand", version_id=loaded.id)
    session.commit(Batch(tasks=(lasting.task,), links=(logged, read)), [staged])

    drive(session, backend, notes=notes)

    linked = step_of(server, notes, lasting)["resources"]
    assert list(linked["outputs"]) == ["auto/seen"]
    assert {key: one[0]["input_type"] for key, one in linked["inputs"].items()} == {
        "i": "step_output",
        "auto/by-hand": "manual",
    }
    lasting.end()
    drive(session, backend, notes=notes)
    assert sorted(step_of(server, notes, lasting)["resources"]["outputs"]) == ["auto/seen", "used"]
    assert_whole(lasting, server, notes, backend)


def test_deliverer_that_starts_anew_finds_it(
    session: Session,
    server: ZenML,
    project: str,
    open_backend: Callable[..., ZenMLBackend],
    lasting: Lasting,
) -> None:
    """Who knows nothing of what was sent while it ran ends the step that is there."""
    before = drive(session, open_backend(server.url, project))
    lasting.end()

    backend = open_backend(server.url, project)
    notes = drive(session, backend, is_first=False)

    assert notes.external("task", lasting.task.id) == {
        **before.external("task", lasting.task.id),
        "digest": notes.external("task", lasting.task.id)["digest"],
    }
    assert server.count("/steps", project=project) == 2
    assert_whole(lasting, server, notes, backend)


def test_step_that_somebody_ended_keeps_its_end(
    session: Session, backend: ZenMLBackend, server: ZenML, lasting: Lasting
) -> None:
    """A step that was ended in ZenML is not ended twice; what the task wrote is linked all the same."""
    notes = drive(session, backend)
    path = f"/steps/{notes.external('task', lasting.task.id)['external_id']}"
    server.ask("PUT", path, {"status": "failed"})
    lasting.end()

    drive(session, backend, notes=notes)

    step = server.ask("GET", path)
    assert step["body"]["status"] == "failed"
    assert list(step["resources"]["outputs"]) == ["used"]


@pytest.mark.parametrize("server", [NEW], indirect=True)
def test_what_ran_looks_right_in_zenml(
    session: Session,
    backend: ZenMLBackend,
    server: ZenML,
    project: str,
    read_with_zenml: Callable[..., Any],
    lasting: Lasting,
) -> None:
    """ZenML's own client shows a step that was seen running as one that was not."""
    notes = drive(session, backend)
    lasting.end()
    drive(session, backend, notes=notes)

    (run,) = session.ledger.runs(RunQuery())
    step = read_with_zenml(server, project, "run", run.name)["steps"]["use"]

    assert (step["status"], step["parameters"], step["error"]) == ("completed", {"k": 1}, None)
    assert step["inputs"] == {"i": [["number", "1", "step_output", ["int", "1"]]]}
    (used,) = step["outputs"]["used"]
    assert (used["is_from_this_step"], used["value"]) == (True, ["int", "2"])


def test_step_of_a_short_task_is_one_request(
    session: Session, server: ZenML, project: str, open_backend: Callable[..., ZenMLBackend]
) -> None:
    """What had ended when it was sent first is made whole, and not looked at again."""
    asked: list[str] = []

    def noting(method: str, path: str) -> bool:
        asked.extend([method] if "/steps" in path else [])
        return False

    pipelines.chain()
    port = int(server.url.rpartition(":")[2])
    with contextlib.closing(ChaosProxy(port, touches=noting)) as proxy:
        drive(session, open_backend(proxy.url, project))

    assert asked == ["POST", "POST"]


@pytest.mark.parametrize("moment", ["start", "end"])
def test_every_lost_answer(
    session: Session,
    server: ZenML,
    project: str,
    open_backend: Callable[..., ZenMLBackend],
    moment: str,
) -> None:
    """Whichever answer is lost at its start or at its end, there is one step, and it is whole."""
    lost, was_reached = 0, True
    with contextlib.closing(ChaosProxy(int(server.url.rpartition(":")[2]))) as proxy:
        backend = open_backend(proxy.url, project)
        while was_reached:
            with ap.start_run(f"run-{lost}") as run:
                ap.value(pipelines.make())
                persistent = Persistent()
                persistent.deliver(session, backend, run.id)
                lasting = begun(session, run.id)
                for now_is in ("start", "end"):
                    if now_is == "end":
                        lasting.end()
                    script = [None] * lost + [Fault.LOSE_ANSWER] if now_is == moment else []
                    proxy.script[:] = script
                    persistent.deliver(session, backend, run.id)
                    if now_is == moment:
                        was_reached = not proxy.script
                        proxy.script.clear()
            lost += 1
            assert server.count("/steps", project=project, name="use") == lost
            assert_whole(lasting, server, persistent.notes, backend)
    assert lost > (1 if moment == "start" else 5)


@pytest.mark.usefixtures("known")
def test_step_is_seen_while_it_runs(tmp_path: Path, server: ZenML, project: str) -> None:
    """A step that lasts is in ZenML before it ends, with its inputs, and whole when it has ended."""
    seen: list[Any] = []

    @ap.step
    def lasts(i: int) -> Annotated[int, "used"]:
        until = time.monotonic() + 60
        while not seen and time.monotonic() < until:
            seen.extend(server.ask("GET", "/steps", project=project, name="lasts")["items"])
            time.sleep(0.1)
        return i + 1

    settings = ap.Settings(
        store_url=str(tmp_path / "other"),
        ledger_url=f"sqlite:///{tmp_path}/other.sqlite",
        plugins=("artifact_integrations.zenml",),
        backends=(f"zenml+{server.url}/?project={project}",),
        delivery="wait",
        flush_seconds=120,
    )
    with ap.open_session(settings), ap.start_run("lasting"):
        lasts(pipelines.make())

    assert [step["body"]["status"] for step in seen] == ["running"]
    step = server.ask("GET", f"/steps/{seen[0]['id']}")
    assert step["body"]["status"] == "completed"
    (read,) = step["resources"]["inputs"]["i"]
    assert (read["input_type"], list(step["resources"]["outputs"])) == ("step_output", ["used"])
    assert server.count("/steps", project=project) == 2
