"""Artifacts in the inputs and outputs of a task, put together from its links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from artifact_plugins.faces.kfp.artifacts import shown
from artifact_plugins.faces.kfp.face import Face
from artifact_plugins.faces.kfp.messages import IO_TYPES
from artifact_plugins.faces.kfp.native import links_of_runs
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    LinkQuery,
    VersionQuery,
    every,
)

# What KFP's server counts among the outputs, the final status too.
_OUTPUTS = frozenset(
    {
        IOType.OUTPUT,
        IOType.ITERATOR_OUTPUT,
        IOType.ONE_OF_OUTPUT,
        IOType.TASK_FINAL_STATUS_OUTPUT,
    }
)
_AT_ONCE = 500
Message = dict[str, Any]


def hydrate(face: Face, tasks: Sequence[Message]) -> None:
    """Add the artifacts of their links to task messages."""
    links: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
    ids = [task["task_id"] for task in tasks]
    for start in range(0, len(ids), _AT_ONCE):
        query = LinkQuery(task_ids=tuple(ids[start : start + _AT_ONCE]))
        found = [one for one in every(face.ledger.links, query) if one.version_id is not None]
        for link in links_of_runs(face, found):
            links[link.task_id].append(link)
    versions = _versions(face, (one for some in links.values() for one in some))
    for task in tasks:
        own = sorted(links[task["task_id"]], key=_link_order)
        for side, is_output in (("inputs", False), ("outputs", True)):
            chosen = [one for one in own if (one.io_type in _OUTPUTS) is is_output]
            task[side]["artifacts"] = _grouped(face, chosen, versions)


def _grouped(
    face: Face, links: Iterable[ArtifactTaskLink], versions: dict[str, ArtifactVersion]
) -> list[Message]:
    """Return one message per key, type and producer; of a fan-out per iteration too."""
    groups: dict[tuple[Any, ...], Message] = {}
    for link in links:
        version = versions.get(link.version_id or "")
        if version is None:
            continue
        iteration = link.producer.iteration if link.io_type is IOType.ITERATOR_OUTPUT else None
        place = (
            link.key,
            IO_TYPES.index(link.io_type),
            link.producer.task_name,
            -1 if iteration is None else iteration,
        )
        group = groups.setdefault(
            place,
            {
                "artifacts": [],
                "type": link.io_type.value,
                "artifact_key": link.key,
                "producer": {
                    "task_name": link.producer.task_name,
                    "iteration": link.producer.iteration,
                },
            },
        )
        group["artifacts"].append(shown(face, version))
    return [groups[place] for place in sorted(groups)]


def _link_order(link: ArtifactTaskLink) -> tuple[Any, ...]:
    iteration = -1 if link.producer.iteration is None else link.producer.iteration
    return IO_TYPES.index(link.io_type), link.key, iteration, link.version_id


def _versions(face: Face, links: Iterable[ArtifactTaskLink]) -> dict[str, ArtifactVersion]:
    ids = list(dict.fromkeys(link.version_id for link in links if link.version_id is not None))
    found = {}
    for start in range(0, len(ids), _AT_ONCE):
        query = VersionQuery(ids=tuple(ids[start : start + _AT_ONCE]))
        found.update({one.id: one for one in every(face.ledger.versions, query)})
    return found
