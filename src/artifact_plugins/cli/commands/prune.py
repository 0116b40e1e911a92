"""`artifact-plugins prune`: put versions that nothing holds into the trash."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.formats import size_text, time_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_table, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.spans import as_span

if TYPE_CHECKING:
    from artifact_plugins.session import PruneItem, PrunePlan

_SHOWN = 20


@make_command("prune")
@click.argument("name", required=False)
@click.option("--where", metavar="EXPR", help="Only what a filter holds for, as in Python.")
@click.option(
    "--keep-newest",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    metavar="N",
    help="Keep the N newest versions of every artifact.",
)
@click.option("--older-than", type=as_span, metavar="SPAN", help="Keep what is younger: 30d, 12h.")
@click.option("--with-links", is_flag=True, help="Links hold nothing: records and links stay.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=10_000, help="Most versions at once."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted: the default.")
@click.option("--yes", is_flag=True, help="Delete it.")
def command(
    place: Place,
    name: str | None,
    where: str | None,
    keep_newest: int,
    older_than: timedelta | None,
    with_links: bool,
    limit: int,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show which versions nothing holds, of NAME or of --where; with --yes delete them.

    A version stays that a link, a tag, an alias or a retention rule holds.
    What is deleted can be restored until `gc` has collected it.
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes contradict each other")
    if name is not None and where is not None:
        raise click.UsageError("--where can say `name == ...`; give NAME or --where")
    from artifact_plugins.records import VersionQuery  # late: `--help` needs no pydantic

    with place.open() as session:
        if name is not None:
            session.ledger.latest(place.settings.project, name)  # raises: there is none
        plan = session.prune(
            where=VersionQuery(artifact=name) if where is None else where,
            keep_newest=keep_newest,
            older_than=older_than,
            with_links=with_links,
            limit=limit,
            dry_run=not yes,
        )
    if as_json:
        write_json(_document(plan))
    else:
        _write(plan)


def _document(plan: PrunePlan) -> dict[str, Any]:
    return {
        "is_executed": plan.is_executed,
        "is_complete": plan.is_complete,
        "size_bytes": plan.size_bytes,
        "versions": [_item(item) for item in plan.versions],
        "held_count": plan.held_count,
        "held_by": dict(plan.held_by),
        "held": [_item(item) for item in plan.held],
    }


def _item(item: PruneItem) -> dict[str, Any]:
    return {
        "version_id": item.version_id,
        "version": item.version,
        "size_bytes": item.size_bytes,
        "created_at": item.created_at.isoformat(),
        "holds": [{"kind": hold.kind, "what": hold.what} for hold in item.holds],
    }


def _write(plan: PrunePlan) -> None:
    verb = "deleted" if plan.is_executed else "would delete"
    write_text(f"{verb} {len(plan.versions)} versions, {size_text(plan.size_bytes)}")
    if plan.versions:
        write_table(
            ("Version", "Size", "Created (UTC)"),
            [
                (item.version, size_text(item.size_bytes), time_text(item.created_at))
                for item in plan.versions[:_SHOWN]
            ],
            right=("Size",),
            whole=("Created (UTC)",),
        )
    if len(plan.versions) > _SHOWN:
        write_text(f"and {len(plan.versions) - _SHOWN} more; --json shows all")
    if plan.held_count:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(plan.held_by.items()))
        write_text(f"{plan.held_count} versions are held (by {kinds})")
    if not plan.is_complete:
        write_text("there are more than --limit: repeat the command")
    if plan.versions and not plan.is_executed:
        write_text("nothing was deleted; repeat the command with --yes to do it")
