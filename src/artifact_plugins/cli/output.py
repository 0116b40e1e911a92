"""What a command prints: JSON for programs, tables for people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artifact_plugins.cli.escaping import escaped
from artifact_plugins.cli.place import TO_DO, Place

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console, RenderableType

    from artifact_plugins.records import Page

# Without a terminal nothing is known about a width: wide enough for whole rows.
_WIDTH_WITHOUT_TERMINAL = 200


def write_json(document: Any) -> None:
    """Write one JSON document; other characters than ASCII are escaped."""
    print(json.dumps(document, indent=2, default=str))


def write_text(text: str) -> None:
    """Write lines of text, escaped."""
    print(escaped(text, keep_lines=True))


def record_json(record: BaseModel, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """Return a record as JSON values."""
    return record.model_dump(mode="json", exclude=set(without))


def write_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Collection[str] = (),
    whole: Collection[str] = (),
) -> None:
    """Write a table.

    Nothing is cut off: cells fold into lines when the terminal is narrow.

    Args:
        columns: Headings.
        rows: Cells; None is an empty one.
        right: Headings of columns of numbers, which never fold.
        whole: Headings of other columns that never fold.
    """
    from rich.box import SIMPLE_HEAD  # late: JSON needs no rich
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for heading in columns:
        table.add_column(
            heading,
            justify="right" if heading in right else "left",
            overflow="fold",
            no_wrap=heading in right or heading in whole,
            min_width=min(len(heading), 12),
        )
    for row in rows:
        table.add_row(*(Text("" if cell is None else escaped(str(cell))) for cell in row))
    _write(table)


def write_fields(fields: Mapping[str, object]) -> None:
    """Write names and values in two columns; values that are None or empty are left out."""
    from rich.table import Table  # late: JSON needs no rich
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        if value not in (None, "", (), [], {}):
            table.add_row(name, Text(escaped(str(value))))
    _write(table)


def write_heading(text: str) -> None:
    """Write a heading after an empty line."""
    from rich.text import Text  # late: JSON needs no rich

    print()
    _write(Text(escaped(text), style="bold"))


def write_page(name: str, page: Page[Any], *, without: Iterable[str] = ()) -> None:
    """Write a page of records as one JSON document."""
    rows = [record_json(record, without=without) for record in page]
    write_json({name: rows, "next_page_token": page.next_token})


def write_nothing(place: Place, *names: str, as_json: bool) -> None:
    """Write that there is no ledger yet, or empty lists by these names."""
    if as_json:
        write_json({**{name: [] for name in names}, "next_page_token": None})
    else:
        write_text(f"{place.emptiness}; {TO_DO}")


def write_more(next_token: str | None) -> None:
    """Say how to get the next page, if there is one."""
    if next_token is not None:
        print(f"\nmore: repeat the command with --page-token {escaped(next_token)}")


def _write(renderable: RenderableType) -> None:
    console = _console()
    with console.capture() as captured:
        console.print(renderable)
    # Cells are padded to the width of their column; nobody wants that in a file.
    for line in captured.get().splitlines():
        print(line.rstrip())


def _console() -> Console:
    """Return a console on stdout; names are never taken for markup."""
    from rich.console import Console  # late: JSON needs no rich

    is_terminal = sys.stdout.isatty()
    width = None if is_terminal or "COLUMNS" in os.environ else _WIDTH_WITHOUT_TERMINAL
    return Console(markup=False, highlight=False, emoji=False, width=width)
