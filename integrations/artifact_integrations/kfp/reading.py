"""Versions and links of KFP, read back into our records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from artifact_plugins.contracts.backend import RemoteQuery, RemoteVersion
from artifact_plugins.errors import BackendContractError, describe
from artifact_plugins.records import ArtifactTaskLink, Page
from artifact_plugins.transport import (
    no_token,
    no_version,
    page_of,
    place_of,
    token_of,
    unless_missing,
)

from .api import SYSTEM, KfpApi, predicates
from .artifacts import TYPES, remote_version, version_id_of
from .dialects import LEAVES
from .limits import kfp_name
from .links import read_parameters, read_rows
from .missing import tasks_there
from .tasks import RemoteTask, remote_task

_OUTPUTS = frozenset({"OUTPUT", "ITERATOR_OUTPUT", "ONE_OF_OUTPUT"})


def read_version(api: KfpApi, external_id: str) -> RemoteVersion:
    """Return one artifact.

    Raises:
        ArtifactMissingError: The server has none of that id.
    """
    # With a slash in it an id is another route to the server.
    found = None if "/" in external_id else unless_missing(lambda: api.artifact(external_id))
    if found is None:
        raise no_version(SYSTEM, external_id, hint="it is named by its id there")
    return remote_version(found)


def read_versions(
    api: KfpApi, namespace: str | None, query: RemoteQuery, remote_run: str | None
) -> Page[RemoteVersion]:
    """Return one page of the artifacts that a query wants.

    Name and type are filtered by the server, whose answer is checked here;
    the rest is checked here alone.

    Args:
        remote_run: The run there that `query.run_id` was delivered to.
    """
    # A page token is a page of the server, and how much of it is known.
    token, skipped = _place(query.page_token)
    candidates = _candidates(api, namespace, query, remote_run, token)
    walk = (
        (remote_version(artifact), token_of(page_token, number))
        for page_token, number, artifact in candidates
        if number >= skipped or page_token != token
    )
    return page_of(query, walk)


def _candidates(
    api: KfpApi,
    namespace: str | None,
    query: RemoteQuery,
    remote_run: str | None,
    token: str | None,
) -> Iterator[tuple[str | None, int, dict[str, Any]]]:
    """Yield artifacts with the token of their page and their place in it."""
    if query.run_id is not None:
        of_run = _of_run(api, namespace, query, remote_run)
        yield from ((None, number, artifact) for number, artifact in enumerate(of_run))
        return
    conditions: list[tuple[str, str, Mapping[str, Any]]] = []
    if query.artifact is not None:
        conditions.append(("EQUALS", "name", {"string_value": kfp_name(query.artifact)}))
    if query.artifact_type is not None:
        number = TYPES.get(query.artifact_type)
        # A title of ours, and a Metric without a number, are Artifacts there.
        wanted = {TYPES["Artifact"], number or TYPES["Artifact"]}
        conditions.append(("IN", "type", {"int_values": {"values": sorted(wanted)}}))
    fixed = {
        "namespace": namespace,
        "filter": predicates(*conditions) if conditions else None,
        "sort_by": f"created_at {'desc' if query.newest_first else 'asc'}",
    }
    while True:
        items, following = api.artifacts_page(**fixed, page_token=token)
        yield from ((token, number, artifact) for number, artifact in enumerate(items))
        if following is None:
            return
        token = following


def _of_run(
    api: KfpApi, namespace: str | None, query: RemoteQuery, remote_run: str | None
) -> list[dict[str, Any]]:
    """Return the artifacts that the tasks of a run wrote, in order: the links say which."""
    if remote_run is None:
        return []
    rows = api.links(run_ids=[remote_run])
    ids = sorted({str(row["artifact_id"]) for row in rows if row.get("type") in _OUTPUTS})
    return sorted(
        api.artifacts_of(namespace, ids),
        key=lambda one: (str(one.get("created_at", "")), str(one.get("artifact_id", ""))),
        reverse=query.newest_first,
    )


def read_links(
    api: KfpApi, namespace: str | None, run_id: str, remote_run: str | None
) -> list[ArtifactTaskLink]:
    """Return the links of a run as the server has them, in the order of its tasks.

    Args:
        run_id: Ours; or one of KFP's, whose links come with KFP's ids.
        remote_run: The run there that ours was delivered to.
    """
    bodies = {str(body["task_id"]): body for body in tasks_there(api, remote_run or run_id)}
    tasks = {task_id: remote_task(body) for task_id, body in bodies.items()}
    ours = {k: task for k, task in tasks.items() if task and task.record.run_id == run_id}
    wanted = bodies if remote_run is None else {k: bodies[k] for k in ours}
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in api.links(run_ids=[remote_run or run_id]) if wanted else ():
        if row.get("task_id") in wanted:
            rows[str(row["task_id"])].append(row)
    ids = sorted({str(row["artifact_id"]) for some in rows.values() for row in some})
    version_ids = {
        str(artifact["artifact_id"]): version_id
        for artifact in api.artifacts_of(namespace, ids)
        if (version_id := version_id_of(artifact)) is not None
    }
    names = _names(ours)
    found: list[ArtifactTaskLink] = []
    for remote_id, body in wanted.items():
        task = ours.get(remote_id)
        said = task.links if task else ()
        of_task: dict[str, Any] = {
            "run_id": run_id,
            "task_id": task.record.id if task else remote_id,
            "names": names,
            "keys": task.keys if task else {},
        }
        try:
            found += read_parameters(_parameters(body), said, **of_task)
            found += read_rows(
                rows[remote_id],
                said,
                version_ids,
                **of_task,
                dialect=api.dialect,
                is_leaf=body.get("type") in LEAVES,
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise BackendContractError(
                f"{SYSTEM} answered with links of task {remote_id} that cannot be read: "
                f"{describe(error)}",
                hint="is it of a version that is supported? the ledger has the links",
            ) from error
    return found


def _names(ours: Mapping[str, RemoteTask]) -> dict[str, str]:
    """Return our names of tasks that are called otherwise there: an attached ROOT, long ones."""
    return {
        str(task.body.get("name")): task.record.name
        for task in ours.values()
        if task.body.get("name") != task.record.name
    }


def _parameters(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for side in ("inputs", "outputs"):
        yield from (body.get(side) or {}).get("parameters", [])


def _place(token: str | None) -> tuple[str | None, int]:
    if token is None:
        return None, 0
    try:
        page_token, number = place_of(token, SYSTEM)
        return page_token, int(number)
    except (ValueError, TypeError) as error:
        raise no_token(token, SYSTEM) from error
