"""`artifact-plugins tasks`: tasks of all runs that a filter holds for."""

from __future__ import annotations

from collections import Counter

from artifact_plugins.cli.commands.runs import links_of, write_tasks
from artifact_plugins.cli.options import Asked, search_options
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_more, write_nothing, write_page
from artifact_plugins.cli.place import Place


@make_command("tasks")
@search_options
def command(place: Place, search: Asked, as_json: bool) -> None:
    """List tasks of all runs, oldest first."""
    if not place.has_ledger:
        write_nothing(place, "tasks", as_json=as_json)
        return
    with place.open_ledger() as ledger:
        page = search.page(place, ledger, "tasks")
        if as_json:
            write_page("tasks", page)
            return
        links = links_of(ledger, [task.id for task in page])
        write_tasks(list(page), Counter(link.task_id for link in links))
        write_more(page.next_token)
