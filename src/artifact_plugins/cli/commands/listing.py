"""`artifact-plugins list`: artifacts, or the versions of one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.formats import size_text, time_text
from artifact_plugins.cli.options import Asked, search_options
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import (
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
    from artifact_plugins.records import ArtifactVersion, Page
    from artifact_plugins.settings import Settings


@make_command("list")
@click.argument("name", required=False)
@click.option("--tag", metavar="TAG", help="Only versions of NAME with this tag.")
@search_options
def command(place: Place, name: str | None, tag: str | None, search: Asked, as_json: bool) -> None:
    """List artifacts by name, or the versions of NAME, or of --where, newest first."""
    if tag is not None and name is None:
        raise click.UsageError("--tag asks for the NAME of an artifact")
    if not place.has_ledger:
        what = "versions" if name or search.is_filter else "artifacts"
        write_nothing(place, what, as_json=as_json)
        return
    with place.open_ledger() as ledger:
        if search.is_filter:
            found = search.page(
                place,
                ledger,
                "versions",
                wanted_name=("name == wanted_name", name),
                wanted_tag=("wanted_tag in tags", tag),
            )
            _write_versions(found, as_json)
        elif name is None:
            _list_artifacts(ledger, place.settings, search, as_json)
        else:
            _write_versions(_versions(ledger, place.settings, name, tag, search), as_json)


def _list_artifacts(ledger: Ledger, settings: Settings, search: Asked, as_json: bool) -> None:
    page = ledger.artifacts(settings.project, limit=search.limit, page_token=search.page_token)
    if as_json:
        rows = [dataclasses.asdict(found) for found in page]
        for row in rows:
            row["updated_at"] = row["updated_at"].isoformat()
        write_json({"artifacts": rows, "next_page_token": page.next_token})
    elif not page and search.page_token is None:
        write_text(f"project {settings.project!r} has no artifacts yet; {TO_DO}")
    else:
        write_table(
            ("Name", "Versions", "Type", "Data type", "Size", "Updated (UTC)"),
            [
                (
                    found.artifact,
                    found.versions,
                    found.artifact_type,
                    found.data_type,
                    size_text(found.size_bytes),
                    time_text(found.updated_at),
                )
                for found in page
            ],
            right=("Versions", "Size"),
            whole=("Updated (UTC)",),
        )
        write_more(page.next_token)


def _versions(
    ledger: Ledger, settings: Settings, name: str, tag: str | None, search: Asked
) -> Page[ArtifactVersion]:
    from artifact_plugins.records import VersionQuery  # late: `--help` needs no pydantic

    query = VersionQuery(project=settings.project, artifact=name, tag=tag)
    page = ledger.versions(query, limit=search.limit, page_token=search.page_token)
    if not page and search.page_token is None and tag is None:
        ledger.latest(settings.project, name)  # raises: there is none, but these come near
    return page


def _write_versions(page: Page[ArtifactVersion], as_json: bool) -> None:
    if as_json:
        write_page("versions", page, without=("previews",))
        return
    write_table(
        ("Version", "Data type", "Size", "Created (UTC)", "Aliases and tags"),
        [
            (
                version,
                version.data_type,
                size_text(version.size_bytes),
                time_text(version.created_at),
                ", ".join((*(f"@{alias}" for alias in version.aliases), *version.tags)),
            )
            for version in page
        ],
        right=("Size",),
        whole=("Created (UTC)",),
    )
    write_more(page.next_token)
