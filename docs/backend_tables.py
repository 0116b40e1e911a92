"""The tables of backends.md: what each backend can do, and every operation of the four systems."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from backend_limits import ROWS as LIMITS

from artifact_plugins.contracts.backend import Backend, BackendOperation
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.plugins import load_plugins

FOLDER = Path(__file__).parent
SYSTEMS = ("kfp", "zenml", "dioptra", "mlte")
_MARKS = "<!-- Written by docs/generate.py of {}: -->\n", "\n<!-- end of {} -->"


def backends_page() -> str:
    """Return backends.md with its tables written anew."""
    text = (FOLDER / "backends.md").read_text(encoding="utf-8")
    text = _replaced(text, "the offers", _offers())
    text = _replaced(text, "backend_limits.py", _limits())
    text = _replaced(text, "the code", "\n\n".join(_abilities(cls) for cls in backend_classes()))
    return _replaced(text, "operations.toml", _operations())


def backend_classes() -> list[type[Backend]]:
    """Return the backends that come with the library."""
    offers = load_plugins().backends
    return [load_target(offers[scheme].target) for scheme in SYSTEMS]


def _offers() -> str:
    lines = ["| system | URL | options | credentials | plugin |", "|---|---|---|---|---|"]
    offers = load_plugins().backends
    for scheme, cls in zip(SYSTEMS, backend_classes(), strict=True):
        offer = offers[scheme]
        options = ", ".join(f"`{name}`" for name in offer.options or ())
        names = (f"ARTIFACT_PLUGINS_{scheme}_{field}".upper() for field in offer.credentials)
        variables = ", ".join(f"`{name}`" for name in names)
        url, plugin = f"`{scheme}+https://host`", f"`integrations.{scheme}`"
        lines.append(f"| {cls.system} | {url} | {options} | {variables} | {plugin} |")
    return "\n".join(lines)


def _limits() -> str:
    lines = ["| system | what | at most | beyond that |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in LIMITS)])


def operation_rows() -> list[dict[str, Any]]:
    """Return the rows of operations.toml."""
    rows: list[dict[str, Any]]
    rows = tomllib.loads((FOLDER / "operations.toml").read_text(encoding="utf-8"))["row"]
    return rows


def _abilities(cls: type[Backend]) -> str:
    lines = [f"### {cls.system}\n", "| operation | | how, or why not |", "|---|---|---|"]
    for operation in BackendOperation:
        ability = cls.abilities[operation]
        mark = "yes" if ability.is_supported else "no"
        lines.append(f"| {operation.value} | {mark} | {_cell(ability.how)} |")
    return "\n".join(lines)


def _operations() -> str:
    lines = [
        "| system | operation | here | result on the server | test |",
        "|---|---|---|---|---|",
    ]
    for row in operation_rows():
        name, _, route = row["operation"].partition(" — ")
        test = f"`{row['test'].rpartition('::')[2]}`"
        cells = (row["system"], f"{name}: `{route}`", row["ours"], row["result"], test)
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines)


def _replaced(text: str, source: str, table: str) -> str:
    begin, end = (mark.format(source) for mark in _MARKS)
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
