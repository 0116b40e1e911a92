"""Delivers a task with the versions that it wrote and all its links.

Order of the requests: the task (RUNNING), its artifacts, its links, the ended
task; a reader who sees it ended sees all of it. Nothing is created twice after
a lost answer: KFP knows a task by its place, an artifact is looked for by our
version id in the task that wrote it, a link by KFP's own unique key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import BackendRejectedError, BackendUnavailableError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Task,
    TaskState,
    TaskType,
)

from .api import KfpApi
from .artifacts import artifact_body, version_id_of
from .bringing import bring_in, is_noted, note_version, written_artifacts
from .failures import is_duplicate
from .links import check_links, row_body, row_key
from .options import KfpOptions
from .runs import scope_of
from .tasks import Scope, opening_body, task_body, task_id_of

_LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})
_MADE_WITH_ARTIFACT = frozenset({IOType.OUTPUT, IOType.ITERATOR_OUTPUT})


class OwnArtifact(NamedTuple):
    """A version that a task wrote, the link that says so, and the Artifact to make."""

    version: ArtifactVersion
    link: ArtifactTaskLink
    body: dict[str, Any]


class TaskSender:
    """Delivers one task; made anew for each.

    Args:
        is_first: Whether nobody can have sent the task before.
    """

    def __init__(
        self, api: KfpApi, options: KfpOptions, delivery: Delivery, task: Task, *, is_first: bool
    ) -> None:
        self._api = api
        self._options = options
        self._delivery = delivery
        self._task = task
        self._scope: Scope = scope_of(delivery.need("run", task.run_id))
        self._links = list(delivery.links(task_id=task.id))
        self._note: dict[str, Any] = {}
        self._is_first = is_first

    def send(self) -> None:
        """Deliver the task as it is now.

        Raises:
            BackendRejectedError: KFP cannot hold it, or has another task in its place.
        """
        check_links(self._links)
        body = self._body()
        try:
            self._send(body)
        except BackendRejectedError as error:
            if error.status != 404 or not self._is_gone():
                raise
            # It was deleted behind our back: what it wrote is still there.
            self._delivery.note("task", self._task.id, {})
            self._is_first = False
            self._send(body)

    def open(self) -> str:
        """Make the task, without what it reads and wrote, when it is not there; return its id there."""
        with self._delivery.only("task", self._task.id):
            self._open(self._body(), ends_later=True)
        return str(self._note["external_id"])

    def send_outputs(self) -> None:
        """Deliver only the versions that the task wrote."""
        check_links(self._links)
        with self._delivery.only("task", self._task.id):
            self._open(self._body(), ends_later=True)
            self._is_first = False
            self._make_artifacts(self._versions())

    def _send(self, body: dict[str, Any]) -> None:
        digest = _digest(body)
        with self._delivery.only("task", self._task.id):
            self._own_artifacts(self._unsent())  # refused before the task is there
            has_versions = bool(self._unsent())
            ends_later = has_versions and self._task.state is not TaskState.RUNNING
            if self._open(body, ends_later=ends_later) and not ends_later:
                self._note_now(body=digest, is_open=has_versions)
            unsent = self._unsent()
            if unsent:
                if not self._note.get("is_open"):
                    self._note_now(is_open=True)
                made = self._make_artifacts(unsent)
        if unsent:
            self._send_links([link for link in unsent if link.id not in made])
            sent = self._versions()
            known = {"links": len(sent), "sent": _digest([link.id for link in sent])}
            self._note_now(**known, rows=self._row_count(), is_open=False)
        if self._note.get("body") != digest:
            self._api.update_task(self._scope.run_id, self._note["external_id"], body)
            self._note_now(body=digest, is_open=False)

    def _body(self) -> dict[str, Any]:
        return task_body(self._task, self._links, self._scope, self._parent())

    def _versions(self) -> list[ArtifactTaskLink]:
        return [link for link in self._links if link.version_id is not None]

    def _unsent(self) -> list[ArtifactTaskLink]:
        """Return the links of versions that are not known to be there.

        Those that were sent are the first ones, unless one was committed later
        with an earlier id: then all are looked at again.
        """
        known = self._delivery.external("task", self._task.id) or {}
        versions, count = self._versions(), int(known.get("links", 0))
        if count and known.get("sent") != _digest([link.id for link in versions[:count]]):
            self._delivery.note("task", self._task.id, {**known, "links": 0, "is_open": True})
            return versions
        return versions[count:]

    def _is_gone(self) -> bool:
        if "external_id" not in self._note:
            return False
        try:
            self._api.task(self._scope.run_id, self._note["external_id"])
        except BackendRejectedError as error:
            return error.status == 404
        return False

    def _parent(self) -> str | None:
        parent_id = self._task.parent_id
        if parent_id is None:
            return self._scope.parent_task_id
        known = self._delivery.external("task", parent_id)
        if is_noted(known):
            assert known is not None
            return str(known["external_id"])
        # Opened here and not asked for: its own links need what its children write.
        parent = self._delivery.task(parent_id)
        return TaskSender(self._api, self._options, self._delivery, parent, is_first=False).open()

    def _open(self, body: dict[str, Any], *, ends_later: bool) -> bool:
        """Make the task, or find that it was made; tell whether it is new and as it is now."""
        known = self._delivery.external("task", self._task.id)
        if is_noted(known):
            assert known is not None
            self._note = dict(known)
            self._is_first = not known.get("is_open")
            return False
        sent = opening_body(body) if ends_later else body
        answer = self._api.create_task(self._scope.run_id, sent)
        self._check_own(answer)
        self._note = {"external_id": str(answer["task_id"]), "run_id": self._scope.run_id}
        self._note_now(links=0, is_open=True)
        # An existing task is returned as it was: it has to be brought up to date.
        return self._is_first and task_id_of(answer) == self._task.id

    def _check_own(self, answer: Mapping[str, Any]) -> None:
        # Without an id it is a ROOT that the server made, or ours after KFP's own retry of the run.
        theirs = task_id_of(answer)
        if theirs not in (None, self._task.id):
            raise BackendRejectedError(
                f"Kubeflow Pipelines has another task at {answer.get('scope_path')!r} of run "
                f"{self._scope.run_id}: {theirs}",
                hint="the ledger has the record; attach to another run",
            )

    def _send_links(self, links: Sequence[ArtifactTaskLink]) -> None:
        rows: list[dict[str, Any]] = []
        later: list[ArtifactTaskLink] = []
        for link in links:
            assert link.version_id is not None
            known = self._delivery.external("version", link.version_id)
            if is_noted(known):
                assert known is not None
                rows.append(self._row(link, known["external_id"]))
            else:
                later.append(link)
        self._send_rows(rows)
        # What is there can be seen there, whatever becomes of the others.
        self._send_rows([self._row(link, self._artifact_id(link)) for link in later])

    def _own_artifacts(self, links: Sequence[ArtifactTaskLink]) -> dict[str, OwnArtifact]:
        """Return the versions that this task wrote and that are not there, checked, by their ids."""
        if self._task.type not in _LEAVES:
            return {}
        found: dict[str, OwnArtifact] = {}
        for link in links:
            version_id = link.version_id
            if link.io_type not in _MADE_WITH_ARTIFACT or version_id is None or version_id in found:
                continue
            if is_noted(self._delivery.external("version", version_id)):
                continue
            version = self._delivery.version(version_id)
            is_brought = self._task.type is TaskType.IMPORTER and version.task_id is None
            if version.task_id == self._task.id or is_brought:
                found[version_id] = OwnArtifact(
                    version, link, artifact_body(version, self._namespace())
                )
        return found

    def _make_artifacts(self, links: Sequence[ArtifactTaskLink]) -> set[str]:
        """Make what this task wrote, each with its output link; return the ids of those links."""
        with ExitStack() as turns:
            for version_id in sorted(self._own_artifacts(links)):
                # The importer of another run may bring in the same version.
                turns.enter_context(self._delivery.only("version", version_id))
            artifacts = self._own_artifacts(links)
            made = self._found_again(artifacts) if artifacts and not self._is_first else set()
            missing = [one for one in artifacts.values() if one.link.id not in made]
            if missing:
                answers = self._api.create_artifacts([self._item(one) for one in missing])
                for one, artifact in zip(missing, answers, strict=True):
                    note_version(self._delivery, one.version, artifact)
                    made.add(one.link.id)
        return made

    def _found_again(self, artifacts: Mapping[str, OwnArtifact]) -> set[str]:
        """Note the artifacts that an earlier try made; return the ids of their output links."""
        found = set()
        body = self._api.task(self._scope.run_id, self._note["external_id"])
        for key, artifact in written_artifacts(body):
            one = artifacts.get(version_id_of(artifact) or "")
            if one is not None and one.link.key == key:
                note_version(self._delivery, one.version, artifact)
                found.add(one.link.id)
        return found

    def _item(self, one: OwnArtifact) -> dict[str, Any]:
        item: dict[str, Any] = {
            "artifact": one.body,
            "run_id": self._scope.run_id,
            "task_id": self._note["external_id"],
            "producer_key": one.link.key,
        }
        iteration = one.link.producer.iteration
        if one.link.io_type is IOType.ITERATOR_OUTPUT and iteration is not None:
            item["iteration_index"] = str(iteration)
        return item

    def _artifact_id(self, link: ArtifactTaskLink) -> str:
        """Return the artifact of a version that this task did not write."""
        assert link.version_id is not None
        version = self._delivery.version(link.version_id)
        if version.task_id is None:
            return bring_in(
                self._api, self._delivery, version, self._scope, self._root(), self._namespace()
            )
        found: str = self._delivery.need("version", version.id)["external_id"]
        return found

    def _root(self) -> str:
        """Return the task there that is our ROOT."""
        task = self._task
        while task.parent_id is not None:
            task = self._delivery.task(task.parent_id)
        if task.id == self._task.id:
            return str(self._note["external_id"])
        return str(self._delivery.need("task", task.id)["external_id"])

    def _row(self, link: ArtifactTaskLink, artifact_id: str) -> dict[str, Any]:
        return row_body(
            link,
            artifact_id,
            run_id=self._scope.run_id,
            task_id=self._note["external_id"],
            names=self._scope.names,
        )

    def _send_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make the link rows that are not there; KFP has one of each kind."""
        unique = {row_key(row): row for row in rows}
        if not self._is_first and unique:
            self._drop_present(unique)
        if not unique:
            return
        try:
            self._api.create_links(list(unique.values()))
        except BackendUnavailableError as error:
            if error.status != 500 or not is_duplicate(error):
                raise
            # Somebody was here in between: nothing of that part was written.
            self._drop_present(unique)
            if unique:
                self._api.create_links(list(unique.values()))

    def _row_count(self) -> int:
        """Return how many rows KFP has of the task, whose links may say one thing twice."""
        rows = [self._row(link, link.version_id or "") for link in self._versions()]
        return len({row_key(row) for row in rows})

    def _drop_present(self, unique: dict[Any, Mapping[str, Any]]) -> None:
        for row in self._api.links(task_ids=[self._note["external_id"]]):
            unique.pop(row_key(row), None)

    def _namespace(self) -> str:
        return self._options.namespace or self._delivery.run(self._task.run_id).project

    def _note_now(self, **changes: Any) -> None:
        self._note.update(changes)
        self._delivery.note("task", self._task.id, self._note)


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24]
