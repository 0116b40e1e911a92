"""`artifact-plugins lineage`: what a version was made from, or what was made from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.escaping import escaped
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.errors import ArtifactMissingError, InputError, PluginError, describe

if TYPE_CHECKING:
    from artifact_plugins.lineage_graph import LineageGraph
    from artifact_plugins.records import Run
    from artifact_plugins.session import Session

_DRAWINGS = ("tree", "mermaid", "html", "json")
GROUP = "artifact_plugins.lineage_formats"
"""Entry points: functions of a session and a run that return text."""


def _format(context: click.Context, parameter: click.Parameter, value: str) -> str | EntryPoint:
    """Return one of the drawings, or the entry point of that name."""
    if value in _DRAWINGS:
        return value
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if value not in found:
        names = ", ".join((*_DRAWINGS, *sorted(found)))
        raise click.BadParameter(f"{value!r} is not one of {names}")
    return found[value]


@make_command("lineage")
@click.argument("reference", metavar="VERSION|RUN")
@click.option(
    "--direction",
    type=click.Choice(["up", "down"]),
    default="up",
    show_default=True,
    help="To its origins, or to what was made from it.",
)
@click.option("--down", is_flag=True, help="The same as --direction down.")
@click.option("--to", metavar="VERSION", help="Only the ways between the two versions.")
@click.option("--depth", type=click.IntRange(1), help="Go no further than this many tasks.")
@click.option("--width", type=click.IntRange(1), help="Follow at most so many links of a node.")
@click.option("--max-nodes", type=click.IntRange(1), help="Stop after so many; 10000 by default.")
@click.option("--key", help="Follow only this input of the first tasks.")
@click.option("--run", "run", metavar="RUN", help="Follow only tasks of this run.")
@click.option(
    "--format",
    "picture",
    callback=_format,
    metavar="tree|mermaid|html|json|openlineage",
    default="tree",
    show_default=True,
    help="What to draw; openlineage: the events of the run that made it.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write into this file instead of stdout.",
)
def command(
    place: Place,
    reference: str,
    direction: str,
    down: bool,
    to: str | None,
    picture: str | EntryPoint,
    output: Path | None,
    as_json: bool,
    **bounds: Any,
) -> None:
    """Draw the lineage of a version: versions, tasks and the typed links between them.

    Of a RUN (its name or id): everything that its steps read and made.
    """
    bounds = {name: value for name, value in bounds.items() if value is not None}
    # Not `isinstance(.., EntryPoint)`: the package importlib_metadata has a class of its own.
    if as_json and not isinstance(picture, str):
        raise click.UsageError(f"--json and --format {picture.name} are two documents")
    with place.open() as session:
        if not isinstance(picture, str):
            text = _load(picture)(session, _run_of(session, reference))
        else:
            graph = _graph(session, reference, "down" if down else direction, to, bounds)
            if as_json and output is None:
                write_json(graph.to_json())
                return
            text = _drawn(graph, "json" if as_json else picture)
    if output is None:
        write_text(text)
        return
    # A page shows text of any script as it is; a tree may be shown on a terminal.
    is_page = isinstance(picture, str) and picture == "html"
    output.write_text(
        (text if is_page else escaped(text, keep_lines=True)) + "\n",
        encoding="utf-8",
        errors="backslashreplace",
    )
    click.echo(f"wrote {escaped(str(output))}", err=True)


def _graph(
    session: Session, reference: str, direction: str, to: str | None, bounds: dict[str, Any]
) -> LineageGraph:
    if to is not None:
        _refuse(bounds, {"max_nodes"}, "between two versions")
        other = session.find(to)
        return session.lineage(reference).between(other, **bounds)
    found = _version_or_run(session, reference)
    if found is not None:
        from artifact_plugins.lineage_graph import run_graph  # late: `--help` needs no ledger

        _refuse(bounds, {"max_nodes", "width"}, "of a run")
        return run_graph(session.ledger, found, **bounds)
    lineage = session.lineage(reference)
    return lineage.downstream(**bounds) if direction == "down" else lineage.upstream(**bounds)


def _version_or_run(session: Session, reference: str) -> Run | None:
    """Return None when a reference names a version, else the run that it names."""
    try:
        session.find(reference)
    except ArtifactMissingError as error:
        try:
            return session.ledger.run(reference)
        except ArtifactMissingError:
            raise error from None
    return None


def _run_of(session: Session, reference: str) -> Run:
    """Return the run that a reference names, or that made the version it names."""
    run = _version_or_run(session, reference)
    if run is not None:
        return run
    version = session.find(reference)
    if version.run_id is None:
        raise InputError(
            f"{version} was saved by hand, so there is no run of it",
            hint="name a run or a version that a step made",
        )
    return session.ledger.run(version.run_id)


def _refuse(bounds: dict[str, Any], known: set[str], what: str) -> None:
    names = [f"--{name.replace('_', '-')}" for name in bounds if name not in known]
    if names:
        raise click.UsageError(f"{', '.join(names)} cannot bound the lineage {what}")


def _drawn(graph: LineageGraph, picture: str) -> str:
    if picture == "json":
        return json.dumps(graph.to_json(), indent=2, default=str)
    return {"tree": graph.tree, "mermaid": graph.mermaid, "html": graph.html}[picture]()


def _load(found: EntryPoint) -> Callable[[Session, Run], str]:
    try:
        function: Callable[[Session, Run], str] = found.load()
    except Exception as error:
        raise PluginError(
            f"the format {found.name!r} cannot be loaded: {describe(error)}",
            hint=f"install artifact-plugins[{found.name}]"
            if found.name == "openlineage"
            else f"it is {found.value} of {found.dist.name if found.dist else 'somebody'}",
        ) from error
    return function
