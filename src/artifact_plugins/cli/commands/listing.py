"""`artifact-plugins list`: artifacts, or the versions of one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.formats import size_text, time_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.options import filter_options, page_options
from artifact_plugins.cli.output import (
    record_json,
    write_json,
    write_more,
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
@filter_options
@page_options
def command(
    place: Place,
    name: str | None,
    tag: str | None,
    where: str | None,
    order_by: str | None,
    limit: int,
    page_token: str | None,
    as_json: bool,
) -> None:
    """List artifacts by name, or the versions of NAME, or of --where, newest first."""
    if tag is not None and name is None:
        raise click.UsageError("--tag asks for the NAME of an artifact")
    is_search = where is not None or order_by is not None
    if not place.has_ledger:
        if as_json:
            what = "versions" if name or is_search else "artifacts"
            write_json({what: [], "next_page_token": None})
        else:
            write_text(f"{place.emptiness}; {TO_DO}")
        return
    with place.open_ledger() as ledger:
        if is_search:
            filters, values = [where or ""], {}
            for text, label, value in (
                ("name == wanted_name", "wanted_name", name),
                ("wanted_tag in tags", "wanted_tag", tag),
            ):
                if value is not None:
                    filters.append(text)
                    values[label] = value
            found = ledger.search(
                "versions",
                filters,
                order_by=order_by,
                limit=limit,
                page_token=page_token,
                project=place.settings.project,
                values=values,
            )
            _write_versions(found, as_json)
        elif name is None:
            _list_artifacts(ledger, place.settings, limit, page_token, as_json)
        else:
            _list_versions(ledger, place.settings, name, tag, limit, page_token, as_json)


def _list_artifacts(
    ledger: Ledger, settings: Settings, limit: int, page_token: str | None, as_json: bool
) -> None:
    page = ledger.artifacts(settings.project, limit=limit, page_token=page_token)
    if as_json:
        rows = [dataclasses.asdict(found) for found in page]
        for row in rows:
            row["updated_at"] = row["updated_at"].isoformat()
        write_json({"artifacts": rows, "next_page_token": page.next_token})
    elif not page and page_token is None:
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


def _list_versions(
    ledger: Ledger,
    settings: Settings,
    name: str,
    tag: str | None,
    limit: int,
    page_token: str | None,
    as_json: bool,
) -> None:
    from artifact_plugins.records import VersionQuery  # late: `--help` needs no pydantic

    query = VersionQuery(project=settings.project, artifact=name, tag=tag)
    page = ledger.versions(query, limit=limit, page_token=page_token)
    if not page and page_token is None and tag is None:
        ledger.latest(settings.project, name)  # raises: there is none, but these come near
    _write_versions(page, as_json)


def _write_versions(page: Page[ArtifactVersion], as_json: bool) -> None:
    if as_json:
        rows = [record_json(version, without=("previews",)) for version in page]
        write_json({"versions": rows, "next_page_token": page.next_token})
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
