"""`artifact-plugins sync`: deliver what waits for the backends, now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.chosen_backends import backend_option
from artifact_plugins.cli.delivering import open_to_deliver
from artifact_plugins.cli.failures import FAILED
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.output import write_json, write_text
from artifact_plugins.cli.place import Place
from artifact_plugins.cli.spans import Seconds

if TYPE_CHECKING:
    from artifact_plugins.delivery import BackendStatus

Progress = Callable[[Sequence["BackendStatus"]], None]


@make_command("sync")
@backend_option
@click.option(
    "--timeout",
    type=Seconds(0, 1e6),
    metavar="SECONDS",
    help="Stop after so long; else when nothing is left or every backend is away.",
)
@click.option("--all", "sends_all", is_flag=True, help="Also what was never ordered.")
def command(
    place: Place, wanted: tuple[str, ...], timeout: float | None, sends_all: bool, as_json: bool
) -> int:
    """Deliver what waits for the backends of the settings, or --backend, in the foreground.

    With --all, everything that a backend does not have: what is older than
    its place in the settings, too. Exits with 1 when something stays.
    """
    with open_to_deliver(place, wanted) as session:
        deliverer = session.deliverer
        ordered = {}
        if sends_all:
            outbox = session.ledger.outbox
            ids = {name: deliverer.backend_id(name) for name in deliverer.backends}
            ordered = {name: outbox.enqueue_all(one) for name, one in ids.items()}
        with _shown_progress() as progress:
            found = deliverer.sync(timeout_seconds=timeout, progress=progress)
    if as_json:
        rows = [_document(status, ordered.get(status.name, 0)) for status in found]
        write_json({"backends": rows})
    else:
        for status in found:
            _write(status, ordered.get(status.name, 0))
    return FAILED if any(status.pending or status.dead for status in found) else 0


def _document(status: BackendStatus, ordered: int) -> dict[str, Any]:
    return {
        "url": status.url,
        "ordered": ordered,
        "delivered": status.delivered,
        "pending": status.pending,
        "dead": status.dead,
        "standing": status.standing,
        "reason": status.reason,
    }


def _write(status: BackendStatus, ordered: int) -> None:
    parts = [f"{status.delivered} records delivered"]
    if ordered:
        parts.insert(0, f"{ordered} records ordered")
    if status.pending:
        parts.append(f"{status.pending} wait")
    if status.dead:
        parts.append(f"{status.dead} were given up (`artifact-plugins pending --dead`)")
    write_text(f"{status.url}: {', '.join(parts)}")
    if status.pending and status.reason:
        write_text(f"  {status.standing}: {status.reason}")


@contextmanager
def _shown_progress() -> Iterator[Progress | None]:
    """Give what shows on a terminal how much is left."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # late: most commands show no progress
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def show(found: Sequence[BackendStatus]) -> None:
        for status in found:
            if status.name not in tasks:
                tasks[status.name] = bar.add_task(status.name, total=None)
            total = status.delivered + status.pending
            bar.update(tasks[status.name], completed=status.delivered, total=total)

    with bar:
        yield show
