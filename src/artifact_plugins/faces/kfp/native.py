"""Runs that our own steps recorded, in the shape in which KFP shows runs.

Links and parameters are rendered as KFP itself would have written them, or
served as they are. Over this API such runs can only be read. A run that was
opened over it has a note and is served as it was sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from artifact_plugins.compat import KfpParameter, KfpTask, KfpTaskType, render_kfp
from artifact_plugins.faces.kfp.face import Face
from artifact_plugins.faces.kfp.refusals import Refusal
from artifact_plugins.records import ArtifactTaskLink, LinkQuery, Task, TaskQuery, every


def tasks_of_run(face: Face, run_id: str) -> dict[str, KfpTask]:
    """Return the tasks of a run by id, with their parameters."""
    tasks = list(every(face.ledger.tasks, TaskQuery(run_id=run_id)))
    links = list(every(face.ledger.links, LinkQuery(run_id=run_id)))
    if face.link_form == "kfp":
        return {task.id: task for task in render_kfp(tasks, links).tasks}
    read: dict[str, list[KfpParameter]] = defaultdict(list)
    written: dict[str, list[KfpParameter]] = defaultdict(list)
    for link in links:
        if link.version_id is None:
            side = written if link.io_type.is_output else read
            one = KfpParameter(link.value, link.io_type, link.key, link.producer)
            side[link.task_id].append(one)
    return {
        task.id: _as_it_is(task, tuple(read[task.id]), tuple(written[task.id])) for task in tasks
    }


def links_of_runs(face: Face, found: Iterable[ArtifactTaskLink]) -> Iterator[ArtifactTaskLink]:
    """Yield artifact links as they are served; those of runs that are not served are left out."""
    by_run: dict[str, list[ArtifactTaskLink]] = defaultdict(list)
    for link in found:
        by_run[link.run_id].append(link)
    for run_id, links in by_run.items():
        try:
            _, note = face.run(run_id)
        except Refusal:
            continue
        if not note:
            yield from _rendered(face, run_id, links)
        elif note.get("was_retried"):
            notes = dict(face.notes.below("task", f"{run_id}/"))
            hidden = {one for task in notes.values() for one in task.get("hidden_links", ())}
            yield from (link for link in links if link.id not in hidden)
        else:
            yield from links


def _rendered(face: Face, run_id: str, links: list[ArtifactTaskLink]) -> Iterator[ArtifactTaskLink]:
    wanted = {link.id for link in links}
    if face.link_form == "kfp":
        tasks = every(face.ledger.tasks, TaskQuery(run_id=run_id))
        every_link = every(face.ledger.links, LinkQuery(run_id=run_id))
        rendered: Iterable[ArtifactTaskLink] = render_kfp(tasks, every_link).links
    else:
        # Links that differ in nothing but their position are one link to KFP.
        seen = {
            (one.version_id, one.task_id, one.io_type, one.key, one.producer.iteration): one
            for one in reversed(links)
        }
        rendered = reversed(seen.values())
    yield from (link for link in rendered if link.id in wanted)


def _as_it_is(
    task: Task, inputs: tuple[KfpParameter, ...], outputs: tuple[KfpParameter, ...]
) -> KfpTask:
    names = [part.partition("#")[0] for part in task.scope_path.split("/")]
    return KfpTask(
        id=task.id,
        run_id=task.run_id,
        parent_id=task.parent_id,
        name=task.name,
        scope_path=".".join(["root", *names[1:]]),
        type=KfpTaskType(task.type.value),
        iteration_index=task.iteration_index,
        iteration_count=task.iteration_count,
        state=task.state,
        cache_key=task.cache_key,
        started_at=task.started_at,
        ended_at=task.ended_at,
        error=task.error,
        inputs=inputs,
        outputs=outputs,
    )
