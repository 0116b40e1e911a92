"""Runs: what tasks and artifacts are created in.

A KFP server makes a run of a pipeline, which its cluster executes. This one
executes nothing: a run is opened without a pipeline (`display_name`, and, if
wanted, `experiment_id`, `description`, `runtime_config.parameters`), gets its
ROOT task at once, is filled by clients, and ends as its ROOT task does.
"""

from __future__ import annotations

from typing import Any

from artifact_plugins.faces.kfp import experiments, tasks
from artifact_plugins.faces.kfp.face import Call, Face
from artifact_plugins.faces.kfp.following import set_state
from artifact_plugins.faces.kfp.hydration import hydrate
from artifact_plugins.faces.kfp.messages import RUN, RUN_STATES, STORAGE_STATES
from artifact_plugins.faces.kfp.notes import Note
from artifact_plugins.faces.kfp.pages import Listable, options, page
from artifact_plugins.faces.kfp.protojson import read, seconds, write
from artifact_plugins.faces.kfp.refusals import invalid
from artifact_plugins.faces.kfp.versions import kept_name, too_long
from artifact_plugins.records import (
    Batch,
    LinkQuery,
    Run,
    RunQuery,
    RunState,
    TaskQuery,
    TaskState,
    every,
    new_id,
    now,
)

Message = dict[str, Any]
_ROOT = {"name": "ROOT", "type": "ROOT", "scope_path": "root", "state": "RUNNING"}
_NOTED = ("display_name", "description", "service_account", "runtime_config")
_PIPELINES = ("pipeline_spec", "pipeline_version_reference", "pipeline_version_id")
RUNS: Listable[Message] = Listable(
    name="Run",
    columns={
        "id": lambda run: run["run_id"],
        "run_id": lambda run: run["run_id"],
        "name": lambda run: run["display_name"],
        "display_name": lambda run: run["display_name"],
        "description": lambda run: run.get("description", ""),
        "experiment_id": lambda run: run["experiment_id"],
        "created_at": lambda run: int(run["created_at"].timestamp()),
        "finished_at": lambda run: int(run["finished_at"].timestamp()) if run["finished_at"] else 0,
        "state": lambda run: run["state"],
        "storage_state": lambda run: run["storage_state"],
    },
    default="created_at",
    key=lambda run: str(run["run_id"]),
)


def create(face: Face, call: Call) -> Message:
    """`POST /runs`: open a run without a pipeline."""
    given = call.body
    if any(given.get(name) for name in _PIPELINES):
        raise invalid(
            "this server executes no pipelines: leave pipeline_spec, pipeline_version_id and "
            "pipeline_version_reference out to open a run that clients fill"
        )
    name = given.get("display_name", "")
    if not name:
        raise invalid("Run name is empty. Please specify a valid name")
    experiment_id = given.get("experiment_id") or call.query.get("experiment_id", "")
    if not experiment_id:
        if face.access.is_multi_user:
            raise invalid("Run must specify an experiment in multi-user mode")
        experiment_id = experiments.default_id(face, face.project)
    project = experiments.find(face, experiment_id)["project"]
    face.access.authorize(call.caller, "runs/create", project, None)
    too_long("DisplayName", name, 128, "create run")
    parameters = given.get("runtime_config", {}).get("parameters", {})
    run_id = new_id()
    pipeline = kept_name(name)
    run = Run(
        id=run_id,
        project=project,
        pipeline=pipeline,
        name=f"{pipeline}-{run_id[-8:]}",
        parameters=parameters,
        started_at=now(),
    )
    sent = {key: given[key] for key in _NOTED if key in given}
    note = {
        "run": write(RUN, sent),
        "experiment_id": experiment_id,
        "has_children": True,
        "state_history": [{"update_time": seconds(run.started_at), "state": "RUNNING"}],
    }
    inputs = [
        {
            "value": value,
            "type": "RUNTIME_VALUE_INPUT",
            "parameter_key": key,
            "producer": {"task_name": "ROOT"},
        }
        for key, value in parameters.items()
    ]
    with face.writing:
        face.notes.put("run", run_id, note)
        face.ledger.write(Batch(runs=(run,)))
        tasks.made(face, {**_ROOT, "inputs": {"parameters": inputs}}, run_id)
    return _message(face, run, note)


def get(face: Face, call: Call) -> Message:
    """`GET /runs/{run_id}`: with its tasks when `view=FULL`."""
    run, note = face.run(call.path["run_id"])
    face.access.authorize(call.caller, "runs/get", run.project, run.id)
    message = _message(face, run, note)
    message["task_count"] = tasks.count(face, run)
    if call.query.get("view") == "FULL":
        message["tasks"] = _tasks(face, run)
    return message


def listing(face: Face, call: Call) -> Message:
    """`GET /runs`."""
    query = call.query
    asked = options(RUNS, query)
    namespace, experiment_id = query.get("namespace", ""), query.get("experiment_id", "")
    if experiment_id:
        project = experiments.find(face, experiment_id)["project"]
    else:
        if face.access.is_multi_user and not namespace:
            raise invalid("A resource cannot have an empty namespace in multi-user mode")
        project = face.project_of(namespace)
    face.access.authorize(call.caller, "runs/list", project, None)
    notes = dict(face.notes.below("run"))
    messages = (
        _message(face, run, notes.get(run.id, {}))
        for run in every(face.ledger.runs, RunQuery(project=project))
        if not notes.get(run.id, {}).get("is_deleted")
    )
    part = page(asked, (one for one in messages if experiment_id in ("", one["experiment_id"])))
    if query.get("view") == "FULL":
        for message in part.rows:
            message["tasks"] = _tasks(face, face.run(message["run_id"])[0])
    return {"runs": part.rows, "total_size": part.total, "next_page_token": part.token}


def delete(face: Face, call: Call) -> Message:
    """`DELETE /runs/{run_id}`: its tasks and links are served no more, its artifacts stay.

    The ledger keeps all of them: lineage is never deleted.
    """
    with face.writing:
        run_id = _writable(face, call, "runs/delete")
        face.change_run_note(run_id, is_deleted=True)
    return {}


def retry(face: Face, call: Call) -> Message:
    """`POST /runs/{run_id}:retry`: FAILED tasks run again; their links are served no more."""
    with face.writing:
        run_id = _writable(face, call, "runs/retry")
        run, _ = face.run(run_id)
        if run.state is not RunState.FAILED:
            raise invalid("Workflow must be Failed/Error to retry")
        failed = [
            task
            for task in every(face.ledger.tasks, TaskQuery(run_id=run_id))
            if task.state is TaskState.FAILED
        ]
        face.change_run_note(run_id, was_retried=True)
        for task in failed:
            tasks.restart(face, task)
            links = every(face.ledger.links, LinkQuery(task_ids=(task.id,)))
            hidden = sorted({one.id for one in links})
            face.change_task_note(run_id, task.id, hidden_links=hidden)
        set_state(face, run_id, RunState.RUNNING)
    return {}


def terminate(face: Face, call: Call) -> Message:
    """`POST /runs/{run_id}:terminate`: nothing executes here, so it is CANCELED at once."""
    with face.writing:
        run_id = _writable(face, call, "runs/terminate")
        run, _ = face.run(run_id)
        if run.state is RunState.RUNNING:
            set_state(face, run_id, RunState.FAILED, shown="CANCELED", error="terminated")
    return {}


def archive(face: Face, call: Call) -> Message:
    """`POST /runs/{run_id}:archive`."""
    with face.writing:
        face.change_run_note(_writable(face, call, "runs/archive"), is_archived=True)
    return {}


def unarchive(face: Face, call: Call) -> Message:
    """`POST /runs/{run_id}:unarchive`."""
    with face.writing:
        face.change_run_note(_writable(face, call, "runs/unarchive"), is_archived=False)
    return {}


def _tasks(face: Face, run: Run) -> list[Message]:
    found = tasks.of_run(face, run)
    hydrate(face, found)
    return found


def _writable(face: Face, call: Call, what: str) -> str:
    run = face.own_run(call.path["run_id"])
    face.access.authorize(call.caller, what, run.project, None)
    return run.id


def _message(face: Face, run: Run, note: Note) -> Message:
    state = note.get("state") or str(run.state)
    sent = {"display_name": run.name, "runtime_config": {"parameters": run.parameters}}
    history = {"state_history": note.get("state_history", [])}
    return {
        **read(RUN, {**(note.get("run") or sent), **history}),
        "run_id": run.id,
        "experiment_id": note.get("experiment_id") or experiments.default_id(face, run.project),
        "storage_state": STORAGE_STATES[2 if note.get("is_archived") else 1],
        "created_at": run.started_at,
        "scheduled_at": run.started_at,
        "finished_at": run.ended_at,
        "state": state if state in RUN_STATES else RUN_STATES[0],
        "error": {"code": 2, "message": run.error} if run.error else None,
    }
