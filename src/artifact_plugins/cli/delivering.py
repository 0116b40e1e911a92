"""The session of a command that delivers: what a place has, and the backends that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from artifact_plugins.cli.chosen_backends import urls_to_open
from artifact_plugins.cli.place import Place
from artifact_plugins.errors import InputError

if TYPE_CHECKING:
    from artifact_plugins.session import Session


@contextmanager
def open_to_deliver(place: Place, wanted: Sequence[str]) -> Iterator[Session]:
    """Open a session whose deliverer has the backends; nothing is sent yet.

    Args:
        place: Whose ledger and store.
        wanted: What `--backend` says; empty: the backends of the settings.

    Raises:
        ArtifactMissingError: There is no ledger or no store.
        InputError: No backend is named, or an unknown one.
        SettingsError: A URL cannot be used, or no plugin offers such a backend.
    """
    with place.open_ledger() as ledger:
        known = [one.url for one in ledger.registered_backends()]
    urls = urls_to_open(place.settings, known, wanted)
    if not urls:
        kept = f"; the ledger keeps records for {', '.join(known)}" if known else ""
        raise InputError(
            f"no backend is named{kept}",
            hint="name it with --backend, in Settings.backends or in ARTIFACT_PLUGINS_BACKENDS",
        )
    with place.open(needs_store=True, backends=urls) as session:
        yield session
