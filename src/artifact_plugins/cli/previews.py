"""Previews and loaded values as plain text, never longer than a few screens."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifact_plugins.records import Preview

TEXT_MAX = 20_000
ITEMS_MAX = 20


def preview_text(preview: Preview) -> str:
    """Return a stored preview as text; of a picture, only what it is."""
    if preview.kind == "png":
        return f"a PNG picture of {len(preview.content) * 3 // 4} bytes; --json holds it"
    if preview.kind == "html":
        parser = _TextOfHtml()
        parser.feed(preview.content)
        parser.close()
        return cut(parser.text())
    return cut(preview.content)


def value_text(value: Any, *, width: int) -> str:
    """Return a loaded value as text; of an iterator, its first items."""
    if isinstance(value, Iterator):
        items = list(islice(value, ITEMS_MAX))
        lines = [value_text(item, width=width) for item in items]
        if next(value, None) is not None:
            lines.append(f"... the first {ITEMS_MAX} items")
        return cut("\n".join(lines) or "an iterator without items")
    if isinstance(value, str):
        return cut(value)
    from rich.pretty import pretty_repr  # late: text needs no rich

    if hasattr(value, "shape"):
        return cut(str(value))  # tables and arrays print themselves, with dots in the middle
    return cut(
        pretty_repr(value, max_width=width, max_length=ITEMS_MAX, max_string=1000, max_depth=8)
    )


def cut(text: str) -> str:
    """Return at most the first 20,000 characters, and say so."""
    if len(text) <= TEXT_MAX:
        return text
    return f"{text[:TEXT_MAX]}\n... {len(text) - TEXT_MAX} more characters"


class _TextOfHtml(HTMLParser):
    """Keeps the text of a page: a line for each row or paragraph, `|` between cells."""

    _SILENT = ("style", "script", "head")
    _LINES = ("tr", "p", "div", "li", "br", "table", "h1", "h2", "h3", "pre")

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._silent = 0

    def text(self) -> str:
        """Return the lines that hold anything."""
        lines = "".join(self._parts).splitlines()
        return "\n".join(line.strip().strip("|").strip() for line in lines if line.strip(" |"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self._SILENT
        if tag in self._LINES:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self._SILENT and self._silent > 0
        if tag in ("td", "th"):
            self._parts.append(" | ")
        elif tag in self._LINES:
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._parts.append(" ".join(data.split()))
