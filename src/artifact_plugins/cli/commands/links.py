"""`artifact-plugins links`: links of all runs that a filter holds for."""

from __future__ import annotations

from artifact_plugins.cli.commands.runs import versions_of, write_links
from artifact_plugins.cli.options import Asked, search_options
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_more, write_nothing, write_page
from artifact_plugins.cli.place import Place


@make_command("links")
@search_options
def command(place: Place, search: Asked, as_json: bool) -> None:
    """List links of all runs, oldest first."""
    if not place.has_ledger:
        write_nothing(place, "links", as_json=as_json)
        return
    from artifact_plugins.records import TaskQuery  # late: `--help` needs no pydantic

    with place.open_ledger() as ledger:
        page = search.page(place, ledger, "links")
        if as_json:
            write_page("links", page)
            return
        ids = tuple(dict.fromkeys(link.task_id for link in page))
        tasks = list(ledger.tasks(TaskQuery(ids=ids), limit=1000)) if ids else []
        write_links(tasks, list(page), versions_of(ledger, list(page)))
        write_more(page.next_token)
