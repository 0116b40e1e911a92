"""The listing of the tasks of a run."""

from __future__ import annotations

from typing import Any

from artifact_plugins.faces.kfp.face import Call, Face
from artifact_plugins.faces.kfp.hydration import hydrate
from artifact_plugins.faces.kfp.keyset import is_in_order, ledger_page
from artifact_plugins.faces.kfp.messages import TASK, TASK_STATES, TASK_TYPES
from artifact_plugins.faces.kfp.pages import Listable, Options, Page, bad_token, options, page
from artifact_plugins.faces.kfp.protojson import encode, write
from artifact_plugins.faces.kfp.refusals import Refusal, invalid
from artifact_plugins.faces.kfp.task_rows import Message
from artifact_plugins.faces.kfp.tasks import authorize_run, complete, count, of_row, of_run
from artifact_plugins.records import Page as LedgerPage
from artifact_plugins.records import Run

_READ_WHOLE = 1000
"""So many tasks are read at once anyway; the ledger makes the pages of longer runs."""


def _cell(name: str) -> Any:
    def read(task: Message) -> str:
        value = write(TASK, {name: task.get(name)}).get(name)
        return "" if value is None else value if isinstance(value, str) else encode(value).decode()

    return read


def _moment(name: str) -> Any:
    return lambda task: int(task[name].timestamp() // 1) if task.get(name) else 0


TASKS: Listable[Message] = Listable(
    name="Task",
    columns={
        **{
            name: _cell(name)
            for name in (
                "name",
                "display_name",
                "task_id",
                "run_id",
                "pods",
                "cache_fingerprint",
                "status_metadata",
                "state_history",
                "type_attributes",
                "inputs",
                "outputs",
                "scope_path",
            )
        },
        "create_time": _moment("create_time"),
        "start_time": _moment("create_time"),
        "end_time": _moment("end_time"),
        "status": lambda task: TASK_STATES.index(task.get("state", TASK_STATES[0])),
        "type": lambda task: TASK_TYPES.index(task.get("type", TASK_TYPES[0])),
        "parent_task_id": lambda task: task.get("parent_task_id"),
    },
    default="create_time",
    key=lambda task: str(task["task_id"]),
)


def listing(face: Face, call: Call) -> Message:
    """`GET /runs/{run_id}/tasks`: of a parent only its direct children."""
    query = call.query
    run_id = call.path.get("run_id", query.get("run_id", ""))
    parent_id = query.get("parent_id", "")
    asked = options(TASKS, query, order_parameter="order_by")
    if not run_id and face.dialect == "S" and parent_id:
        run_id = face.task(parent_id)[0].run_id
    if not run_id:
        raise invalid("Run ID is required")
    authorize_run(face, call.caller, "runs/get", run_id)
    if parent_id:
        parent, _ = face.task(parent_id)
        if parent.run_id != run_id:
            raise invalid("parent_task_id must belong to the same run as run_id")
    try:
        run, _ = face.run(run_id)
    except Refusal:
        if face.access.is_multi_user:
            raise
        return {}
    if not parent_id and _is_long(face, run, asked):
        part = _ledger_page(face, run, asked)
    else:
        every_task = of_run(face, run)
        children = (one for one in every_task if parent_id in ("", one.get("parent_task_id")))
        part = page(asked, children)
        hydrate(face, part.rows)
    return {"tasks": part.rows, "total_size": part.total, "next_page_token": part.token}


def _is_long(face: Face, run: Run, asked: Options[Message]) -> bool:
    """Tell whether the ledger makes the pages: of a run made here that is too long to read whole."""
    is_plain = is_in_order(asked, "create_time", "start_time")
    _, note = face.run(run.id)
    if not is_plain or not note or note.get("was_reordered"):
        if asked.after is not None:
            raise bad_token()
        return False
    return asked.after is not None or count(face, run) > _READ_WHOLE


def _ledger_page(face: Face, run: Run, asked: Options[Message]) -> Page[Message]:
    def read(limit: int, token: str | None) -> LedgerPage[Message]:
        found = face.ledger.search(
            "tasks",
            "run_id == wanted",
            order_by="-started_at" if asked.is_descending else "started_at",
            limit=limit,
            page_token=token,
            values={"wanted": run.id},
        )
        messages = complete(face, [of_row(face, row) for row in found])
        return LedgerPage(tuple(messages), found.next_token)

    return ledger_page(asked, count(face, run), read)
