"""`artifact-plugins show`: everything that is recorded about one version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from artifact_plugins.cli.externals import externals_of, write_externals
from artifact_plugins.cli.formats import size_text, time_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import (
    record_json,
    write_fields,
    write_heading,
    write_json,
    write_table,
    write_text,
)
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.previews import preview_text

if TYPE_CHECKING:
    from artifact_plugins.records import ArtifactVersion
    from artifact_plugins.session import Session

_URI_SHOWN = 100
_FILES_SHOWN = 20
_SNAPSHOT_SHOWN = 16


@make_command("show")
@click.argument("version")
def command(place: Place, version: str, as_json: bool) -> None:
    """Show the record of VERSION: where it lies, what backends call it, metadata and previews."""
    with place.open() as session:
        record = session.find(version)
        snapshot = None if as_json else _snapshot(session, record)
        noted = externals_of(session.ledger, "version", [record.id]).get(record.id, {})
    if as_json:
        write_json(record_json(record) | {"backends": noted})
        return
    write_fields(_fields(record, snapshot))
    if len(record.files) > 1:
        write_heading("Files")
        write_table(
            ("Path", "Size", "Digest"),
            [(f.path, size_text(f.size_bytes), f.digest) for f in record.files[:_FILES_SHOWN]],
            right=("Size",),
        )
        if len(record.files) > _FILES_SHOWN:
            write_text(f"and {len(record.files) - _FILES_SHOWN} more; --json shows all")
    write_externals([(str(record), noted)])
    if record.metadata:
        write_heading("Metadata")
        write_text(json.dumps(record.metadata, indent=2, ensure_ascii=False))
    for preview in record.previews:
        write_heading(preview.title or "Preview")
        write_text(preview_text(preview))


def _snapshot(session: Session, record: ArtifactVersion) -> str | None:
    """Return whose code a version is pinned to and which; the ledger knows it without the store."""
    if record.plugin_snapshot is None:
        return None
    from artifact_plugins.records import SnapshotQuery  # late: `--help` needs no pydantic

    found = session.ledger.snapshots(SnapshotQuery(ids=(record.plugin_snapshot,)), limit=1)
    plugin = found[0].plugin if found else "unknown plugin"
    return f"{plugin} {record.plugin_snapshot.removeprefix('sha256:')[:_SNAPSHOT_SHOWN]}"


def _fields(record: ArtifactVersion, snapshot: str | None) -> dict[str, object]:
    uri = record.uri
    if uri.startswith("data:") and len(uri) > _URI_SHOWN:
        uri = f"{uri[:_URI_SHOWN]}... (the value lies in the record)"
    return {
        "Version": record,
        "Id": record.id,
        "Project": record.project,
        "Version name": record.version_name,
        "Description": record.description,
        "Type": record.artifact_type,
        "Data type": record.data_type,
        "Format": record.format,
        "Saved with": record.materializer or record.artifact_task,
        "Snapshot": snapshot,
        "Options": json.dumps(record.parameters) if record.parameters else None,
        "Size": f"{size_text(record.size_bytes)} in {len(record.files)} file"
        + ("" if len(record.files) == 1 else "s"),
        "Items": record.item_count,
        "Digest": record.content_hash,
        "Lies at": uri,
        "Saved as": record.save_type.value,
        "Run": record.run_id,
        "Task": record.task_id,
        "Tags": ", ".join(record.tags),
        "Aliases": ", ".join(record.aliases),
        "Created": f"{time_text(record.created_at)} UTC by {record.created_by}",
        "Updated": f"{time_text(record.updated_at)} UTC" if record.updated_at else None,
    }
