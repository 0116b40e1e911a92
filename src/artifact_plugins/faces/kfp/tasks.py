"""The tasks of RunService: create, update, batch update, get, find a cached one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from artifact_plugins.faces.kfp.access import Caller
from artifact_plugins.faces.kfp.face import Call, Face, storable
from artifact_plugins.faces.kfp.following import follow_root
from artifact_plugins.faces.kfp.hydration import hydrate
from artifact_plugins.faces.kfp.messages import TASK_STATES
from artifact_plugins.faces.kfp.native import tasks_of_run
from artifact_plugins.faces.kfp.refusals import Refusal, invalid
from artifact_plugins.faces.kfp.task_rows import (
    Message,
    entered,
    identity,
    merged,
    message_of,
    native_message,
    note_of,
    row_of,
)
from artifact_plugins.faces.kfp.versions import too_long
from artifact_plugins.records import Batch, Run, Task, TaskQuery, every, new_id, now

_LONGEST = {"name": 128, "display_name": 128}
_WRITTEN = ("display_name", "pods", "type", "cache_fingerprint", "end_time")
_REPLACED = ("status_metadata", "type_attributes")
_AT_ONCE = 500


def create(face: Face, call: Call) -> Message:
    """`POST /runs/{run_id}/tasks`: a task that is there already is returned as it is."""
    task = call.body
    run_id = call.path.get("run_id", task.get("run_id", ""))
    if not run_id:
        raise invalid("Run ID is required")
    if not call.has_body:
        raise invalid("Task is required")
    if task.get("run_id") and task["run_id"] != run_id:
        raise invalid("Task run_id in request body does not match run_id in path parameter")
    authorize_run(face, call.caller, "runs/update", run_id)
    with face.writing:
        if task.get("parent_task_id"):
            parent, _ = face.task(task["parent_task_id"])
            if parent.run_id != run_id:
                raise invalid("parent_task_id must belong to the same run as the task")
        face.own_run(run_id)
        return made(face, task, run_id)


def made(face: Face, task: Message, run_id: str) -> Message:
    """Write a new task of a run, or return the one that has its logical identity.

    The caller holds `face.writing`.
    """
    _check_texts(task)
    same = identity(task, run_id)
    task_id = new_id()
    if same is not None:
        known = face.notes.get("identity", f"{run_id}/{same}")
        if known is not None:
            task_id = known["task_id"]
            # A note without its task: this server was killed between the two.
            if len(face.ledger.tasks(TaskQuery(ids=(task_id,)))):
                found = of_row(face, face.task(task_id)[0])
                return complete(face, [found])[0]
    started_at = task.get("create_time") or now()
    state = task.get("state", TASK_STATES[0])
    if state != TASK_STATES[0] and not task.get("state_history"):
        task = {**task, "state_history": entered(state, ())}
    row = row_of(task, task_id=task_id, run_id=run_id, started_at=started_at)
    if same is not None:
        face.notes.put("identity", f"{run_id}/{same}", {"task_id": task_id})
    note = note_of(task)
    face.notes.put("task", f"{run_id}/{task_id}", note)
    if row.parent_id is not None:
        face.notes.put("child", f"{run_id}/{row.parent_id}/{task_id}", {})
    face.ledger.write(Batch(tasks=(row,)))
    follow_root(face, row)
    return message_of(row, note)


def update(face: Face, call: Call) -> Message:
    """`PATCH /runs/{run_id}/tasks/{task_id}`: what is not zero is written, parameters merge."""
    task_id, task = call.path["task_id"], call.body
    if not task_id:
        raise invalid("Task ID is required")
    if task.get("task_id") and task["task_id"] != task_id:
        raise invalid("Task ID in path parameter does not match task ID in request body")
    with face.writing:
        row, run = face.task(task_id, to_write=True)
        if call.path.get("run_id", row.run_id) != row.run_id:
            raise invalid("Task run_id in path parameter does not match the existing task run_id")
        face.access.authorize(call.caller, "runs/update", run.project, run.id)
        return _updated(face, row, task)


def batch_update(face: Face, call: Call) -> Message:
    """`POST /runs/{run_id}/tasks:batchUpdate`: all checked, then one by one in the order of ids."""
    given = call.body.get("tasks") or {}
    if not given:
        raise invalid("UpdateTasksBulkRequest must contain at least one task")
    for task_id, task in given.items():
        if task is None:
            raise invalid(f"Task is required for task ID {task_id}")
        if task.get("task_id") and task["task_id"] != task_id:
            raise invalid(
                f"Task ID in map key does not match task ID in task detail for task {task_id}"
            )
    run_id = call.path.get("run_id")
    with face.writing:
        rows = {}
        for task_id in sorted(given):
            row, run = face.task(task_id, to_write=True)
            if run_id is not None and row.run_id != run_id:
                raise invalid(f"Task {task_id} does not belong to run {run_id}")
            face.access.authorize(call.caller, "runs/update", run.project, run.id)
            rows[task_id] = row
        return {
            "tasks": {task_id: _updated(face, row, given[task_id]) for task_id, row in rows.items()}
        }


def get(face: Face, call: Call) -> Message:
    """`GET /runs/{run_id}/tasks/{task_id}`."""
    row, run = face.task(call.path["task_id"])
    if call.path.get("run_id", run.id) != run.id:
        raise invalid(f"Task {row.id} does not belong to run {call.path['run_id']}")
    face.access.authorize(call.caller, "runs/get", run.project, run.id)
    return complete(face, [of_row(face, row)])[0]


def find_cached(face: Face, call: Call) -> Message:
    """`POST /tasks:findCached`: the newest SUCCEEDED task of a fingerprint."""
    fingerprint, namespace = call.body.get("cache_fingerprint", ""), call.body.get("namespace", "")
    if not fingerprint:
        raise invalid("cache_fingerprint is required")
    if face.access.is_multi_user and not namespace:
        raise invalid("namespace is required in multi-user mode")
    project = face.project_of(namespace)
    face.access.authorize(call.caller, "runs/get", project, None)
    token: str | None = None
    while True:
        found = face.ledger.search(
            "tasks",
            'cache_key == wanted and state == "SUCCEEDED"',
            order_by="-started_at",
            limit=20,
            page_token=token,
            project=project,
            values={"wanted": storable(fingerprint, "cache_fingerprint")},
        )
        for row in found:
            try:
                face.run(row.run_id)
            except Refusal:  # the run was deleted
                continue
            return {"task": complete(face, [of_row(face, row)])[0]}
        token = found.next_token
        if token is None:
            return {}


def count(face: Face, run: Run) -> int:
    """Return how many tasks a run has."""
    return face.ledger.count(TaskQuery(run_id=run.id))


def of_run(face: Face, run: Run) -> list[Message]:
    """Return every task of a run with its children, without artifacts."""
    notes = {key.partition("/")[2]: note for key, note in face.notes.below("task", f"{run.id}/")}
    found = []
    native = None
    for row in every(face.ledger.tasks, TaskQuery(run_id=run.id)):
        if row.id in notes:
            found.append(message_of(row, notes[row.id]))
            continue
        if native is None:
            native = tasks_of_run(face, run.id)
        found.append(native_message(native[row.id]))
    children: dict[str, list[Message]] = defaultdict(list)
    for task in found:
        child = {"task_id": task["task_id"], "name": task["name"]}
        children[task.get("parent_task_id") or ""].append(child)
    for task in found:
        task["child_tasks"] = children[task["task_id"]]
    return found


def restart(face: Face, row: Task) -> None:
    """Make a task run again: no end, no pods, no status, no output parameters."""
    task = of_row(face, row)
    for name in ("end_time", "pods", "status_metadata", "outputs"):
        task.pop(name, None)
    task["state"] = "RUNNING"
    task["state_history"] = entered("RUNNING", task.get("state_history", ()))
    new_row = row_of(task, task_id=row.id, run_id=row.run_id, started_at=row.started_at)
    face.notes.put("task", f"{row.run_id}/{row.id}", note_of(task))
    face.ledger.write(Batch(tasks=(new_row,)))


def _updated(face: Face, row: Task, changed: Message) -> Message:
    """Write what changed of a task and return it; the caller holds `face.writing`."""
    _check_texts(changed)
    before = of_row(face, row)
    after = dict(before)
    for name in (*_WRITTEN, *_REPLACED):
        # A message that is there but empty replaces what was there.
        if changed.get(name) or (name in _REPLACED and name in changed):
            after[name] = changed[name]
    state = changed.get("state", TASK_STATES[0])
    if state not in (TASK_STATES[0], before["state"]):
        after["state"] = state
        after["state_history"] = entered(state, before.get("state_history", ()))
    parent_id = changed.get("parent_task_id")
    if parent_id is not None and parent_id != (before.get("parent_task_id") or ""):
        if parent_id and face.task(parent_id)[0].run_id != row.run_id:
            raise invalid("parent_task_id must belong to the same run as the task")
        after["parent_task_id"] = parent_id
        face.change_run_note(row.run_id, was_reordered=True)
    for side in ("inputs", "outputs"):
        new = changed.get(side, {}).get("parameters", ())
        if new:
            after[side] = {"parameters": merged(before[side]["parameters"], new)}
    new_row = row_of(after, task_id=row.id, run_id=row.run_id, started_at=row.started_at)
    note = {**face.task_note(row.run_id, row.id), **note_of(after)}
    face.notes.put("task", f"{row.run_id}/{row.id}", note)
    kept = {"attempt": row.attempt, "code_snapshot": row.code_snapshot}
    new_row = new_row.model_copy(update=kept)
    face.ledger.write(Batch(tasks=(new_row,)))
    follow_root(face, new_row)
    return complete(face, [message_of(new_row, note)])[0]


def of_row(face: Face, row: Task) -> Message:
    """Return a task without children and artifacts."""
    note = face.task_note(row.run_id, row.id)
    if note:
        return message_of(row, note)
    return native_message(tasks_of_run(face, row.run_id)[row.id])


def complete(face: Face, tasks: list[Message]) -> list[Message]:
    """Add artifacts and children to tasks."""
    hydrate(face, tasks)
    for task in tasks:
        task["child_tasks"] = _children(face, task)
    return tasks


def _children(face: Face, task: Message) -> list[Message]:
    run, note = face.run(task["run_id"])
    if note.get("was_reordered"):  # the ledger keeps the first parent of a task
        every_task = {one["task_id"]: one for one in of_run(face, run)}
        children: list[Message] = every_task[task["task_id"]]["child_tasks"]
        return children
    if note.get("has_children"):
        noted = face.notes.below("child", f"{run.id}/{task['task_id']}/")
        ids = [key.rpartition("/")[2] for key, _ in noted]
        return [
            {"task_id": one.id, "name": one.name}
            for start in range(0, len(ids), _AT_ONCE)
            for one in every(face.ledger.tasks, TaskQuery(ids=tuple(ids[start : start + _AT_ONCE])))
        ]
    found: Iterable[Task] = every(
        lambda _, **asked: face.ledger.search(
            "tasks",
            "run_id == run_wanted and parent_id == wanted",
            order_by="id",
            values={"run_wanted": run.id, "wanted": task["task_id"]},
            **asked,
        ),
        None,
    )
    return [{"task_id": one.id, "name": one.name} for one in found]


def authorize_run(face: Face, caller: Caller, what: str, run_id: str) -> None:
    """Refuse who may not touch the run; an unknown one is told to whoever may see any."""
    try:
        run, _ = face.run(run_id)
    except Refusal:
        if face.access.is_multi_user:
            raise
        face.access.authorize(caller, what, "", run_id)
        return
    face.access.authorize(caller, what, run.project, run.id)


def _check_texts(task: Message) -> None:
    for name, longest in _LONGEST.items():
        too_long(name, task.get(name, ""), longest, "create task")
    for name in ("name", "scope_path", "cache_fingerprint"):
        storable(task.get(name, ""), name)
    storable(task.get("status_metadata", {}).get("message", ""), "status_metadata.message")
