"""What was delivered and is there no more: deleted, or gone with a restored backup."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from artifact_plugins.contracts.backend import RecordKind
from artifact_plugins.transport import is_noted, unless_missing

from .api import KfpApi
from .tasks import task_id_of


def missing(
    api: KfpApi,
    namespace: str | None,
    kind: RecordKind,
    noted: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return which noted records the server has no more.

    A task counts as missing too when it does not carry our record any more or
    has fewer links than were sent: KFP's own retry of a run takes both away.
    One that went without a version that was given up is sent again, too: that
    may have been replayed since.
    """
    there = {key: note for key, note in noted.items() if is_noted(note)}
    if kind == "run":
        return [key for key, note in there.items() if not _has_run(api, str(note["external_id"]))]
    if kind == "task":
        return _missing_tasks(api, there)
    return _missing_versions(api, namespace, there)


def tasks_there(api: KfpApi, run_id: str, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the tasks of a run, or those of some ids; none when there is no such run."""
    return unless_missing(lambda: list(api.tasks(run_id, ids))) or []


def _missing_tasks(api: KfpApi, noted: Mapping[str, Mapping[str, Any]]) -> list[str]:
    by_run: dict[str, list[str]] = defaultdict(list)
    for note in noted.values():
        by_run[str(note["run_id"])].append(str(note["external_id"]))
    with_rows = {note["external_id"] for note in noted.values() if note.get("rows")}
    ours: dict[str, str | None] = {}
    rows: Counter[str] = Counter()
    for run_id, ids in by_run.items():
        here = {str(body["task_id"]): task_id_of(body) for body in tasks_there(api, run_id, ids)}
        ours.update(here)
        linked = [task_id for task_id in here if task_id in with_rows]
        rows.update(str(row["task_id"]) for row in api.links(task_ids=linked))
    return [
        key
        for key, note in noted.items()
        if ours.get(note["external_id"]) != key
        or rows[note["external_id"]] < int(note.get("rows", 0))
        or note.get("left_out")
    ]


def _missing_versions(
    api: KfpApi, namespace: str | None, noted: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    ids = list({str(note["external_id"]) for note in noted.values()})
    found = {str(artifact["artifact_id"]) for artifact in api.artifacts_of(namespace, ids)}
    return [key for key, note in noted.items() if note["external_id"] not in found]


def _has_run(api: KfpApi, run_id: str) -> bool:
    return unless_missing(lambda: api.run(run_id)) is not None
