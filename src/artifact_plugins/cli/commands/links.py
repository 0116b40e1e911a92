"""`artifact-plugins links`: links of all runs that a filter holds for."""

from __future__ import annotations

from artifact_plugins.cli.commands.runs import versions_of, write_links
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.options import filter_options, page_options
from artifact_plugins.cli.output import record_json, write_json, write_more, write_text
from artifact_plugins.cli.place import TO_DO, Place


@make_command("links")
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
    """List links of all runs, oldest first."""
    if not place.has_ledger:
        if as_json:
            write_json({"links": [], "next_page_token": None})
        else:
            write_text(f"{place.emptiness}; {TO_DO}")
        return
    from artifact_plugins.records import TaskQuery  # late: `--help` needs no pydantic

    with place.open_ledger() as ledger:
        page = ledger.search(
            "links",
            where or "",
            order_by=order_by,
            limit=limit,
            page_token=page_token,
            project=place.settings.project,
        )
        if as_json:
            rows = [record_json(record) for record in page]
            write_json({"links": rows, "next_page_token": page.next_token})
            return
        ids = tuple(dict.fromkeys(link.task_id for link in page))
        tasks = list(ledger.tasks(TaskQuery(ids=ids), limit=1000)) if ids else []
        write_links(tasks, list(page), versions_of(ledger, list(page)))
        write_more(page.next_token)
