"""Delivers runs, tasks and versions to MLTE as evidence documents, and reads them back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from artifact_integrations.mlte import ids
from artifact_integrations.mlte.abilities import ABILITIES
from artifact_integrations.mlte.connection import SYSTEM, Connection
from artifact_integrations.mlte.documents import (
    Document,
    Place,
    changed_fields,
    data_of,
    is_same_record,
    place_of_version,
    record_digest,
    remote_version,
    run_document,
    task_document,
    version_document,
)
from artifact_integrations.mlte.guarding import check_carried
from artifact_integrations.mlte.reading import links_of_run, page_of_versions
from artifact_plugins.contracts.backend import (
    Backend,
    BackendInfo,
    Delivery,
    RecordKind,
    RemoteQuery,
    RemoteVersion,
)
from artifact_plugins.errors import (
    BackendRejectedError,
    BackendUnavailableError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Page,
    Run,
    RunState,
    Task,
    TaskState,
)
from artifact_plugins.transport import no_version, noted_id

# What the name of a version was when its document was first sent: an artifact
# may be renamed, a document may not.
_NAMED = "mlte-case"
# From here on reading a whole MLTE version costs less than its documents one by one.
_LISTED_FROM = 8
_COPIES_MAX = 100


class MlteBackend(Backend):
    """MLTE 2.3 or later: a project is a model, a run a version of it, a record a document.

    Documents are created, never overwritten. What a lost answer left behind is
    found by its id and compared; other content under our id is refused.
    """

    scheme = "mlte"
    system = SYSTEM
    abilities = ABILITIES

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        super().__init__(url, timeout_seconds=timeout_seconds)
        self._server = Connection(url, timeout_seconds=timeout_seconds)

    def probe(self) -> BackendInfo:
        return self._server.probe()

    def deliver_run(self, run: Run, delivery: Delivery) -> None:
        """Send a run that has ended; one that runs has nothing final to say yet."""
        if run.state is not RunState.RUNNING:
            self._publish(run_document(run), delivery)

    def deliver_task(self, task: Task, delivery: Delivery) -> None:
        """Send a task that has ended, after the versions that its links lead to."""
        if task.state is TaskState.RUNNING:
            return
        for version in delivery.versions(task_id=task.id):
            self._provide(version, delivery)
        links = tuple(delivery.links(task_id=task.id))
        wanted = dict.fromkeys(link.version_id for link in links if link.version_id)
        documents = {key: self._linked(key, delivery) for key in wanted}
        known = {key: found for key, found in documents.items() if found is not None}
        project = delivery.run(task.run_id).project
        self._publish(task_document(task, project, links, known), delivery)

    def deliver_version(self, version: ArtifactVersion, delivery: Delivery) -> None:
        """Send a version; a deleted one only ends what was never sent.

        Raises:
            UnsupportedByBackendError: It was edited or deleted after it was sent.
        """
        if version.deleted_at is None:
            self._publish(self._document(version, delivery), delivery)
        elif known := noted_id(delivery, "version", version.id):
            raise UnsupportedByBackendError(
                f"{SYSTEM} keeps the document {known!r} of a version that was deleted",
                hint="it is evidence of its run; delete_version removes it there",
                system=SYSTEM,
                operation="delete a version",
            )

    def missing(self, kind: RecordKind, noted: Mapping[str, Mapping[str, object]]) -> Sequence[str]:
        groups: dict[tuple[str, str], dict[str, tuple[str, object]]] = {}
        for key, value in noted.items():
            place = _split(value.get("external_id"))
            if place is not None:
                model, version, identifier = place
                groups.setdefault((model, version), {})[identifier] = (key, value.get("digest"))
        gone: list[str] = []
        for (model, version), wanted in groups.items():
            found = self._digests(model, version, tuple(wanted))
            gone += [key for one, (key, digest) in wanted.items() if found.get(one) != digest]
        return gone

    def version(self, external_id: str) -> RemoteVersion:
        place = _split(external_id)
        artifact = None if place is None else self._server.read(*place)
        found = None if artifact is None else remote_version(external_id, artifact)
        if found is None:
            hint = "its ids are <model>/<version>/<document>"
            raise no_version(SYSTEM, external_id, hint=hint)
        return found

    def versions(self, query: RemoteQuery) -> Page[RemoteVersion]:
        return page_of_versions(self._server, query)

    def links(self, run_id: str) -> Sequence[ArtifactTaskLink]:
        return links_of_run(self._server, run_id)

    def delete_version(self, external_id: str) -> None:
        """Delete the document of a version; those of its task keep naming it."""
        self.version(external_id)
        place = _split(external_id)
        assert place is not None
        # A SQL store may have it more than once; each request deletes one.
        for _ in range(_COPIES_MAX):
            if not self._server.delete(*place):
                return

    def close(self) -> None:
        self._server.close()

    def _provide(self, version: ArtifactVersion, delivery: Delivery) -> None:
        """Send a version that was not sent; edits of one that was have their own way."""
        if noted_id(delivery, "version", version.id) is None:
            with contextlib.suppress(UnsupportedByBackendError):
                self._publish(self._document(version, delivery), delivery)

    def _linked(self, version_id: str, delivery: Delivery) -> str | None:
        """Return the document that a link leads to, sent if need be; None when there is none.

        MLTE checks no links, so a version that it does not take, or that was
        deleted before it was sent, holds no task up.
        """
        known = noted_id(delivery, "version", version_id)
        if known is not None:
            return known
        version = delivery.version(version_id)
        if version.deleted_at is None:
            with contextlib.suppress(BackendRejectedError):
                self._provide(version, delivery)
        return noted_id(delivery, "version", version_id)

    def _document(self, version: ArtifactVersion, delivery: Delivery) -> Document:
        task = None if version.task_id is None else delivery.task(version.task_id)
        place = place_of_version(version, task)
        named = delivery.external(_NAMED, version.id)
        if named is None:
            delivery.note(_NAMED, version.id, {"case": place.case})
        else:
            place = Place(place.model, place.version, str(named["case"]))
        return version_document(version, task, place)

    def _publish(self, document: Document, delivery: Delivery) -> None:
        """Create a document, or see that it is there.

        Raises:
            UnsupportedByBackendError: It is there, as the record was before an edit.
            BackendRejectedError: Another one is there, or MLTE cannot take this one.
        """
        check_carried(document.data, document.title)
        # A SQL store of MLTE keeps both of two documents that are created at one time.
        with delivery.only(document.kind, document.record_id):
            known = delivery.external(document.kind, document.record_id) or {}
            if known.get("digest") != record_digest(document.data):
                self._see_to(document, delivery)

    def _see_to(self, document: Document, delivery: Delivery) -> None:
        stored = data_of(self._create(document))
        if stored is None or not is_same_record(stored, document.data):
            raise BackendRejectedError(
                f"{SYSTEM} has another document at {document.place.external_id!r} "
                f"than that of {document.title}",
                hint="it was left as it is; delete it there and replay, or leave it; "
                "the ledger has the record",
                status=409,
                external_id=document.place.external_id,
            )
        note = {"external_id": document.place.external_id, "digest": record_digest(stored)}
        delivery.note(document.kind, document.record_id, note)
        if changed := changed_fields(stored, document.data):
            raise UnsupportedByBackendError(
                f"{SYSTEM} has {document.title} as it was first sent, without the change of "
                f"{', '.join(changed)}",
                hint="documents are written once; the ledger has the change",
                system=SYSTEM,
                operation="update a record",
            )

    def _create(self, document: Document) -> Mapping[str, object]:
        """Create a document and return what is there now, whoever created it.

        Source:
            A failure of MLTE may come after its commit, so that each one is
            followed by a look, and one further attempt when nothing is there.
        """
        place = document.place
        where = (place.model, place.version, place.identifier)
        for is_last in (False, True):
            try:
                stored = self._server.create(place, document.artifact())
            except BackendUnavailableError as error:
                if is_last or not error.may_have_happened:
                    raise
                stored = None
            stored = stored or self._server.read(*where)
            if stored is not None:
                return stored
        raise BackendUnavailableError(
            f"{SYSTEM} has and has not a document {place.external_id!r}",
            hint="it is tried again; the ledger has the record",
        )

    def _digests(self, model: str, version: str, wanted: Sequence[str]) -> dict[str, str]:
        """Return what identifies the records of those documents that are there."""
        artifacts: list[Mapping[str, object]] = []
        if len(wanted) >= _LISTED_FROM:
            artifacts += self._server.documents(model, version)
        else:
            artifacts += filter(None, (self._server.read(model, version, one) for one in wanted))
        digests: dict[str, str] = {}
        for artifact in artifacts:
            header, data = artifact.get("header"), data_of(artifact)
            if isinstance(header, dict) and data is not None:
                digests[str(header.get("identifier"))] = record_digest(data)
        return digests


def _split(external_id: object) -> tuple[str, str, str] | None:
    """Return model, MLTE version and document; None for what no URL of MLTE can name."""
    parts = external_id.split("/", 2) if isinstance(external_id, str) else []
    if len(parts) != 3 or not parts[2] or not all(map(ids.is_reachable, parts[:2])):
        return None
    return parts[0], parts[1], parts[2]
