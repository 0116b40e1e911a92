"""`artifact-plugins update`: change what may change of a version and its artifact."""

from __future__ import annotations

import json
from typing import Any

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import record_json, write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("update")
@click.argument("version")
@click.option("--description", metavar="TEXT", help="The new description; an empty one removes it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Replace all tags; repeated.")
@click.option("--add-tag", multiple=True, metavar="TAG", help="Add a tag; may be repeated.")
@click.option("--remove-tag", multiple=True, metavar="TAG", help="Remove a tag; may be repeated.")
@click.option("--metadata", metavar="JSON", help="Replace all metadata by this object.")
@click.option("--set", "changes", multiple=True, metavar="KEY=JSON", help="Set a metadata key.")
@click.option("--unset", multiple=True, metavar="KEY", help="Remove a metadata key.")
@click.option("--name", metavar="NAME", help="Give the artifact, with all its versions, this name.")
def command(
    place: Place,
    version: str,
    description: str | None,
    tags: tuple[str, ...],
    add_tag: tuple[str, ...],
    remove_tag: tuple[str, ...],
    metadata: str | None,
    changes: tuple[str, ...],
    unset: tuple[str, ...],
    name: str | None,
    as_json: bool,
) -> None:
    """Change the description, tags or metadata of VERSION, or the name of its artifact.

    Everything else of a version is immutable: save a new one. `tags` moves
    aliases. Single keys are set on what was read: if somebody else changes
    the metadata meanwhile, nothing is changed.
    """
    replaced = None if metadata is None else _object(metadata)
    with place.open() as session:
        record = before = session.find(version)
        if replaced is None and (changes or unset):
            replaced = dict(record.metadata)
        for change in changes:
            key, value = _pair(change)
            assert replaced is not None
            replaced[key] = value
        for key in unset:
            assert replaced is not None
            replaced.pop(key, None)
        if any((description is not None, tags, add_tag, remove_tag, replaced is not None)):
            record = session.update(
                record,
                description=... if description is None else description or None,
                tags=tags or ...,
                add_tags=add_tag,
                remove_tags=remove_tag,
                metadata=... if replaced is None else replaced,
                expected=before if changes or unset else None,
            )
        if name is not None:
            session.rename(record.artifact, name)
            record = session.ledger.version(record.id)
    if as_json:
        write_json(record_json(record, without=("previews",)))
    else:
        write_text(f"{record} stays as it is" if record == before else f"changed {record}")


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not like rmse=0.3", param_hint="--set")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value  # text needs no quotes within those of the shell


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter("it is not a JSON object", param_hint="--metadata")
    return found
