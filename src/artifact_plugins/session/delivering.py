"""A session and its backends: what is committed reaches them; what they have can be loaded."""

from __future__ import annotations

import threading
from abc import ABC
from functools import cached_property
from typing import TYPE_CHECKING, Any

from artifact_plugins.content import ContentStore
from artifact_plugins.content.names import is_id, version_prefix
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.errors import (
    ArtifactMissingError,
    BackendContractError,
    BackendError,
    BackendUnavailableError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.records import (
    ArtifactVersion,
    OutboxRow,
    OutboxState,
    SaveType,
    version_stream,
)
from artifact_plugins.settings import Settings

if TYPE_CHECKING:
    from artifact_plugins.delivery import Backends, Deliverer

_IN_MEMORY = ("", "/", "/:memory:")
# As many rows as `Deliverer.undelivered` returns of a stream.
_MOST = 100


class Delivering:
    """Joins one session to the backends of its settings; without any it does nothing.

    Args:
        settings: Of the session.
        plugins: Who offers backends.
        store: Where the bytes are.
        is_worker: Whether another process delivers what is committed here.
    """

    def __init__(
        self, settings: Settings, plugins: PluginRegistry, store: ContentStore, *, is_worker: bool
    ) -> None:
        self._settings = settings
        self._urls = _located(settings.backends, plugins)
        self._plugins = plugins
        self._store = store
        self._is_worker = is_worker
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._owns_ledger = False
        self._ids: dict[str, int] = {}
        self._deliverer: Deliverer | None = None
        self.delivers = False

    @cached_property
    def backends(self) -> Backends:
        """The backends of the settings by name, made when they are asked for."""
        from artifact_plugins.delivery import open_backends  # late: most sessions have none

        return open_backends(
            self._urls,
            self._plugins.backends,
            timeout_seconds=self._settings.backend_timeout_seconds,
        )

    def probe(self) -> None:
        """Look at the URLs, and with `strict` delivery whether every backend is there.

        Raises:
            SettingsError: A URL cannot be used.
            BackendError, PluginError: A backend cannot be used; nothing was opened.
        """
        if not self._urls:
            return
        backends = self.backends
        if self._settings.delivery == "strict" and not self._is_worker:
            try:
                for backend in backends.values():
                    backend.probe()
            except BaseException:
                for line in backends.each():
                    line.close()
                raise

    def register(self, ledger: Ledger) -> None:
        """Have a ledger leave what it commits from now on for the backends."""
        if not self._urls or ledger.is_read_only:
            return
        from artifact_plugins.delivery import registered_ids  # late: as above

        self._ids = registered_ids(self.backends, ledger)
        ledger.deliver_to(tuple(self._ids.values()))
        if self._is_worker:
            return
        # One of its own: threads that deliver may outlive the session for a moment.
        kind, _, place = self._settings.ledger_url.partition("://")
        self._owns_ledger = kind != "sqlite" or place not in _IN_MEMORY
        self._ledger = self._opened_again() if self._owns_ledger else ledger
        self.delivers = True

    def deliverer(self, ledger: Ledger) -> Deliverer:
        """Return what delivers; made at first use.

        Args:
            ledger: Of the session; the deliverer has one of its own when there
                are backends.
        """
        with self._lock:
            if self._deliverer is None:
                from artifact_plugins.delivery import Deliverer  # late: as above

                listens = self._plugins.listens("after_delivery")
                self._deliverer = Deliverer(
                    self._ledger or ledger,
                    self._store,
                    self.backends,
                    backend_ids=self._ids,
                    owns_ledger=self._owns_ledger,
                    flush_seconds=self._settings.flush_seconds,
                    watch=self._tell if listens else None,
                )
            return self._deliverer

    def wake(self) -> None:
        """Say that something was committed or edited; nothing is waited for."""
        if self.delivers:
            (self._deliverer or self.deliverer(self._own())).wake()

    def after_save(self, version: ArtifactVersion) -> None:
        """Wait for the delivery of a save outside of a run, where the settings want it.

        Raises:
            BackendError: With `strict`: it is committed, and not everywhere yet.
        """
        if self.delivers and self._settings.delivery != "background":
            stream = version_stream(version.run_id, version.project, version.artifact)
            error = self._settled(stream, f"{version} is committed", version.id)
            if error is not None:
                raise error

    def after_run(self, run_id: str) -> BackendError | None:
        """Wait for the delivery of a run that ended, where the settings want it.

        Returns:
            With `strict`: what is not delivered and why.
        """
        if not self.delivers or self._settings.delivery == "background":
            return None
        return self._settled(run_id, f"run {run_id} is committed whole", None)

    def close(self) -> None:
        """Deliver what can be delivered in `Settings.flush_seconds`; the rest stays."""
        if self._deliverer is not None:
            self._deliverer.close()
        elif "backends" in self.__dict__:
            for line in self.backends.each():
                line.close()
        if self._deliverer is None and self._owns_ledger:
            self._own().close()
        self.delivers = False

    def remote(self, reference: str, ledger: Ledger) -> ArtifactVersion | None:
        """Return the record of `zenml:<id there>`; None for what names no backend.

        What the ledger knows of the version counts. Of a record that only the
        backend has, the URI is never used: its value is in the record itself, or
        in the own store under its id. It is trusted like any stranger's.

        Raises:
            BackendError: The backend cannot be asked.
            ArtifactMissingError: It has no such version, or none of ours, or its
                bytes are neither in the record nor in the store.
        """
        if not self._urls:
            return None
        named = self.backends.named(reference)
        if named is None:
            return None
        name, external_id = named
        found = self.backends[name].version(external_id)
        if found.record is None:
            raise ArtifactMissingError(
                f"version {external_id!r} of {name} was not registered by this library",
                hint="there is no manifest to check it by; nothing was opened",
            )
        try:
            return ledger.version(found.record.id)
        except ArtifactMissingError:
            return self._reachable(found.record, name, external_id)

    def _reachable(self, record: ArtifactVersion, name: str, external_id: str) -> ArtifactVersion:
        if record.save_type is not SaveType.PREEXISTING:
            if record.uri.startswith("data:") and record.manifest_digest is None:
                return record
            if is_id(record.id) and record.manifest_digest is not None:
                uri = f"{self._store.url.rstrip('/')}/{version_prefix(record.id)}"
                here = record.model_copy(update={"uri": uri})
                if self._store.has(here):
                    return here
        raise ArtifactMissingError(
            f"version {external_id!r} of {name} is {record}, whose bytes are not in this store",
            hint="the URI that the backend names is not opened; use the store that it was saved to",
            version_id=record.id,
        )

    def _opened_again(self) -> Ledger:
        settings = self._settings
        return Ledger.open(
            settings.ledger_url,
            durable=settings.is_durable,
            busy_timeout_seconds=settings.busy_timeout_seconds,
        )

    def _own(self) -> Ledger:
        assert self._ledger is not None
        return self._ledger

    def _tell(self, backend: str, kind: str, record_id: str, error: BaseException | None) -> None:
        self._plugins.call(
            "after_delivery", backend=backend, kind=kind, record_id=record_id, error=error
        )

    def _settled(self, stream: str, safe: str, version_id: str | None) -> BackendError | None:
        deliverer = self.deliverer(self._own())
        seconds = self._settings.flush_seconds
        left = deliverer.settle([stream], seconds, stops_at_failure=True)
        if self._settings.delivery != "strict":
            return None
        for name, rows in left.items():
            ours = [
                row
                for row in rows
                if row.state is OutboxState.PENDING or version_id in (None, row.record_id)
            ]
            if ours:
                return _undelivered(name, ours, safe, deliverer.last_error(name))
        return None


class Delivers(ABC):
    """The part of `Session` that is about backends."""

    delivering: Delivering
    _ledger: Any

    @property
    def backends(self) -> Backends:
        """The backends by name, to read from: `session.backends["zenml"].versions(...)`.

        A name is the scheme of the URL; of several with one scheme it is
        `scheme@host`. Each is imported and made when it is first asked for.
        """
        return self.delivering.backends

    @property
    def deliverer(self) -> Deliverer:
        """What delivers to the backends: `flush`, `sync`, `reconcile`, `status`."""
        return self.delivering.deliverer(self._ledger)


def _undelivered(
    name: str, rows: list[OutboxRow], safe: str, cause: BaseException | None
) -> BackendError:
    """Return the error of the backend, with what is safe and what is not delivered."""
    from artifact_plugins.delivery.redacting import redacted  # late: as above

    dead = sum(row.state is OutboxState.DEAD for row in rows)
    texts = [row.error for row in rows if row.error]
    kind: type[BackendError] = BackendUnavailableError
    facts: dict[str, Any] = {}
    why = texts[0] if texts else "it did not answer in time, or another process sends it"
    if isinstance(cause, BackendError):
        kind, facts, why = type(cause), cause.context, redacted(cause.message)
    elif cause is not None:
        kind = BackendContractError
    count = f"{_MOST} or more records" if len(rows) >= _MOST else f"{len(rows)} records"
    given_up = f", {dead} of them were given up (`artifact-plugins replay`)" if dead else ""
    # Without a cause: it is the same error, and what a server repeats is taken out here.
    return kind(
        f"{safe}, and not yet at backend {name}: {why}",
        hint=f"bytes and records are safe in store and ledger; {count} wait for {name}{given_up}; "
        "the next process or `artifact-plugins sync` sends them",
        **{**facts, "backend": name, "undelivered": len(rows)},
    )


def _located(urls: tuple[str, ...], plugins: PluginRegistry) -> tuple[str, ...]:
    """Return the URLs of the settings, completed by what this process runs inside of."""
    for scheme, offer in plugins.backends.items():
        if offer.locate is not None:
            own = [url for url in urls if url.startswith(f"{scheme}+")]
            found = load_target(offer.locate)(tuple(own))
            urls = (*(url for url in urls if url not in own), *found)
    return urls
