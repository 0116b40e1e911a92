"""`artifact-plugins lineage`: what a version was made from, or what was made from it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from artifact_plugins.cli.escaping import escaped
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place


@make_command("lineage")
@click.argument("version")
@click.option("--down", is_flag=True, help="What was made from it, instead of its origins.")
@click.option("--depth", type=click.IntRange(1), help="Go no further than this many tasks.")
@click.option(
    "--format",
    "picture",
    type=click.Choice(["tree", "mermaid", "html", "json"]),
    default="tree",
    show_default=True,
    help="What to draw.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write into this file instead of stdout.",
)
def command(
    place: Place,
    version: str,
    down: bool,
    depth: int | None,
    picture: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Draw the lineage of VERSION: versions, tasks and the typed links between them."""
    with place.open() as session:
        lineage = session.lineage(version)
        graph = lineage.downstream(depth) if down else lineage.upstream(depth)
    if as_json and output is None:
        write_json(graph.to_json())
        return
    if as_json or picture == "json":
        text = json.dumps(graph.to_json(), indent=2, default=str)
    else:
        text = {"tree": graph.tree, "mermaid": graph.mermaid, "html": graph.html}[picture]()
    if output is None:
        write_text(text)
        return
    # A page shows text of any script as it is; a tree may be shown on a terminal.
    output.write_text(
        (text if picture == "html" else escaped(text, keep_lines=True)) + "\n",
        encoding="utf-8",
        errors="backslashreplace",
    )
    click.echo(f"wrote {escaped(str(output))}", err=True)
