"""Links as rows: what is unique among them, and how they are written, shown and hidden.

A link is an artifact-task link of the ledger at position 0, whose place is
then unique exactly as KFP's is. Links that KFP would have deleted (a retried
task) stay in the ledger; the note of their task says that they are not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artifact_plugins.faces.kfp.face import Face
from artifact_plugins.faces.kfp.messages import IO_TYPES
from artifact_plugins.faces.kfp.pages import Listable
from artifact_plugins.faces.kfp.refusals import internal
from artifact_plugins.faces.kfp.versions import LONGEST_KEY, too_long
from artifact_plugins.records import ArtifactTaskLink, Batch, LinkQuery, every

Slot = tuple[Any, ...]
_AT_ONCE = 500
LINKS: Listable[ArtifactTaskLink] = Listable(
    name="ArtifactTask",
    columns={
        "id": lambda link: link.id,
        "artifact_id": lambda link: link.version_id,
        "task_id": lambda link: link.task_id,
        "type": lambda link: IO_TYPES.index(link.io_type),
        "run_id": lambda link: link.run_id,
        "producer": lambda link: str(link.producer),
        "key": lambda link: link.key,
    },
    default="id",
    key=lambda link: link.id,
)


def add(
    face: Face,
    links: Sequence[ArtifactTaskLink],
    *,
    is_bulk: bool = False,
    is_idempotent: bool = False,
) -> None:
    """Write links in one transaction.

    Args:
        links: Of one run; the caller holds `face.writing`.
        is_bulk: How the database's error is worded.
        is_idempotent: Whether links that are there already are left out.

    Raises:
        Refusal: 500, as KFP answers it: one of them is there already, or twice
            among them, or its key is too long. Nothing was written.
    """
    for link in links:
        too_long("ArtifactKey", link.key, LONGEST_KEY, _doing(is_bulk))
    task_ids = tuple(dict.fromkeys(link.task_id for link in links))
    hidden = {
        task_id: set(face.task_note(links[0].run_id, task_id).get("hidden_links", ()))
        for task_id in task_ids
    }
    known: dict[Slot, ArtifactTaskLink] = {}
    versions = tuple(dict.fromkeys(str(link.version_id) for link in links))
    for start in range(0, len(versions), _AT_ONCE):
        query = LinkQuery(version_ids=versions[start : start + _AT_ONCE], run_id=links[0].run_id)
        known.update((_slot(face, one), one) for one in every(face.ledger.links, query))
    new, shown_again = [], []
    for link in links:
        slot = _slot(face, link)
        there = known.get(slot)
        if there is None:
            known[slot] = link
            new.append(link)
        elif there.id in hidden[there.task_id]:
            hidden[there.task_id].discard(there.id)
            shown_again.append(there)
        elif not is_idempotent:
            entry = "-".join(str(part) for part in slot)
            raise internal(
                f"Failed to {_doing(is_bulk)}: Error 1062 (23000): Duplicate entry "
                f"'{entry}' for key 'artifact_tasks.UniqueLink'"
            )
    for task_id in {one.task_id for one in shown_again}:
        face.change_task_note(links[0].run_id, task_id, hidden_links=sorted(hidden[task_id]))
    if new:
        face.ledger.write(Batch(links=tuple(new)))


def shown(link: ArtifactTaskLink) -> dict[str, Any]:
    """Return a link as the message ArtifactTask."""
    return {
        "id": link.id,
        "artifact_id": link.version_id,
        "run_id": link.run_id,
        "task_id": link.task_id,
        "type": link.io_type.value,
        "producer": {
            "task_name": link.producer.task_name,
            "iteration": link.producer.iteration,
        },
        "key": link.key,
    }


def _slot(face: Face, link: ArtifactTaskLink) -> Slot:
    """Return what is unique among links in the dialect."""
    if face.dialect == "S":
        return link.version_id, link.task_id, IO_TYPES.index(link.io_type)
    iteration = -1 if link.producer.iteration is None else link.producer.iteration
    return link.version_id, link.task_id, IO_TYPES.index(link.io_type), iteration, link.key


def _doing(is_bulk: bool) -> str:
    return "add artifact-task" if is_bulk else "add artifact-task to artifact_tasks table"
