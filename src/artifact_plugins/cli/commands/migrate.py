"""`artifact-plugins migrate`: write old versions anew in another form, as new versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.failures import FAILED
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_table, write_text
from artifact_plugins.cli.place import Place

if TYPE_CHECKING:
    from artifact_plugins.records import ArtifactVersion
    from artifact_plugins.steps.migrating import Migration


@make_command("migrate")
@click.argument("artifact")
@click.option(
    "--to",
    required=True,
    metavar="FORMAT|MATERIALIZER",
    help="parquet/1, a materializer's key or module:Class, or artifact_task:NAME.",
)
@click.option(
    "--version",
    "versions",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Only this version; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen; nothing is run.")
def command(
    place: Place,
    artifact: str,
    to: str,
    versions: tuple[int, ...],
    dry_run: bool,
    as_json: bool,
) -> int:
    """Load every version of ARTIFACT, save it in another form as a new version, and link the two.

    Nothing is replaced: the old versions stay, and aliases stay with them. What
    is in the form already, or was written anew before, is skipped. Exits with 1
    when a version could not be loaded or saved; the others go on.
    """
    from artifact_plugins.steps.migrating import migrate  # late: `--help` needs none of it

    with place.open(needs_store=True) as session:
        newest = session.find(artifact)
        found = migrate(session, artifact, to=to, versions=versions, dry_run=dry_run)
    moved = _moved_newest(newest, found)
    if as_json:
        write_json(
            {
                "is_executed": not dry_run,
                "newest_is_now_made_of": moved,
                "versions": [_document(item) for item in found],
            }
        )
    else:
        _write(found, newest, moved)
    return FAILED if any(item.error is not None for item in found) else 0


def _moved_newest(newest: ArtifactVersion, found: tuple[Migration, ...]) -> int | None:
    """Return of which version the newest is made now, if not of the one that was the newest."""
    made = [item.version for item in found if item.outcome in ("migrated", "would migrate")]
    return made[-1].version if made and made[-1].id != newest.id else None


def _document(item: Migration) -> dict[str, Any]:
    error = item.error
    return {
        "version_id": item.version.id,
        "version": item.version.version,
        "outcome": item.outcome,
        "reason": item.reason,
        "new_version_id": item.new.id if item.new else None,
        "new_version": item.new.version if item.new else None,
        "error": {"code": error.code, "message": str(error)} if error else None,
    }


def _write(found: tuple[Migration, ...], newest: ArtifactVersion, moved: int | None) -> None:
    write_table(
        ("Version", "Format", "Outcome", "New", "Why"),
        [
            (
                item.version.version,
                item.version.format,
                item.outcome,
                item.new.version if item.new else "",
                f"{item.error.code}: {item.error}" if item.error else item.reason,
            )
            for item in found
        ],
        right=("Version", "New"),
    )
    kept = [item.version for item in found if item.version.aliases]
    if kept:
        names = ", ".join(f"{alias}: {one.version}" for one in kept for alias in one.aliases)
        write_text(f"aliases are not moved ({names}); `artifact-plugins tags` moves them")
    if moved is not None:
        write_text(
            f"the newest version is then the one made of version {moved}, "
            f"no longer version {newest.version}"
        )
