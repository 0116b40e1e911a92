"""`artifact-plugins pending`: what the backends do not have yet."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.chosen_backends import backend_option, is_meant, known_backends
from artifact_plugins.cli.formats import time_text
from artifact_plugins.cli.options import command as make_command
from artifact_plugins.cli.options import page_options
from artifact_plugins.cli.output import (
    write_heading,
    write_json,
    write_more,
    write_nothing,
    write_table,
    write_text,
)
from artifact_plugins.cli.place import Place
from artifact_plugins.errors import InputError

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import OutboxCount, OutboxRow, RegisteredBackend


@make_command("pending")
@backend_option
@click.option("--dead", is_flag=True, help="What was given up, instead of what waits.")
@page_options
def command(
    place: Place,
    wanted: tuple[str, ...],
    dead: bool,
    limit: int,
    page_token: str | None,
    as_json: bool,
) -> None:
    """Count what each backend does not have yet, and list it in the order of delivery.

    Nobody is asked: the ledger knows. `sync` delivers what waits, `replay`
    what was given up.
    """
    if not place.has_ledger:
        write_nothing(place, "backends", "rows", as_json=as_json)
        return
    with place.open_ledger() as ledger:
        backends = known_backends(ledger, wanted)
        counts = {count.backend_id: count for count in ledger.outbox.counts()}
        rows, token = _page(ledger, backends, dead=dead, limit=limit, page_token=page_token)
        names = names_of(ledger, rows)
    urls = {backend.id: backend.url for backend in backends}
    if as_json:
        write_json(
            {
                "backends": [
                    count_document(one, counts.get(one.id), command_for(place, one))
                    for one in backends
                ],
                "rows": [row_document(row, urls, names) for row in rows],
                "next_page_token": token,
            }
        )
        return
    if not backends:
        write_text("the ledger keeps nothing for a backend; name them in Settings.backends")
        return
    _write_counts(backends, counts)
    for one in backends:
        count, text = counts.get(one.id), command_for(place, one)
        if count and count.pending and text:
            write_text(
                f"{one.url} is in no settings here, so its {count.pending} records wait "
                f"until it is, or for:\n  {text}"
            )
    if rows:
        write_heading("Given up" if dead else "Waiting")
        write_rows(rows, urls, names)
        write_more(token)


def _page(
    ledger: Ledger,
    backends: Sequence[RegisteredBackend],
    *,
    dead: bool,
    limit: int,
    page_token: str | None,
) -> tuple[list[OutboxRow], str | None]:
    """Return a page of rows of the backends, one backend after the other, and its token."""
    from artifact_plugins.records import OutboxState  # late: `--help` needs no records

    backend_id, after = _place_of(page_token)
    state = OutboxState.DEAD if dead else OutboxState.PENDING
    rows: list[OutboxRow] = []
    for backend in backends:
        seq = after if backend.id == backend_id else 0
        while backend.id >= backend_id and (room := limit + 1 - len(rows)) > 0:
            found = ledger.outbox.page(backend.id, state=state, after=seq, limit=min(room, 1000))
            if not found:
                break
            rows += found
            seq = found[-1].seq
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], f"{rows[limit - 1].backend_id}.{rows[limit - 1].seq}"


def _place_of(page_token: str | None) -> tuple[int, int]:
    if page_token is None:
        return 0, 0
    backend_id, _, seq = page_token.partition(".")
    if not (_is_number(backend_id) and _is_number(seq)):
        raise InputError(
            f"there is no page {page_token[:60]!r}",
            hint="hand back what the page before said, or leave it out for the first page",
        )
    return int(backend_id), int(seq)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def command_for(place: Place, backend: RegisteredBackend) -> str | None:
    """Return the command that sends what waits for a backend; None when every session does.

    A process may have found the URL by itself, inside a pod: nobody names it then.
    """
    if any(is_meant(url, backend.url) for url in place.settings.backends):
        return None
    return f"artifact-plugins sync --backend {shlex.quote(backend.url)}"


def count_document(
    backend: RegisteredBackend, count: OutboxCount | None, command: str | None
) -> dict[str, Any]:
    """Return what waits for a backend as JSON values, and what sends it when no session does."""
    return {
        "url": backend.url,
        "command": command,
        "pending": count.pending if count else 0,
        "dead": count.dead if count else 0,
        "oldest_at": _json_time(count.oldest_at) if count else None,
        "next_at": _json_time(count.next_at) if count else None,
    }


def row_document(row: OutboxRow, urls: dict[int, str], names: dict[str, str]) -> dict[str, Any]:
    """Return a row of the outbox as JSON values."""
    return {
        "seq": row.seq,
        "backend": urls[row.backend_id],
        "kind": row.kind,
        "record_id": row.record_id,
        "name": names.get(row.record_id),
        "stream": row.stream,
        "state": row.state.value,
        "tries": row.tries,
        "next_at": _json_time(row.next_at),
        "error": row.error,
        "created_at": _json_time(row.created_at),
    }


def _json_time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _write_counts(backends: Sequence[RegisteredBackend], counts: dict[int, OutboxCount]) -> None:
    found = [(one, counts.get(one.id)) for one in backends]
    write_table(
        ("Backend", "Pending", "Dead", "Oldest (UTC)", "Next try (UTC)"),
        [
            (
                one.url,
                count.pending if count else 0,
                count.dead if count else 0,
                time_text(count.oldest_at) if count else None,
                time_text(count.next_at) if count else None,
            )
            for one, count in found
        ],
        right=("Pending", "Dead"),
        whole=("Oldest (UTC)", "Next try (UTC)"),
    )


def write_rows(rows: Sequence[OutboxRow], urls: dict[int, str], names: dict[str, str]) -> None:
    """Write rows of the outbox as a table; `seq` is what --id takes."""
    write_table(
        ("Id", "Backend", "Record", "Tries", "Next try (UTC)", "Last error"),
        [
            (
                row.seq,
                urls[row.backend_id],
                f"{row.kind} {names.get(row.record_id, row.record_id)}",
                row.tries,
                time_text(row.next_at),
                row.error,
            )
            for row in rows
        ],
        right=("Id", "Tries"),
        whole=("Next try (UTC)",),
    )


def names_of(ledger: Ledger, rows: Sequence[OutboxRow]) -> dict[str, str]:
    """Return what people call the records of a page: `flights@3`, a task's path, a run's name."""
    from artifact_plugins.records import TaskQuery, VersionQuery  # late, as above

    ids = {
        kind: tuple({row.record_id for row in rows if row.kind == kind})
        for kind in ("run", "task", "version")
    }
    names = {run_id: ledger.run(run_id).name for run_id in ids["run"]}
    if ids["task"]:
        tasks = ledger.tasks(TaskQuery(ids=ids["task"]), limit=1000)
        names |= {task.id: task.scope_path for task in tasks}
    if ids["version"]:
        query = VersionQuery(ids=ids["version"], is_deleted=None)
        names |= {one.id: str(one) for one in ledger.versions(query, limit=1000)}
    return names
