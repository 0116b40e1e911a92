"""Which backends a command is about: `--backend`, the settings, and what the ledger knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from artifact_plugins.errors import InputError

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.records import RegisteredBackend
    from artifact_plugins.settings import Settings

Function = Callable[..., Any]


def backend_option(function: Function) -> Function:
    """Add `--backend`."""
    return click.option(
        "--backend",
        "wanted",
        metavar="URL|SYSTEM",
        multiple=True,
        help="Only this backend, or those of this system; may be repeated.",
    )(function)


def known_backends(ledger: Ledger, wanted: Sequence[str]) -> tuple[RegisteredBackend, ...]:
    """Return the backends that the ledger keeps an outbox for; no plugin is needed.

    Args:
        wanted: URLs, or systems (`zenml`) for all of their backends; empty: all.

    Raises:
        InputError: The ledger knows no such backend.
        SettingsError: It is a URL that no backend can have.
    """
    known = ledger.registered_backends()
    found: set[int] = set()
    for text in wanted:
        meant = {one.id for one in known if is_meant(text, one.url)}
        if not meant:
            raise _unknown(text, [one.url for one in known])
        found |= meant
    return tuple(one for one in known if not wanted or one.id in found)


def urls_to_open(
    settings: Settings, known: Sequence[str], wanted: Sequence[str]
) -> tuple[str, ...]:
    """Return the URLs of the backends to connect to: those of the settings, or the wanted ones.

    A URL of the settings is preferred to the same one in the ledger: it may
    say where the credentials are.

    Args:
        settings: Whose `backends` are meant by default.
        known: URLs in the ledger.
        wanted: URLs, or systems for all of their backends.

    Raises:
        InputError: Neither the settings nor the ledger know such a system.
        SettingsError: It is a URL that no backend can have.
    """
    if not wanted:
        return settings.backends
    urls: dict[str, str] = {}
    for text in wanted:
        meant = [url for url in (*settings.backends, *known) if is_meant(text, url)]
        if not meant and "://" not in text:
            raise _unknown(text, [*settings.backends, *known])
        for url in meant or [text]:
            urls.setdefault(identity(url), url)
    return tuple(urls.values())


def identity(url: str) -> str:
    """Return the spelling by which the ledger knows a backend."""
    from artifact_plugins.transport import BackendUrl  # late: most commands have no backend

    return BackendUrl.parse(url).identity


def is_meant(text: str, url: str) -> bool:
    """Tell whether a URL or the name of a system means a backend."""
    if "://" not in text:
        return url.partition("+")[0] == text.lower()
    return identity(text) == identity(url)


def _unknown(text: str, known: Sequence[str]) -> InputError:
    # A URL is repeated as the ledger would spell it: without credentials, or refused for them.
    shown = identity(text) if "://" in text else text
    there_are = (
        f"there are {', '.join(dict.fromkeys(map(identity, known)))}" if known else "none is known"
    )
    return InputError(f"there is no backend {shown!r}", hint=f"{there_are}; nothing was changed")
