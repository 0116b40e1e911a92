"""`artifact-plugins runs`: runs, or the tasks and links of one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.externals import externals_of, write_externals
from artifact_plugins.cli.formats import duration_text, time_text
from artifact_plugins.cli.options import Asked, search_options
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import (
    record_json,
    write_fields,
    write_heading,
    write_json,
    write_more,
    write_nothing,
    write_page,
    write_table,
    write_text,
)
from artifact_plugins.cli.place import TO_DO, Place

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, Page, Run, Task

_VALUE_SHOWN = 60
_PAGE = 1000


@make_command("runs")
@click.argument("run", required=False)
@click.option("--pipeline", metavar="NAME", help="Only runs of this pipeline.")
@search_options
def command(
    place: Place, run: str | None, pipeline: str | None, search: Asked, as_json: bool
) -> None:
    """List runs, newest first, or the tasks and links of RUN (a name, id or first part of it)."""
    if run is not None and search.is_filter:
        raise click.UsageError("--where and --order-by list runs: leave RUN out")
    if not place.has_ledger and run is None:
        write_nothing(place, "runs", as_json=as_json)
        return
    with place.open_ledger() as ledger:
        if run is None:
            page = _found(place, ledger, pipeline, search)
            if as_json:
                write_page("runs", page)
            elif not page and search.page_token is None:
                missing = f"of pipeline {pipeline!r}" if pipeline else f"yet; {TO_DO}"
                missing = "that this holds for" if search.where else missing
                write_text(f"project {place.settings.project!r} has no runs {missing}")
            else:
                _write_runs(page)
        else:
            _show_run(ledger, ledger.run(run), search, as_json)


def _found(place: Place, ledger: Ledger, pipeline: str | None, search: Asked) -> Page[Run]:
    from artifact_plugins.records import RunQuery  # late: `--help` needs no pydantic

    if search.is_filter:
        return search.page(place, ledger, "runs", wanted=("pipeline == wanted", pipeline))
    query = RunQuery(project=place.settings.project, pipeline=pipeline)
    return ledger.runs(query, limit=search.limit, page_token=search.page_token)


def _write_runs(page: Page[Run]) -> None:
    write_table(
        ("Run", "Pipeline", "State", "Started (UTC)", "Took"),
        [
            (
                run.name,
                run.pipeline,
                run.state.value,
                time_text(run.started_at),
                duration_text(run.started_at, run.ended_at),
            )
            for run in page
        ],
        right=("Took",),
        whole=("Started (UTC)",),
    )
    write_more(page.next_token)


def _show_run(ledger: Ledger, run: Run, search: Asked, as_json: bool) -> None:
    from artifact_plugins.records import TaskQuery  # late: `--help` needs no pydantic

    query = TaskQuery(run_id=run.id)
    tasks = ledger.tasks(query, limit=search.limit, page_token=search.page_token)
    links = links_of(ledger, [task.id for task in tasks])
    noted = externals_of(ledger, "run", [run.id])
    noted |= externals_of(ledger, "task", [task.id for task in tasks])
    if as_json:
        write_json(
            {
                "run": record_json(run),
                "tasks": [record_json(task) for task in tasks],
                "links": [record_json(link) for link in links],
                "backends": noted,
                "next_page_token": tasks.next_token,
            }
        )
        return
    write_fields(
        {
            "Run": run.name,
            "Id": run.id,
            "Pipeline": run.pipeline,
            "State": run.state.value,
            "Started": f"{time_text(run.started_at)} UTC",
            "Took": duration_text(run.started_at, run.ended_at),
            "Parameters": json.dumps(run.parameters, ensure_ascii=False)
            if run.parameters
            else None,
            "Error": run.error,
        }
    )
    write_heading("Tasks")
    write_tasks(list(tasks), Counter(link.task_id for link in links))
    write_heading("Links")
    write_links(list(tasks), links, versions_of(ledger, links))
    write_externals(
        [
            (f"run {run.name}", noted.get(run.id, {})),
            *((f"task {task.scope_path}", noted.get(task.id, {})) for task in tasks),
        ]
    )
    write_more(tasks.next_token)


def links_of(ledger: Ledger, task_ids: list[str]) -> list[ArtifactTaskLink]:
    """Return every link of the tasks."""
    from artifact_plugins.records import LinkQuery, every  # late: `--help` needs no pydantic

    return list(every(ledger.links, LinkQuery(task_ids=tuple(task_ids)))) if task_ids else []


def versions_of(ledger: Ledger, links: Sequence[ArtifactTaskLink]) -> dict[str, ArtifactVersion]:
    """Return the versions that links lead to, by id."""
    from artifact_plugins.records import VersionQuery  # late: `--help` needs no pydantic

    ids = list(dict.fromkeys(link.version_id for link in links if link.version_id))
    found: dict[str, ArtifactVersion] = {}
    for start in range(0, len(ids), 500):
        chunk = tuple(ids[start : start + 500])
        page = ledger.versions(VersionQuery(ids=chunk, is_deleted=None), limit=_PAGE)
        found.update((version.id, version) for version in page)
    return found


def write_tasks(tasks: list[Task], links: Counter[str]) -> None:
    """Write tasks as a table; `links` counts those of each task."""
    write_table(
        ("Task", "Type", "State", "Attempt", "Links", "Took", "Error"),
        [
            (
                task.scope_path,
                task.type.value,
                task.state.value,
                task.attempt,
                links[task.id],
                duration_text(task.started_at, task.ended_at),
                task.error,
            )
            for task in tasks
        ],
        right=("Attempt", "Links", "Took"),
        whole=("State",),
    )


def write_links(
    tasks: list[Task], links: list[ArtifactTaskLink], versions: dict[str, ArtifactVersion]
) -> None:
    """Write links as a table, with the names of their tasks and versions."""
    names = {task.id: task.scope_path for task in tasks}
    write_table(
        ("Task", "Type", "Key", "Value", "Producer"),
        [
            (
                names.get(link.task_id),
                link.io_type.value,
                link.key,
                _shown(link, versions),
                link.producer,
            )
            for link in links
        ],
        whole=("Type",),
    )


def _shown(link: ArtifactTaskLink, versions: dict[str, ArtifactVersion]) -> str:
    if link.version_id is not None:
        return str(versions.get(link.version_id, link.version_id))
    text = json.dumps(link.value, ensure_ascii=False)
    return text if len(text) <= _VALUE_SHOWN else f"{text[:_VALUE_SHOWN]}..."
