"""`artifact-plugins load`: load a version and print it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import click

from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.previews import value_text


@make_command("load")
@click.argument("version")
@click.option("--as", "as_type", metavar="TYPE", help="Load as this type: pyarrow:Table.")
@click.option("--columns", metavar="A,B", help="Load only these columns of a table.")
@click.option("--rows", metavar="FROM:TO", help="Load only these rows.")
@click.option(
    "--allow-unsafe",
    is_flag=True,
    help="Execute code that the version brings with it, whoever wrote it.",
)
def command(
    place: Place,
    version: str,
    as_type: str | None,
    columns: str | None,
    rows: str | None,
    allow_unsafe: bool,
    as_json: bool,
) -> None:
    """Load VERSION, verify its bytes, and print it (long values in part)."""
    selected = None if columns is None else [name.strip() for name in columns.split(",")]
    part = None if rows is None else _slice(rows)
    with place.open(needs_store=True) as session:
        record = session.find(version)
        wanted = Any if as_type is None else _type(as_type)
        value = session.load(
            record, as_type=wanted, columns=selected, rows=part, allow_unsafe=allow_unsafe
        )
        if as_json:
            write_json(_document(record.id, value))
        else:
            write_text(value_text(value, width=shutil.get_terminal_size().columns))


def _document(version_id: str, value: Any) -> dict[str, Any]:
    """Return the value itself when JSON holds it exactly, else its text."""
    from artifact_plugins.contracts.refs import type_path  # late: `--help` needs none of this
    from artifact_plugins.errors import MetadataValueError
    from artifact_plugins.records import check_metadata

    cls: type = type(value)
    document = {"version_id": version_id, "type": type_path(cls), "is_exact": True}
    try:
        if isinstance(value, Iterator):
            raise MetadataValueError("an iterator is no JSON")
        return {**document, **check_metadata({"value": value})}
    except MetadataValueError:
        return {**document, "is_exact": False, "value": value_text(value, width=100)}


def _slice(text: str) -> slice:
    try:
        start, stop = (int(part) if part else None for part in text.split(":"))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not like 0:100", param_hint="--rows") from None
    return slice(start, stop)


def _type(text: str) -> type:
    from artifact_plugins.contracts.refs import find_type  # late: `--help` needs none of this

    if ":" in text:
        return find_type(text)
    module, _, name = text.rpartition(".")
    return find_type(f"{module or 'builtins'}:{name}")
