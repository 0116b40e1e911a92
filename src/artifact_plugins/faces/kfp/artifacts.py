"""The artifact half of ArtifactService: create, batch create, get, list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artifact_plugins.errors import ArtifactMissingError, IdempotencyConflictError
from artifact_plugins.faces.kfp.access import Caller
from artifact_plugins.faces.kfp.face import Call, Face, index_of, is_possible_id, storable
from artifact_plugins.faces.kfp.keyset import is_in_order, ledger_page
from artifact_plugins.faces.kfp.linking import add
from artifact_plugins.faces.kfp.messages import ARTIFACT_TYPES
from artifact_plugins.faces.kfp.pages import Options, Page, options, page
from artifact_plugins.faces.kfp.predicates import equal_uri
from artifact_plugins.faces.kfp.refusals import Refusal, invalid, not_found
from artifact_plugins.faces.kfp.versions import (
    ARTIFACTS,
    LONGEST_KEY,
    LONGEST_NAMESPACE,
    artifact_of,
    draft,
    identity,
    kept_name,
    too_long,
)
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    IOType,
    Producer,
    Task,
    VersionDraft,
    VersionQuery,
    every,
    new_id,
)
from artifact_plugins.records import Page as LedgerPage

_VALIDATION = "Failed to create artifact due to validation error"
_CURVES = ("ClassificationMetric", "SlicedClassificationMetric")


def create(face: Face, call: Call) -> dict[str, Any]:
    """`POST /artifacts`."""
    request = call.body
    try:
        _validate(face, request)
    except Refusal as refusal:
        raise refusal.within(_VALIDATION) from refusal
    namespace = request["artifact"]["namespace"]
    _authorize_create(face, call.caller, namespace, request["run_id"])
    with face.writing:
        try:
            task = _owned(face, request)
        except Refusal as refusal:
            raise refusal.within("Failed to validate artifact ownership") from refusal
        _authorize_update(face, call.caller, request, namespace)
        if request.get("reuse_if_exists"):
            return _reused(face, call.caller, request, task)
        return _written(face, [_prepared(face, call.caller, request, task)])[0]


def batch_create(face: Face, call: Call) -> dict[str, Any]:
    """`POST /artifacts:batchCreate`: all or nothing, in dialect S one after the other."""
    requests = call.body.get("artifacts") or []
    if not requests:
        raise invalid("CreateArtifactsBulkRequest must contain at least one artifact")
    if face.dialect == "S":
        made = [create(face, Call(call.caller, call.path, call.query, one)) for one in requests]
        return {"artifacts": made}
    for number, request in enumerate(requests):
        try:
            _validate(face, request)
        except Refusal as refusal:
            raise refusal.within(
                f"Failed to create artifact {number} due to validation error"
            ) from refusal
        expected, got = (one["artifact"]["namespace"] for one in (requests[0], request))
        if expected != got:
            raise invalid(
                "CreateArtifactsBulkRequest must use a single namespace: "
                f"expected {expected}, got {got}"
            )
    namespace = requests[0]["artifact"]["namespace"]
    run_ids = {request["run_id"] for request in requests}
    run_id = run_ids.pop() if len(run_ids) == 1 else None
    _authorize_create(face, call.caller, namespace, run_id)
    with face.writing:
        prepared = []
        for number, request in enumerate(requests):
            if request.get("reuse_if_exists"):
                raise invalid(
                    "CreateArtifactsBulk does not support reuse_if_exists; "
                    "use CreateArtifact for find-or-create"
                )
            try:
                task = _owned(face, request)
            except Refusal as refusal:
                raise refusal.within(f"Failed to validate ownership for artifact {number}") from (
                    refusal
                )
            _authorize_update(face, call.caller, request, namespace)
            prepared.append(_prepared(face, call.caller, request, task))
        return {"artifacts": _written(face, prepared)}


def get(face: Face, call: Call) -> dict[str, Any]:
    """`GET /artifacts/{artifact_id}`."""
    artifact_id = call.path["artifact_id"]
    if not artifact_id:
        raise invalid("Artifact ID is required")
    version = find(face, artifact_id)
    face.access.authorize(call.caller, "artifacts/get", version.project, None)
    return shown(face, version)


def listing(face: Face, call: Call) -> dict[str, Any]:
    """`GET /artifacts`: a filter that is one equal URI is answered whole, without pages."""
    query = call.query
    filter_text = query.get("filter", "")
    namespace = query.get("namespace", "")
    if face.access.is_multi_user and not namespace:
        raise invalid("A resource cannot have an empty namespace in multi-user mode")
    uri = equal_uri(filter_text)
    asked = None
    if uri is None:
        asked = options(ARTIFACTS, query, filter_text=filter_text)
    project = face.project_of(namespace)
    face.access.authorize(call.caller, "artifacts/list", project, None)
    if asked is None:
        found = [] if "\0" in str(uri) else _search(face, project, "uri == wanted", {"wanted": uri})
        rows = [version for version in found if ARTIFACTS.columns["uri"](version) == uri]
        return {"artifacts": [shown(face, one) for one in rows], "total_size": len(rows)}
    part = _page(face, project, asked)
    return {
        "artifacts": [shown(face, one) for one in part.rows],
        "total_size": part.total,
        "next_page_token": part.token,
    }


def find(face: Face, artifact_id: str) -> ArtifactVersion:
    """Return the version of an id.

    Raises:
        Refusal: 404: there is none, or it was deleted.
    """
    try:
        version = face.ledger.version(artifact_id if is_possible_id(artifact_id) else "-")
    except ArtifactMissingError as error:
        raise not_found("artifact", artifact_id) from error
    if version.deleted_at is not None or not face.is_served(version.project):
        raise not_found("artifact", artifact_id)
    return version


def shown(face: Face, version: ArtifactVersion) -> dict[str, Any]:
    """Return a version as this server shows it."""
    return artifact_of(version, face.namespace_of(version.project))


def _validate(face: Face, request: dict[str, Any]) -> None:
    """The checks of a request alone, in KFP's order."""
    artifact = request.get("artifact")
    if artifact is None:
        raise invalid("Artifact is required")
    if artifact.get("artifact_id"):
        raise invalid("Artifact ID should not be set on create")
    if not artifact.get("namespace"):
        raise invalid("Artifact namespace is required")
    kind = artifact.get("type", ARTIFACT_TYPES[0])
    is_untyped = face.dialect == "S" and request.get("type", "UNSPECIFIED") == "UNSPECIFIED"
    if kind == ARTIFACT_TYPES[0] or is_untyped:
        raise invalid("Artifact type is required")
    for holder, field, said in (
        (artifact, "name", "Artifact name"),
        (request, "run_id", "Run ID"),
        (request, "task_id", "Task ID"),
        (request, "producer_key", "Producer key"),
    ):
        if not holder.get(field):
            raise invalid(f"{said} is required")
    if kind == "Metric" and "number_value" not in artifact:
        raise invalid("number_value is required for a Metric artifact")
    if kind in _CURVES and "metadata" not in artifact:
        raise invalid(f"No metric or metadata was found for {kind} artifact")


def _authorize_create(face: Face, caller: Caller, namespace: str, run_id: str | None) -> None:
    try:
        face.access.authorize(caller, "artifacts/create", namespace, run_id)
    except Refusal as refusal:
        raise refusal.within("Failed to authorize the request") from refusal


def _authorize_update(face: Face, caller: Caller, request: dict[str, Any], namespace: str) -> None:
    try:
        face.access.authorize(caller, "runs/update", namespace, request["run_id"])
    except Refusal as refusal:
        raise refusal.within("Failed to authorize access to the task run") from refusal


def _owned(face: Face, request: dict[str, Any]) -> Task:
    """Return the task that makes the artifact, when task, run and namespace belong together."""
    task, run = face.task(request["task_id"], to_write=True)
    if task.run_id != request["run_id"]:
        raise invalid("Task ID does not belong to this Run ID")
    if face.access.is_multi_user:
        same_namespace(request["artifact"]["namespace"], run.project)
    return task


def same_namespace(of_artifact: str, of_run: str) -> None:
    """Refuse an artifact of another namespace than its run's."""
    if not of_artifact or of_artifact != of_run:
        raise invalid(
            "artifact, task, and run must be in the same namespace: "
            f"artifact={of_artifact} task={of_run} run={of_run}"
        )


def _prepared(
    face: Face, caller: Caller, request: dict[str, Any], task: Task, *, reuse: bool = False
) -> tuple[VersionDraft, ArtifactTaskLink]:
    artifact, key = request["artifact"], request["producer_key"]
    too_long("ArtifactKey", key, LONGEST_KEY, "create artifact")
    if face.access.is_multi_user:
        too_long("Namespace", artifact["namespace"], LONGEST_NAMESPACE, "create artifact")
    iteration = index_of(request.get("iteration_index"), "iteration_index")
    made = draft(
        artifact,
        project=face.project_of(artifact["namespace"]),
        run_id=task.run_id,
        task_id=task.id,
        user=caller.user,
        reuse=reuse,
    )
    is_iteration = iteration is not None and face.dialect == "M"
    link = ArtifactTaskLink(
        id=new_id(),
        run_id=task.run_id,
        task_id=task.id,
        io_type=IOType.ITERATOR_OUTPUT if is_iteration else IOType.OUTPUT,
        key=storable(key, "Producer key"),
        producer=Producer(task_name=task.name, iteration=iteration),
        version_id=made.version.id,
    )
    return made, link


def _written(
    face: Face, prepared: list[tuple[VersionDraft, ArtifactTaskLink]]
) -> list[dict[str, Any]]:
    batch = Batch(
        versions=tuple(made for made, _ in prepared), links=tuple(link for _, link in prepared)
    )
    return [shown(face, version) for version in face.ledger.write(batch)]


def _reused(face: Face, caller: Caller, request: dict[str, Any], task: Task) -> dict[str, Any]:
    """Find an equal artifact by its identity or its URI, or create it; link it to the task."""
    made, link = _prepared(face, caller, request, task, reuse=True)
    wanted = identity(request["artifact"])
    project = made.version.project
    equal = None
    for version in _search(
        face,
        project,
        "name == wanted and uri == uri_wanted",
        {"wanted": made.version.artifact, "uri_wanted": made.version.uri},
    ):
        is_keyed = version.metadata.get("_kfp_face", {}).get("identity") == wanted
        if is_keyed or (version.uri and identity(artifact_of(version, "")) == wanted):
            equal = version
            if is_keyed:
                break
    if equal is None:
        try:
            return _written(face, [(made, link)])[0]
        except IdempotencyConflictError:  # the equal one lies in the trash: a new one is made
            return _written(face, [(VersionDraft(made.version, made.version.id), link)])[0]
    add(face, [link.model_copy(update={"version_id": equal.id})], is_idempotent=True)
    return shown(face, equal)


def _page(face: Face, project: str, asked: Options[ArtifactVersion]) -> Page[ArtifactVersion]:
    """Return a page: of everything in order from the ledger, else from the versions that can match."""
    if not is_in_order(asked, "created_at", "last_update"):
        return page(asked, _candidates(face, project, asked))
    wanted = VersionQuery(project=project)

    def read(limit: int, token: str | None) -> LedgerPage[ArtifactVersion]:
        newest = asked.is_descending
        return face.ledger.versions(wanted, limit=limit, page_token=token, newest_first=newest)

    return ledger_page(asked, face.ledger.count(wanted), read)


def _candidates(
    face: Face, project: str, asked: Options[ArtifactVersion]
) -> Iterator[ArtifactVersion]:
    """Yield the versions that can match: what one equal name or URI says is left to the ledger."""
    for one in asked.predicates:
        if one.operation != "EQUALS" or not isinstance(one.value, str) or "\0" in one.value:
            continue
        if one.key in ("name", "uri"):
            wanted = kept_name(one.value) if one.key == "name" else one.value
            return _search(face, project, f"{one.key} == wanted", {"wanted": wanted})
    return every(face.ledger.versions, VersionQuery(project=project), newest_first=False)


def _search(
    face: Face, project: str, where: str, values: dict[str, Any]
) -> Iterator[ArtifactVersion]:
    def ask(_: None, *, limit: int, page_token: str | None) -> Any:
        return face.ledger.search(
            "versions",
            where,
            order_by="created_at",
            limit=limit,
            page_token=page_token,
            project=project,
            values=values,
        )

    return every(ask, None)
