"""Staged values become versions: one transaction, and what happens to their bytes otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins.errors import ArtifactPluginsError, CommitUnknownError
from artifact_plugins.ledger import Ledger
from artifact_plugins.plugins import PluginRegistry
from artifact_plugins.records import ArtifactVersion, Batch, Task, VersionQuery
from artifact_plugins.session.saving import Staged


def commit(
    ledger: Ledger,
    plugins: PluginRegistry,
    batch: Batch,
    staged: Sequence[Staged],
    *,
    durable: bool | None,
) -> tuple[ArtifactVersion, ...]:
    """Commit staged values with other records; see `Session.commit`."""
    drafts = tuple([item.draft for item in staged])
    whole = Batch(batch.runs, batch.tasks, drafts, batch.links, batch.cache)
    try:
        versions = ledger.write(whole, durable=durable)
    except CommitUnknownError:
        # The keys make the repeat safe. Whatever it raises, the first attempt
        # may have been committed, and then the bytes belong to a version.
        versions = ledger.write(whole, durable=durable)
    except ArtifactPluginsError:
        for item in staged:
            item.discard()
        raise
    except BaseException:
        _discard_uncommitted(ledger, staged)
        raise
    new = []
    for item, version in zip(staged, versions, strict=True):
        if version.id == item.draft.version.id:
            new.append(version)
        else:
            item.discard()  # its key was committed before: the new bytes are nobody's
    if new and plugins.listens("after_artifact_saved"):
        tasks = {task.id: task for task in batch.tasks}
        for version in new:
            task = tasks.get(version.task_id or "") or _task_of(ledger, version)
            plugins.call("after_artifact_saved", version=version, task=task)
    return versions


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
