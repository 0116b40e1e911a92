"""Delivers a task with the versions that it wrote and all its links.

Order of the requests: the task (RUNNING), its artifacts, its links, the ended
task; a reader who sees it ended sees all of it. Nothing is created twice after
a lost answer: KFP knows a task by its place, an artifact is looked for by our
version id in the task that wrote it, a link by KFP's own unique key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple, TypeVar

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
from artifact_plugins.transport import is_missing, is_noted, noted_id, unless_missing

from .api import KfpApi
from .artifacts import artifact_body, short_digest, version_id_of
from .bringing import bring_in, note_version, written_artifacts
from .dialects import LEAVES
from .failures import is_duplicate
from .limits import kfp_key
from .links import row_body, row_key, unfit_values
from .options import KfpOptions
from .runs import scope_of
from .tasks import Scope, opening_body, task_body, task_id_of

Made = TypeVar("Made")
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
        self._rendered = delivery.rendered(task.id, "kfp") if options.has_kfp_links else None
        links = delivery.links(task_id=task.id) if self._rendered is None else self._rendered.links
        self._links = list(links)
        self._note: dict[str, Any] = {}
        self._is_first = is_first
        # What KFP cannot hold of it, by link or version; the rest goes there all the same.
        self._unheld: dict[str, str] = {}
        self._given_up: list[str] = []

    def send(self) -> None:
        """Deliver the task as it is now.

        Raises:
            BackendRejectedError: KFP has another task in its place, or cannot hold
                a part of it: the rest is there then, and ended.
        """
        body = self._body()
        try:
            self._send(body)
        except BackendRejectedError as error:
            if not is_missing(error) or not self._is_gone():
                raise
            # It was deleted behind our back: what it wrote is still there.
            self._delivery.note("task", self._task.id, {})
            self._is_first = False
            self._send(body)
        lacks = {**self._note.get("unheld", {}), **self._unheld}
        unheld = [*unfit_values(self._links), *lacks.values()]
        if unheld:
            raise BackendRejectedError(
                f"Kubeflow Pipelines cannot hold all of task {self._task.name!r}: "
                f"{'; '.join(unheld)}",
                hint="the rest of it is there; the ledger has the record",
            )

    def open(self) -> str:
        """Make the task, without what it reads and wrote, when it is not there; return its id there."""
        with self._delivery.only("task", self._task.id):
            self._open(self._body(), ends_later=True)
        return str(self._note["external_id"])

    def send_outputs(self) -> None:
        """Deliver only the versions that the task wrote."""
        with self._delivery.only("task", self._task.id):
            self._open(self._body(), ends_later=True)
            # Whatever becomes of this try, the task itself is to look for them.
            self._note_now(is_open=True)
            self._is_first = False
            self._make_artifacts(self._versions())

    def _send(self, body: dict[str, Any]) -> None:
        digest = short_digest(body)
        with self._delivery.only("task", self._task.id):
            has_versions = bool(self._unsent())
            ends_later = has_versions and self._task.state is not TaskState.RUNNING
            is_new = self._open(body, ends_later=ends_later)
            if is_new and not ends_later:
                self._note_now(body=digest, is_open=has_versions)
            unsent = self._unsent()
            if unsent:
                if not self._note.get("is_open"):
                    self._note_now(is_open=True)
                made = self._make_artifacts(unsent)
        if unsent:
            self._send_links([link for link in unsent if link.id not in made])
            sent = self._versions()
            known = {"links": len(sent), "sent": short_digest([link.id for link in sent])}
            self._note_now(**known, **self._left_out(), rows=self._row_count(), is_open=False)
        if self._note.get("body") != digest:
            known = opening_body(body) if is_new else {}
            changed = {name: value for name, value in body.items() if known.get(name) != value}
            self._api.update_task(self._scope.run_id, self._note["external_id"], changed)
            self._note_now(body=digest, is_open=False)

    def _body(self) -> dict[str, Any]:
        return task_body(
            self._task, self._links, self._scope, self._parent(), rendered=self._rendered
        )

    def _versions(self) -> list[ArtifactTaskLink]:
        return [link for link in self._links if link.version_id is not None]

    def _unsent(self) -> list[ArtifactTaskLink]:
        """Return the links of versions that are not known to be there.

        Those that were sent are the first ones, unless one was committed later
        with an earlier id: then all are looked at again.
        """
        known = self._delivery.external("task", self._task.id) or {}
        versions, count = self._versions(), int(known.get("links", 0))
        if count and known.get("sent") != short_digest([link.id for link in versions[:count]]):
            self._delivery.note("task", self._task.id, {**known, "links": 0, "is_open": True})
            return versions
        return versions[count:]

    def _is_gone(self) -> bool:
        if "external_id" not in self._note:
            return False
        run_id, task_id = self._scope.run_id, self._note["external_id"]
        return unless_missing(lambda: self._api.task(run_id, task_id)) is None

    def _parent(self) -> str | None:
        parent_id = self._task.parent_id
        if parent_id is None:
            return self._scope.parent_task_id
        known = noted_id(self._delivery, "task", parent_id)
        if known is not None:
            return known
        # Opened here and not asked for: its own links need what its children write.
        parent = self._delivery.task(parent_id)
        return TaskSender(self._api, self._options, self._delivery, parent, is_first=False).open()

    def _open(self, body: dict[str, Any], *, ends_later: bool) -> bool:
        """Make the task, or find that it was made; tell whether it is new and as it is now."""
        known = self._delivery.external("task", self._task.id)
        if is_noted(known):
            self._note = dict(known)
            self._is_first = not known.get("is_open")
            return False
        sent = opening_body(body) if ends_later else body
        answer = self._api.create_task(self._scope.run_id, sent, is_first=self._is_first)
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
                rows.append(self._row(link, known["external_id"]))
            else:
                later.append(link)
        self._send_rows(rows)
        # What is there can be seen there, whatever becomes of the others.
        found = [(link, self._artifact_id(link)) for link in later]
        self._send_rows([self._row(link, known) for link, known in found if known is not None])

    def _own_artifacts(self, links: Sequence[ArtifactTaskLink]) -> dict[str, OwnArtifact]:
        """Return the versions that this task wrote and that are not there, checked, by their ids."""
        if self._task.type not in LEAVES:
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
                body = self._held(version, partial(artifact_body, version, self._namespace()))
                if body is not None:
                    found[version_id] = OwnArtifact(version, link, body)
        return found

    def _held(self, version: ArtifactVersion, make: Callable[[], Made]) -> Made | None:
        """Return what is made of a version; None when KFP cannot hold it, which is told at the end."""
        try:
            return make()
        except BackendRejectedError as error:
            if error.status is not None:
                raise
            self._unheld[version.id] = error.message
            return None

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
            if one is not None and kfp_key(one.link.key) == key:
                note_version(self._delivery, one.version, artifact)
                found.add(one.link.id)
        return found

    def _item(self, one: OwnArtifact) -> dict[str, Any]:
        item: dict[str, Any] = {
            "artifact": one.body,
            "run_id": self._scope.run_id,
            "task_id": self._note["external_id"],
            "producer_key": kfp_key(one.link.key),
        }
        iteration = one.link.producer.iteration
        if one.link.io_type is IOType.ITERATOR_OUTPUT and iteration is not None:
            item["iteration_index"] = str(iteration)
        return item

    def _artifact_id(self, link: ArtifactTaskLink) -> str | None:
        """Return the artifact of a version that this task did not write; None when it has none."""
        assert link.version_id is not None
        if link.version_id in self._unheld:
            return None
        version = self._delivery.version(link.version_id)
        if version.task_id is None:
            found = self._held(version, partial(self._brought, version))
        else:
            found = (self._delivery.wish("version", version.id) or {}).get("external_id")
            if found is None:
                self._given_up.append(version.id)
        return found

    def _brought(self, version: ArtifactVersion) -> str:
        return bring_in(
            self._api, self._delivery, version, self._scope, self._root(), self._namespace()
        )

    def _left_out(self) -> dict[str, Any]:
        """Return, as they are noted, the versions that are not among what was sent."""
        given_up = {*self._note.get("left_out", ()), *self._given_up}
        unheld = {**self._note.get("unheld", {}), **self._unheld}
        said = {"left_out": sorted(given_up), "unheld": unheld}
        return {name: found for name, found in said.items() if found}

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
            io_type=self._api.dialect.row_type(link.io_type, is_leaf=self._task.type in LEAVES),
            names=self._scope.names,
        )

    def _send_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make the link rows that are not there; KFP has one of each kind."""
        unique = {row_key(row, self._api.dialect): row for row in rows}
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
        absent = {version_id for ids in self._left_out().values() for version_id in ids}
        links = [link for link in self._versions() if link.version_id not in absent]
        rows = [self._row(link, link.version_id or "") for link in links]
        return len({row_key(row, self._api.dialect) for row in rows})

    def _drop_present(self, unique: dict[Any, Mapping[str, Any]]) -> None:
        for row in self._api.links(task_ids=[self._note["external_id"]]):
            unique.pop(row_key(row, self._api.dialect), None)

    def _namespace(self) -> str:
        return self._options.namespace or self._delivery.run(self._task.run_id).project

    def _note_now(self, **changes: Any) -> None:
        self._note.update(changes)
        self._delivery.note("task", self._task.id, self._note)
