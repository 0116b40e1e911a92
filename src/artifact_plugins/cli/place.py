"""Where the command line looks: settings, and the session of what is already there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from artifact_plugins.errors import ArtifactMissingError

if TYPE_CHECKING:
    from artifact_plugins.ledger import Ledger
    from artifact_plugins.session import Session
    from artifact_plugins.settings import Settings

TO_DO = (
    "save with artifact_plugins.save(value, name) or run a pipeline, "
    "or name another place with --store and --ledger"
)


@dataclass(frozen=True)
class Place:
    """A store and a ledger that may not exist yet; looking at them creates nothing.

    Attributes:
        store: Overrides `Settings.store_url`.
        ledger: Overrides `Settings.ledger_url`; a plain path is a SQLite file.
        project: Overrides `Settings.project`.
    """

    store: str | None = None
    ledger: str | None = None
    project: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """The settings of the environment and pyproject.toml with the overrides.

        Raises:
            SettingsError: A setting has a value that cannot be used.
        """
        from artifact_plugins.settings import Settings  # late: `--help` needs no pydantic

        ledger = self.ledger
        if ledger is not None and "://" not in ledger:
            ledger = f"sqlite:///{ledger}"
        given = {"store_url": self.store, "ledger_url": ledger, "project": self.project}
        return Settings(**{name: value for name, value in given.items() if value is not None})

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger to read.

        Raises:
            SettingsError, StoreSchemeNotAllowedError: The URL cannot be used.
            StoreReadError: The database server does not answer.
        """
        from artifact_plugins.ledger.opening import has_ledger  # late, as above

        return has_ledger(self.settings.ledger_url)

    @property
    def has_store(self) -> bool:
        """Whether there is a store to read.

        Raises:
            InvalidKeyError, StoreSchemeNotAllowedError: The URL cannot be used.
        """
        from artifact_plugins.content.urls import parse_store_url  # late, as above

        location = parse_store_url(self.settings.store_url)
        return location.kind != "local" or any(
            (Path(location.name) / part).exists() for part in ("store.json", "versions")
        )

    @property
    def _is_bucket(self) -> bool:
        from artifact_plugins.content.urls import parse_store_url  # late, as above

        return parse_store_url(self.settings.store_url).kind not in ("local", "memory")

    def open_ledger(self) -> Ledger:
        """Open the ledger alone: reading records needs no store and no plugin.

        Raises:
            ArtifactMissingError: There is no ledger.
        """
        if not self.has_ledger:
            raise ArtifactMissingError(self.emptiness, hint=TO_DO)
        from artifact_plugins.ledger import Ledger  # late, as above

        settings = self.settings
        return Ledger.open(
            settings.ledger_url,
            durable=settings.is_durable,
            busy_timeout_seconds=settings.busy_timeout_seconds,
        )

    def open(self, *, needs_store: bool = False, backends: Sequence[str] | None = None) -> Session:
        """Open a session on what exists.

        Without a store, or without need of the bucket that it is, the session
        has an empty store in memory: records can be read and changed while the
        bucket is away. So they can while a backend is away: what changes is
        delivered for `Settings.flush_seconds`, and the rest stays.

        Args:
            needs_store: Whether bytes are read or written.
            backends: Instead of those of the settings, by a command that says
                itself how long it delivers.

        Raises:
            ArtifactMissingError: There is no ledger, or no store.
        """
        if not self.has_ledger or (needs_store and not self.has_store):
            raise ArtifactMissingError(self.emptiness, hint=TO_DO)
        from artifact_plugins.session import Session  # late: `--help` needs no SQL

        settings = self.settings.model_copy(update={"delivery": "background"})
        if backends is not None:
            own = {"backends": tuple(backends), "flush_seconds": 0.0}
            settings = settings.model_copy(update=own)
        if not self.has_store or (self._is_bucket and not needs_store):
            settings = settings.model_copy(update={"store_url": "memory://no-store"})
        return Session(settings, saves=False)

    @property
    def emptiness(self) -> str:
        """What is missing, as a sentence."""
        missing = "store" if self.has_ledger else "ledger"
        url = self.settings.store_url if self.has_ledger else self.settings.ledger_url
        return f"there is no {missing} at {url!r}, so nothing is saved there yet"
