"""The link half of ArtifactService: create, batch create, list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from artifact_plugins.faces.kfp import artifacts
from artifact_plugins.faces.kfp.access import Caller
from artifact_plugins.faces.kfp.face import Call, Face, index_of, storable
from artifact_plugins.faces.kfp.keyset import is_in_order, ledger_page
from artifact_plugins.faces.kfp.linking import LINKS, add, shown
from artifact_plugins.faces.kfp.messages import IO_TYPES
from artifact_plugins.faces.kfp.native import links_of_runs
from artifact_plugins.faces.kfp.pages import Options, Page, bad_token, options, page
from artifact_plugins.faces.kfp.refusals import Refusal, invalid
from artifact_plugins.records import (
    ArtifactTaskLink,
    IOType,
    LinkQuery,
    Producer,
    every,
    new_id,
)
from artifact_plugins.records import Page as LedgerPage


def create(face: Face, call: Call) -> dict[str, Any]:
    """`POST /artifact_tasks`."""
    given = call.body.get("artifact_task")
    _validate(given)
    assert given is not None
    with face.writing:
        link, namespace = _resolved(face, given, {})
        _authorize(face, call.caller, namespace, link.run_id)
        add(face, [link])
    return shown(link)


def batch_create(face: Face, call: Call) -> dict[str, Any]:
    """`POST /artifact_tasks:batchCreate`: all or nothing."""
    given = call.body.get("artifact_tasks") or []
    if not given:
        raise invalid("CreateArtifactTasksBulkRequest must contain at least one artifact task")
    with face.writing:
        resolved = []
        seen: dict[tuple[str, str], Any] = {}
        for one in given:
            _validate(one)
            resolved.append(_resolved(face, one, seen))
        if len({link.run_id for link, _ in resolved}) > 1:
            raise invalid("CreateArtifactTasksBulkRequest must use a single run_id")
        if len({namespace for _, namespace in resolved}) > 1:
            raise invalid("CreateArtifactTasksBulkRequest must use a single namespace")
        first, namespace = resolved[0]
        _authorize(face, call.caller, namespace, first.run_id)
        links = [link for link, _ in resolved]
        add(face, links, is_bulk=True)
    return {"artifact_tasks": [shown(link) for link in links]}


def listing(face: Face, call: Call) -> dict[str, Any]:
    """`GET /artifact_tasks`: ids of one kind are alternatives, kinds must all hold."""
    query = call.query
    asked = options(LINKS, query)
    wanted: dict[str, list[str]] = {}
    for name in ("task_ids", "run_ids", "artifact_ids"):
        wanted[name] = query.get(name, [])
        if "" in wanted[name]:
            raise invalid(f"{name} must not contain empty values")
    if not any(wanted.values()):
        raise invalid("At least one filter (task_ids, run_ids, or artifact_ids) is required")
    run_ids = _authorize_reads(face, call.caller, wanted)
    kind = query.get("type", IO_TYPES[0])
    types = None if kind == IO_TYPES[0] else (IOType(kind),)
    in_order = _in_order(face, wanted, run_ids) if is_in_order(asked, "id") else None
    if in_order is not None:
        part = _ledger_page(face, asked, replace(in_order, io_types=types))
    elif asked.after is not None:
        raise bad_token()
    else:
        rows = _found(face, wanted, run_ids)
        part = page(asked, (one for one in rows if types is None or one.io_type in types))
    return {
        "artifact_tasks": [shown(one) for one in part.rows],
        "total_size": part.total,
        "next_page_token": part.token,
    }


def _validate(given: dict[str, Any] | None) -> None:
    if given is None:
        raise invalid("CreateArtifactTaskRequest and artifact_task are required")
    for field in ("artifact_id", "task_id", "run_id"):
        if not given.get(field):
            raise invalid(f"artifact_task.{field} is required")
    if given.get("type", IO_TYPES[0]) == IO_TYPES[0]:
        raise invalid("artifact_task.type is required")
    if "producer" not in given:
        raise invalid("artifact_task.producer is required")
    if not given.get("key"):
        raise invalid("artifact_task.key is required")


def _resolved(
    face: Face, given: dict[str, Any], seen: dict[tuple[str, str], Any]
) -> tuple[ArtifactTaskLink, str]:
    """Return the link and the namespace of its run, when all that it names is there.

    Args:
        seen: What was looked up for the links of the same request.
    """
    of_task, of_artifact = ("task", given["task_id"]), ("artifact", given["artifact_id"])
    if of_task not in seen:
        seen[of_task] = face.task(given["task_id"], to_write=True)
    task, run = seen[of_task]
    if task.run_id != given["run_id"]:
        raise invalid("artifact_task.run_id must match the task's run_id")
    if of_artifact not in seen:
        seen[of_artifact] = artifacts.find(face, given["artifact_id"])
    version = seen[of_artifact]
    if face.access.is_multi_user:
        artifacts.same_namespace(version.project, run.project)
    producer = given["producer"]
    link = ArtifactTaskLink(
        id=new_id(),
        run_id=run.id,
        task_id=task.id,
        io_type=IOType(given["type"]),
        key=storable(given["key"], "artifact_task.key"),
        producer=Producer(
            task_name=storable(producer.get("task_name", ""), "producer.task_name"),
            iteration=index_of(producer.get("iteration"), "producer.iteration"),
        ),
        version_id=version.id,
    )
    return link, run.project


def _authorize(face: Face, caller: Caller, namespace: str, run_id: str) -> None:
    for what in ("artifacts/create", "runs/update"):
        try:
            face.access.authorize(caller, what, namespace, run_id)
        except Refusal as refusal:
            raise refusal.within("Failed to authorize the request") from refusal


def _authorize_reads(face: Face, caller: Caller, wanted: dict[str, list[str]]) -> set[str]:
    """Look up what is asked for, refuse what the caller may not see; return the runs named."""
    run_ids = set()
    for task_id in dict.fromkeys(wanted["task_ids"]):
        _, run = face.task(task_id)
        face.access.authorize(caller, "runs/get", run.project, run.id)
        run_ids.add(run.id)
    for run_id in dict.fromkeys(wanted["run_ids"]):
        try:
            run, _ = face.run(run_id)
        except Refusal:
            if face.access.is_multi_user:
                raise
            # Who may see one run only learns nothing of others, there or not.
            face.access.authorize(caller, "runs/get", "", run_id)
            continue
        face.access.authorize(caller, "runs/get", run.project, run.id)
        run_ids.add(run.id)
    for artifact_id in dict.fromkeys(wanted["artifact_ids"]):
        version = artifacts.find(face, artifact_id)
        face.access.authorize(caller, "runs/get", version.project, None)
    return run_ids


def _in_order(face: Face, wanted: dict[str, list[str]], run_ids: set[str]) -> LinkQuery | None:
    """Return what the ledger alone can list: links that were made here, all of them shown."""
    tasks, versions = tuple(wanted["task_ids"]), tuple(wanted["artifact_ids"])
    named = run_ids & set(wanted["run_ids"])
    if len(named) > 1 or (wanted["run_ids"] and not named) or not run_ids:
        return None
    for run_id in run_ids:
        _, note = face.run(run_id)
        if not note or note.get("was_retried"):
            return None
    return LinkQuery(
        run_id=next(iter(named), None), task_ids=tasks or None, version_ids=versions or None
    )


def _ledger_page(
    face: Face, asked: Options[ArtifactTaskLink], wanted: LinkQuery
) -> Page[ArtifactTaskLink]:
    def read(limit: int, token: str | None) -> LedgerPage[ArtifactTaskLink]:
        newest = asked.is_descending
        return face.ledger.links(wanted, limit=limit, page_token=token, newest_first=newest)

    return ledger_page(asked, face.ledger.count(wanted), read)


def _found(
    face: Face, wanted: dict[str, list[str]], run_ids: set[str]
) -> Iterator[ArtifactTaskLink]:
    """Yield the links of the ledger that are asked for, without those that are not shown."""
    if wanted["run_ids"]:
        run_ids &= set(wanted["run_ids"])
        if not run_ids:
            return
    tasks, versions = tuple(wanted["task_ids"]), tuple(wanted["artifact_ids"])
    runs: Iterable[str | None] = sorted(run_ids) if wanted["run_ids"] else [None]
    for run_id in runs:
        query = LinkQuery(run_id=run_id, task_ids=tasks or None, version_ids=versions or None)
        found = [one for one in every(face.ledger.links, query) if one.version_id is not None]
        yield from links_of_runs(face, found)
