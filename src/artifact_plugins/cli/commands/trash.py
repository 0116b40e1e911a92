"""`artifact-plugins trash`: deleted versions that can be restored."""

from __future__ import annotations

from artifact_plugins.cli.formats import size_text, time_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.options import page_options
from artifact_plugins.cli.output import write_more, write_page, write_table, write_text
from artifact_plugins.cli.place import Place


@make_command("trash")
@page_options
def command(place: Place, limit: int, page_token: str | None, as_json: bool) -> None:
    """List deleted versions that can be restored, the last deleted first."""
    with place.open_ledger() as ledger:
        page = ledger.trash(place.settings.project, limit=limit, page_token=page_token)
    if as_json:
        write_page("versions", page, without=("previews",))
    elif not page and page_token is None:
        write_text(f"the trash of project {place.settings.project!r} is empty")
    else:
        write_table(
            ("Version", "Id", "Size", "Deleted (UTC)"),
            [
                (version, version.id, size_text(version.size_bytes), time_text(version.deleted_at))
                for version in page
            ],
            right=("Size",),
            whole=("Deleted (UTC)", "Id"),
        )
        write_more(page.next_token)
