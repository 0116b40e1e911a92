"""The options that every command takes, before or after its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.cli.place import Place

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.ledger.reading import KindName
    from artifact_plugins.records import Page

Function = Callable[..., Any]


def place_options(function: Function) -> Function:
    """Add `--store`, `--ledger` and `--project`."""
    for option in (
        click.option("--project", metavar="NAME", help="Namespace of names and runs."),
        click.option("--ledger", metavar="URL", help="Ledger: a SQLite file or postgresql://..."),
        click.option("--store", metavar="URL", help="Content store: a folder or bucket URL."),
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of a search say."""

    where: str | None
    order_by: str | None
    limit: int
    page_token: str | None

    @property
    def is_filter(self) -> bool:
        """Whether a filter or an order is asked for, which needs SQLAlchemy."""
        return self.where is not None or self.order_by is not None

    def page(
        self, place: Place, ledger: Ledger, kind: KindName, **wanted: tuple[str, str | None]
    ) -> Page[Any]:
        """Return a page of what the filter holds for.

        Args:
            wanted: Further filters with the value that they name; without one
                a filter does not count.
        """
        asked = {name: pair for name, pair in wanted.items() if pair[1] is not None}
        return ledger.search(
            kind,
            [self.where or "", *(text for text, _ in asked.values())],
            order_by=self.order_by,
            limit=self.limit,
            page_token=self.page_token,
            project=place.settings.project,
            values={name: value for name, (_, value) in asked.items()},
        )


def search_options(function: Function) -> Function:
    """Add `--where`, `--order-by`, `--limit` and `--page-token`, given as one `search`."""

    @wraps(function)
    def call(
        *args: Any,
        where: str | None,
        order_by: str | None,
        limit: int,
        page_token: str | None,
        **given: Any,
    ) -> Any:
        return function(*args, search=Asked(where, order_by, limit, page_token), **given)

    with_order = click.option(
        "--order-by", metavar="KEYS", help="Fields or metadata keys; - is descending."
    )(page_options(call))
    return click.option(
        "--where", metavar="EXPR", help="Only what a filter holds for, as in Python."
    )(with_order)


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
