"""Session: one object that joins settings, plugins, content store and ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.runtime import Runtime
from artifact_plugins.errors import (
    MaterializerError,
    PluginError,
    SaveAbortedError,
    StoreError,
)
from artifact_plugins.ledger import Ledger
from artifact_plugins.plugins import PluginRegistry, load_plugins
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    Batch,
    PluginSnapshot,
    Run,
    Task,
)
from artifact_plugins.runtimes import make_runtime
from artifact_plugins.session.asking import Asking
from artifact_plugins.session.classes import followed
from artifact_plugins.session.committing import Committer
from artifact_plugins.session.deciding import Deciding
from artifact_plugins.session.delivering import Delivering, Delivers
from artifact_plugins.session.expecting import Expecting
from artifact_plugins.session.finding import Finding
from artifact_plugins.session.loading import Loader
from artifact_plugins.session.locating import present, say_if_deleted
from artifact_plugins.session.materializers import open_materializers
from artifact_plugins.session.own_places import own_places
from artifact_plugins.session.pinning import Pinner
from artifact_plugins.session.registering import Registrar
from artifact_plugins.session.saving import Saver, SaveRequest, Staged
from artifact_plugins.session.wanted import Selection, check_annotation
from artifact_plugins.settings import Settings
from artifact_plugins.trust import Trust

if TYPE_CHECKING:
    from concurrent.futures import Executor

_NOTHING_ELSE = Batch()
_SAVE_ATTEMPTS = 3


class Session(Asking, Delivers):
    """Saves, loads, finds, registers and curates; steps use it too.

    Attributes:
        settings: What it was opened with.
        plugins: The loaded plugins and their hooks.
        resolver: Chooses materializers, and explains how.
        store: Where bytes lie.
        ledger: Where records lie.
        runtime: What executes step calls.

    Args:
        settings: What to open.
        runtime: An executor of the caller's that runs steps instead of
            `settings.runtime`.
        is_worker: Whether it runs steps for another process: its ledger is
            only opened when a step asks for it.
        saves: Whether what the first save needs is imported now.
    """

    # What is found by filters, a page at a time: `session.versions('name == "model"')`.
    versions = Finding[ArtifactVersion]("versions")
    links = Finding[ArtifactTaskLink]("links")
    tasks = Finding[Task]("tasks")
    runs = Finding[Run]("runs")
    snapshots = Finding[PluginSnapshot]("snapshots")

    def __init__(
        self,
        settings: Settings,
        *,
        runtime: Executor | None = None,
        is_worker: bool = False,
        saves: bool = True,
    ) -> None:
        self._runtime = runtime
        self.settings = settings
        self.plugins: PluginRegistry = load_plugins(
            modules=settings.plugins, disabled=settings.disabled_plugins
        )
        renames = followed({**self.plugins.renames, **settings.renames})
        self.store: ContentStore = ContentStore.open(
            settings.store_url,
            durable=settings.is_durable,
            digest=settings.digest,
            inline_max_bytes=settings.inline_max_bytes,
            verify=settings.verify,
            load_max_bytes=settings.load_max_bytes,
        )
        self.delivering = Delivering(settings, self.plugins, self.store, is_worker=is_worker)
        self.delivering.probe()
        if not is_worker:
            _ = self._ledger
        self._readers: list[Callable[[], None]] = []
        self.materializers = materializers = open_materializers(
            settings,
            self.plugins,
            is_remote=not self.store.is_local,
            own_places=own_places(self.store.url, settings.ledger_url),
        )
        self.resolver = materializers.resolver
        trust = Trust(mode=settings.trust, pins=settings.trust_pins, home=settings.trust_home)
        self.pinner = Pinner(self.store, trust, self.plugins)
        self._committer = Committer(self.store, self.plugins, self.pinner)
        self.deciding = Deciding(
            settings, self.store, self.plugins, materializers, trust, renames=renames
        )
        self.loader = Loader(self.store, self.plugins, materializers, deciding=self.deciding)
        self.saver = Saver(
            settings,
            self.store,
            self.plugins,
            materializers,
            pinner=self.pinner,
            deciding=self.deciding,
        )
        self.expecting = Expecting(materializers, self.pinner)
        if not saves:
            return
        self.pinner.warm()
        with suppress(MaterializerError, PluginError):
            # Most runs store plain values: imported here, not in the time of a step.
            materializers.for_value(None, None, None)

    @cached_property
    def _ledger(self) -> Ledger:
        settings = self.settings
        ledger = Ledger.open(
            settings.ledger_url,
            durable=settings.is_durable,
            busy_timeout_seconds=settings.busy_timeout_seconds,
        )
        self.delivering.register(ledger)
        return ledger

    @property
    def ledger(self) -> Ledger:
        """The ledger; what runs of this session have not written yet is written first."""
        for write in self._readers:
            write()
        return self._ledger

    @property
    def committed(self) -> Ledger:
        """The ledger as it is, without what runs have not written yet."""
        return self._ledger

    def before_reading(self, write: Callable[[], None]) -> None:
        """Call `write` whenever somebody is about to look into the ledger."""
        self._readers = [*self._readers, write]

    def stop_reading(self, write: Callable[[], None]) -> None:
        """Call `write` no more."""
        self._readers = [other for other in self._readers if other != write]

    @cached_property
    def runtime(self) -> Runtime:
        """Return the runtime that the settings name."""
        return make_runtime(self._runtime or self.settings.runtime, self.plugins.runtimes)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of workers and the ledger; remove this process's private folders.

        What backends do not have yet is delivered before, as far as that is
        possible in `Settings.flush_seconds`.
        """
        if "runtime" in self.__dict__:
            self.runtime.close()
        self.delivering.close()
        if "_ledger" in self.__dict__:
            self._ledger.close()
        self.store.close()

    def save(
        self,
        value: Any,
        name: str,
        *,
        materializer: str | type | None = None,
        task: str | type | None = None,
        options: Mapping[str, Any] | None = None,
        artifact_type: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        version_name: str | None = None,
        idempotency_key: str = "",
    ) -> ArtifactVersion:
        """Save a value by hand as the next version of the artifact `name`.

        Args:
            task: Name, import path or class of an artifact task.
            options: Options of the materializer, parameters of the artifact task.
            idempotency_key: A repeat with the same key and an equal value
                returns the version of the first save.

        Raises:
            InputError, MaterializerError, StoreError, LedgerError: Nothing was
                registered; the same call can be repeated.
            BackendError: With `strict` delivery: the version is registered, and
                not at every backend yet.
        """
        request = SaveRequest(
            artifact=name,
            artifact_type=artifact_type,
            materializer=materializer,
            artifact_task=task,
            options=options,
            tags=tags,
            metadata=metadata,
            description=description,
            version_name=version_name,
            idempotency_key=idempotency_key,
        )
        # A collector without patience may take the files of a save under way.
        attempts = 1 if isinstance(value, Iterator) else _SAVE_ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                (version,) = self.commit(_NOTHING_ELSE, (self.saver.stage(value, request),))
            except SaveAbortedError:
                if attempt == attempts:
                    raise
            else:
                self.delivering.after_save(version)
                return version
        raise AssertionError("a save returns or raises")

    def commit(
        self,
        batch: Batch,
        staged: Sequence[Staged],
        *,
        durable: bool | None = None,
    ) -> tuple[ArtifactVersion, ...]:
        """Make staged values versions, in one transaction with other records.

        A lost answer is asked for once more. When the commit fails, the staged
        bytes are removed, unless it is unknown whether it failed.

        Args:
            batch: What else becomes visible with them; its `versions` stay empty.
            staged: Values whose bytes are durable.
            durable: Whether this commit is synced; None: as the ledger was opened.

        Returns:
            The versions, in the order of `staged`: the one of the first save
            where an idempotency key was committed before.

        Raises:
            LedgerError, StoreError: Nothing was registered. CommitUnknownError:
                it is unknown; the same call can be repeated.
        """
        versions = self._committer.commit(self._ledger, batch, staged, durable=durable)
        self.delivering.wake()
        return versions

    def register(
        self,
        uri: str | Path,
        name: str,
        *,
        artifact_type: str = "Artifact",
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
    ) -> ArtifactVersion:
        """Register a file or folder that already lies somewhere, without copying it.

        Its files are digested now and verified whenever it is loaded, as a
        `pathlib.Path` to where it lies. The hooks of a save are called.

        Raises:
            InputError: A name, text, tag or metadata value is not allowed, or
                the path is not Unicode text.
            ArtifactMissingError: There is nothing at `uri`.
            NotSerializableError: It holds symlinks, sockets or devices.
            StoreSchemeNotAllowedError: `uri` is not a local path or `file://` URL.
        """
        staged = Registrar(self.settings, self.store, self.plugins).stage(
            uri,
            name,
            artifact_type=artifact_type,
            tags=tags,
            metadata=metadata,
            description=description,
        )
        (version,) = self.commit(_NOTHING_ELSE, (staged,))
        self.delivering.after_save(version)
        return version

    def load(
        self,
        artifact: str | ArtifactVersion,
        *,
        version: int | None = None,
        alias: str | None = None,
        as_type: Any = Any,
        columns: Sequence[str] | None = None,
        rows: slice | None = None,
        allow_unsafe: bool = False,
    ) -> Any:
        """Load a version: the newest of a name, a numbered or aliased one, or a record's.

        Args:
            artifact: Name, `name@3`, `name@alias`, a version id, the id that a
                backend has for it (`zenml:<id there>`), or a record.
            version: Number of one of the versions of the name.
            alias: Alias of one of them.
            as_type: Type or annotation wanted; the saved type when not given.
            columns: Read only these columns of a table.
            rows: Read only these rows.
            allow_unsafe: Execute what the version brings for this one load,
                whoever wrote it; each such load is logged.

        Raises:
            InputError: `as_type` is no type, `columns` no list of names, ...
            ArtifactMissingError: There is no such version; `reason` is "deleted"
                when it was deleted, also while it was loaded.
            MaterializerError, StoreIntegrityError: See `Loader.load`.
        """
        check_annotation(as_type)
        selection = Selection(columns, rows)
        record = (
            artifact
            if isinstance(artifact, ArtifactVersion)
            else self.find(artifact, version=version, alias=alias)
        )
        record = present(self.ledger, record)
        try:
            return self.loader.load(record, as_type, selection, allow_unsafe=allow_unsafe)
        except StoreError as error:
            say_if_deleted(lambda: self.ledger, record, error)
            raise
