"""Staged values become versions: one transaction, and what happens to their bytes otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import ArtifactPluginsError, CommitUnknownError
from artifact_plugins.ledger import Ledger
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.records import ArtifactVersion, Batch, Task, VersionDraft, VersionQuery
from artifact_plugins.session.pinning import Pinner
from artifact_plugins.session.saving import Staged


class Committer:
    """Commits for one session and remembers what its ledger and store know of each other."""

    def __init__(self, store: ContentStore, plugins: PluginRegistry, pinner: Pinner) -> None:
        self._store = store
        self._plugins = plugins
        self._pinner = pinner
        self._is_registered = False
        # Snapshots that this process has committed; None is what is pinned to nothing.
        self._pinned: set[str | None] = {None}

    def commit(
        self, ledger: Ledger, batch: Batch, staged: Sequence[Staged], *, durable: bool | None
    ) -> tuple[ArtifactVersion, ...]:
        """Commit staged values with other records; see `Session.commit`."""
        drafts = tuple([item.draft for item in staged])
        new_pins = {draft.version.plugin_snapshot for draft in drafts} - self._pinned
        try:
            if not self._is_registered:
                self._register_ledger(ledger, drafts)
            if new_pins:
                drafts = self._with_snapshots(drafts, new_pins)
        except ArtifactPluginsError:
            for item in staged:
                item.discard()
            raise
        whole = Batch(batch.runs, batch.tasks, drafts, batch.links, batch.cache)
        versions = _written(ledger, whole, staged, durable=durable)
        self._pinned |= new_pins
        new = []
        for item, version in zip(staged, versions, strict=True):
            if version.id == item.draft.version.id:
                new.append(version)
            else:
                item.discard()  # its key was committed before: the new bytes are nobody's
        if new and self._plugins.listens("after_artifact_saved"):
            tasks = {task.id: task for task in batch.tasks}
            for version in new:
                task = tasks.get(version.task_id or "") or _task_of(ledger, version)
                self._plugins.call("after_artifact_saved", version=version, task=task)
        return versions

    def _with_snapshots(
        self, drafts: tuple[VersionDraft, ...], wanted: set[str | None]
    ) -> tuple[VersionDraft, ...]:
        """Hand the ledger each snapshot with the versions that are the first pinned to it."""
        return tuple(
            [
                replace(draft, snapshot=self._pinner.recorded(snapshot_id))
                if (snapshot_id := draft.version.plugin_snapshot) in wanted and snapshot_id
                else draft
                for draft in drafts
            ]
        )

    def _register_ledger(self, ledger: Ledger, drafts: tuple[VersionDraft, ...]) -> None:
        """Note in the store which ledger will know the versions, before it does."""
        if all(draft.version.manifest_digest is None for draft in drafts):
            return
        identity = ledger.identity()
        if identity is not None:
            self._store.register_ledger(identity)
        self._is_registered = True


def _written(
    ledger: Ledger, whole: Batch, staged: Sequence[Staged], *, durable: bool | None
) -> tuple[ArtifactVersion, ...]:
    try:
        return ledger.write(whole, durable=durable)
    except CommitUnknownError:
        # The keys make the repeat safe. Whatever it raises, the first attempt
        # may have been committed, and then the bytes belong to a version.
        return ledger.write(whole, durable=durable)
    except ArtifactPluginsError:
        for item in staged:
            item.discard()
        raise
    except BaseException:
        _discard_uncommitted(ledger, staged)
        raise


def _task_of(ledger: Ledger, version: ArtifactVersion) -> Task | None:
    """Return a task that was recorded before its version: `log_artifact` in a step."""
    return ledger.task(version.task_id) if version.task_id is not None else None


def _discard_uncommitted(ledger: Ledger, staged: Sequence[Staged]) -> None:
    """An interrupt or a signal handler may come right after the commit: look first."""
    for item in staged:
        try:
            query = VersionQuery(ids=(item.draft.version.id,), is_deleted=None)
            found = ledger.versions(query, limit=1)
        except ArtifactPluginsError:
            return  # nobody can tell: garbage is better than a version without bytes
        if not len(found):
            item.discard()
