"""`artifact-plugins explain-cache`: which part of a task's cache key is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import Task


@make_command("explain-cache")
@click.argument("task", metavar="TASK")
def command(place: Place, task: str, as_json: bool) -> None:
    """Say why TASK (its id, or the name of a step: its newest task) was called or not.

    The key of a task is compared with the nearest one of an earlier task of
    the same step.
    """
    from artifact_plugins.steps.cache import explain  # late: `--help` needs no steps

    with place.open_ledger() as ledger:
        found = _task(ledger, task)
        earlier, phrases = explain(ledger, found)
    if as_json:
        write_json(
            {
                "task_id": found.id,
                "name": found.name,
                "state": found.state.value,
                "cache_key": found.cache_key,
                "earlier_task_id": earlier.task_id if earlier else None,
                "differences": list(phrases),
            }
        )
        return
    about = f"task {found.scope_path} {found.id} {found.state.value}"
    if found.cache_key is None:
        write_text(f"{about}: it was called without a cache; use @ap.step(cache=True)")
    elif earlier is None:
        write_text(f"{about}: no earlier task of step {found.name!r} left its results")
    elif not phrases:
        write_text(f"{about}: served from task {earlier.task_id}, nothing differs")
    else:
        write_text(f"{about}: differs from task {earlier.task_id} in")
        for phrase in phrases:
            write_text(f"  {phrase}")


def _task(ledger: Ledger, wanted: str) -> Task:
    from artifact_plugins.errors import ArtifactMissingError  # late, as above
    from artifact_plugins.records import TaskQuery

    by_name = ledger.tasks(TaskQuery(name=wanted), limit=1, newest_first=True)
    if len(by_name):
        return by_name[0]
    try:
        return ledger.task(wanted)
    except ArtifactMissingError:
        raise ArtifactMissingError(
            f"no task has the id or the name {wanted!r}",
            hint="`artifact-plugins runs RUN` lists the tasks of a run",
        ) from None
