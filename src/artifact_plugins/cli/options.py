"""The options that every command takes, before or after its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from artifact_plugins.cli.place import Place

Function = Callable[..., Any]


def place_options(function: Function) -> Function:
    """Add `--store`, `--ledger` and `--project`."""
    for option in (
        click.option("--project", metavar="NAME", help="Namespace of names and runs."),
        click.option("--ledger", metavar="URL", help="Ledger: a SQLite file or sqlite:///path."),
        click.option("--store", metavar="URL", help="Content store: a folder or file:// URL."),
    ):
        function = option(function)
    return function


def json_option(function: Function) -> Function:
    """Add `--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Write JSON to stdout, and nothing else."
    )(function)


def page_options(function: Function) -> Function:
    """Add `--limit` and `--page-token`."""
    function = click.option(
        "--page-token", metavar="TOKEN", help="Go on where the page before ended."
    )(function)
    return click.option(
        "--limit",
        type=click.IntRange(1, 1000),
        default=20,
        show_default=True,
        help="Most rows to show.",
    )(function)


def filter_options(function: Function) -> Function:
    """Add `--where` and `--order-by`."""
    function = click.option(
        "--order-by", metavar="KEYS", help="Fields or metadata keys; - is descending."
    )(function)
    return click.option(
        "--where", metavar="EXPR", help="Only what a filter holds for, as in Python."
    )(function)


def command(name: str) -> Callable[[Function], click.Command]:
    """Make a command whose function gets a `place` and `as_json` before its own arguments."""

    def decorate(function: Function) -> click.Command:
        @click.pass_context
        def call(context: click.Context, /, **given: Any) -> Any:
            place = place_of(context, **{key: given.pop(key) for key in _PLACE})
            return function(place, **given)

        call.__doc__ = function.__doc__
        # click keeps the options declared so far on the function itself.
        call.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own name
        return click.command(name)(json_option(place_options(call)))

    return decorate


_PLACE = ("store", "ledger", "project")


def place_of(context: click.Context, **given: str | None) -> Place:
    """Return the place that the options name; those after the command's name win."""
    outer: dict[str, str | None] = context.find_object(dict) or {}
    return Place(**{key: given[key] or outer.get(key) for key in _PLACE})
