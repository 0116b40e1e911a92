"""`artifact-plugins tasks`: tasks of all runs that a filter holds for."""

from __future__ import annotations

from collections import Counter

from artifact_plugins.cli.commands.runs import links_of, write_tasks
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.options import filter_options, page_options
from artifact_plugins.cli.output import record_json, write_json, write_more, write_text
from artifact_plugins.cli.place import TO_DO, Place


@make_command("tasks")
@filter_options
@page_options
def command(
    place: Place,
    where: str | None,
    order_by: str | None,
    limit: int,
    page_token: str | None,
    as_json: bool,
) -> None:
    """List tasks of all runs, oldest first."""
    if not place.has_ledger:
        if as_json:
            write_json({"tasks": [], "next_page_token": None})
        else:
            write_text(f"{place.emptiness}; {TO_DO}")
        return
    with place.open_ledger() as ledger:
        page = ledger.search(
            "tasks",
            where or "",
            order_by=order_by,
            limit=limit,
            page_token=page_token,
            project=place.settings.project,
        )
        if as_json:
            rows = [record_json(record) for record in page]
            write_json({"tasks": rows, "next_page_token": page.next_token})
            return
        links = links_of(ledger, [task.id for task in page])
        write_tasks(list(page), Counter(link.task_id for link in links))
        write_more(page.next_token)
