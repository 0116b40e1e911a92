"""A run made over this API ends as its ROOT task does: nothing else executes here."""

from __future__ import annotations

from artifact_plugins.faces.kfp.face import Face
from artifact_plugins.faces.kfp.protojson import seconds
from artifact_plugins.records import Batch, RunState, Task, TaskState, TaskType, now

_STATES = {
    TaskState.RUNNING: RunState.RUNNING,
    TaskState.SUCCEEDED: RunState.SUCCEEDED,
    TaskState.CACHED: RunState.SUCCEEDED,
    TaskState.SKIPPED: RunState.SUCCEEDED,
    TaskState.FAILED: RunState.FAILED,
}


def follow_root(face: Face, task: Task) -> None:
    """Give a run the state that its ROOT task got; the caller holds `face.writing`."""
    if task.type is TaskType.ROOT and task.parent_id is None:
        shown = "SKIPPED" if task.state is TaskState.SKIPPED else ""
        set_state(face, task.run_id, _STATES[task.state], shown=shown, error=task.error)


def set_state(
    face: Face, run_id: str, state: RunState, *, shown: str = "", error: str | None = None
) -> None:
    """Write a run's state, and that it was entered, unless it is in it already.

    Args:
        shown: The name that KFP has for it, when ours is another.
    """
    run, note = face.run(run_id)
    name = shown or str(state)
    if name == (note.get("state") or str(run.state)):
        return
    history = [*note.get("state_history", ()), {"update_time": seconds(now()), "state": name}]
    face.change_run_note(run_id, state=shown, state_history=history)
    ended_at = None if state is RunState.RUNNING else now()
    changed = {"state": state, "ended_at": ended_at, "error": error}
    face.ledger.write(Batch(runs=(run.model_copy(update=changed),)))
