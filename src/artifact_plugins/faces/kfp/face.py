"""One server's view of a ledger: what every service shares."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from artifact_plugins.errors import ArtifactMissingError, InputError
from artifact_plugins.faces.kfp.access import Access, Caller
from artifact_plugins.faces.kfp.messages import Dialect
from artifact_plugins.faces.kfp.notes import Note, Notes
from artifact_plugins.faces.kfp.refusals import Refusal, denied, invalid, not_found
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import Run, Task

LinkForm = Literal["kfp", "clean"]
LARGEST_INDEX = 2**31 - 1


@dataclass(frozen=True)
class Face:
    """A ledger as KFP clients see it.

    Writers wait for each other: what is unique to KFP is looked up before it
    is written, and nobody may write in between.

    Attributes:
        project: What holds everything in single-user mode; in multi-user mode
            the project is the namespace.
        link_form: How links of runs that our own steps recorded are served:
            as KFP itself would have written them, or as they are.
    """

    ledger: Ledger
    access: Access
    dialect: Dialect = "M"
    project: str = "default"
    link_form: LinkForm = "kfp"
    notes: Notes = field(init=False)
    writing: threading.RLock = field(init=False, default_factory=threading.RLock)

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", Notes(self.ledger))

    def project_of(self, namespace: str) -> str:
        """Return the project of a namespace."""
        return namespace if self.access.is_multi_user else self.project

    def namespace_of(self, project: str) -> str:
        """Return the namespace that clients see for a project; empty in single-user mode."""
        return project if self.access.is_multi_user else ""

    def is_served(self, project: str) -> bool:
        """Tell whether records of a project are shown at all."""
        return self.access.is_multi_user or project == self.project

    def run(self, run_id: str) -> tuple[Run, Note]:
        """Return a run and its note.

        Raises:
            Refusal: 404: there is none, or it was deleted here.
        """
        found = self._run(run_id)
        note = self.notes.get("run", run_id) or {} if found is not None else {}
        if found is None or note.get("is_deleted"):
            raise not_found("Run", run_id)
        if not self.is_served(found.project):
            raise not_found("Run", run_id)
        return found, note

    def task(self, task_id: str, *, to_write: bool = False) -> tuple[Task, Run]:
        """Return a task and its run.

        Args:
            task_id: Which task.
            to_write: Whether something of the run is going to be written.

        Raises:
            Refusal: 404: there is none, or its run was deleted here; 403 as `own_run`.
        """
        try:
            found = self.ledger.task(task_id if is_possible_id(task_id) else "-")
            run, note = self.run(found.run_id)
        except (ArtifactMissingError, Refusal) as error:
            raise not_found("task", task_id) from error
        if to_write:
            _check_own(run.id, note)
        return found, run

    def own_run(self, run_id: str) -> Run:
        """Return a run that was opened over this API.

        Raises:
            Refusal: 404; 403 for a run of our own steps, which only they may write to.
        """
        run, note = self.run(run_id)
        _check_own(run_id, note)
        return run

    def task_note(self, run_id: str, task_id: str) -> Note:
        """Return what is noted of a task; nothing when it was not made here."""
        return self.notes.get("task", f"{run_id}/{task_id}") or {}

    def change_task_note(self, run_id: str, task_id: str, **changed: Any) -> None:
        """Write some of what is noted of a task; the caller holds `writing`."""
        note = {**self.task_note(run_id, task_id), **changed}
        self.notes.put("task", f"{run_id}/{task_id}", note)

    def change_run_note(self, run_id: str, **changed: Any) -> None:
        """Write some of what is noted of a run; the caller holds `writing`."""
        self.notes.put("run", run_id, {**(self.notes.get("run", run_id) or {}), **changed})

    def _run(self, run_id: str) -> Run | None:
        try:
            found = self.ledger.run(run_id if is_possible_id(run_id) else "-")
        except (ArtifactMissingError, InputError):
            return None
        return found if found.id == run_id else None  # it may have been a name


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached a service.

    Attributes:
        path: What the route's pattern captured.
        query: The known query parameters, read as what they are.
        body: The message in the body; empty when there is none.
        has_body: Whether there is one.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: dict[str, Any]
    has_body: bool = True


def storable(text: str, what: str) -> str:
    """Return text that every ledger can hold.

    Raises:
        Refusal: 400: a NUL, which PostgreSQL does not take.
    """
    if "\0" in text:
        raise invalid(f"{what} holds a NUL character")
    return text


def index_of(number: int | None, what: str) -> int | None:
    """Return an iteration that every ledger can hold.

    Raises:
        Refusal: 400: it is negative or does not fit 32 bits.
    """
    if number is not None and not 0 <= number <= LARGEST_INDEX:
        raise invalid(f"{what} is 0 to {LARGEST_INDEX}, not {number}")
    return number


def _check_own(run_id: str, note: Note) -> None:
    if not note:
        raise denied(f"run {run_id} was recorded by its own steps and is read-only here")


def is_possible_id(name: str) -> bool:
    """Tell whether a text can be an id at all, so that a database may be asked for it."""
    return "\0" not in name and 0 < len(name) <= 200
