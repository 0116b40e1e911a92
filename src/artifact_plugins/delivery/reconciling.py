"""Compares what was delivered with what a backend still has, and enqueues what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from artifact_plugins.contracts.backend import Backend, RecordKind
from artifact_plugins.delivery.notes import UNSUPPORTED
from artifact_plugins.delivery.status import Reconciled
from artifact_plugins.errors import ArtifactMissingError
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import TaskQuery, VersionQuery, every, version_stream

_PAGE = 100
_KINDS: tuple[RecordKind, ...] = ("run", "task", "version")


def reconcile(
    name: str,
    backend: Backend,
    ledger: Ledger,
    backend_id: int,
    *,
    dry_run: bool = False,
    progress: Callable[[Reconciled], None] | None = None,
) -> Reconciled:
    """Enqueue what a backend has lost or never got; see `Deliverer.reconcile`."""
    outbox = ledger.outbox
    compared = 0
    lost: dict[str, int] = {}
    for kind in _KINDS:
        after = ""
        while page := outbox.external_page(backend_id, kind, after=after, limit=_PAGE):
            after = page[-1][0]
            noted = {key: value for key, value in page if set(value) - {UNSUPPORTED}}
            missing = [key for key in backend.missing(kind, noted) if key in noted] if noted else []
            if missing:
                if not dry_run:
                    # Enqueued first: a crash in between sends a record that is there once more.
                    outbox.enqueue(backend_id, _entries(ledger, kind, missing))
                    outbox.forget(backend_id, kind, missing)
                lost[kind] = lost.get(kind, 0) + len(missing)
            compared += len(noted)
            if progress is not None:
                progress(Reconciled(name=name, compared=compared, lost=dict(lost), unsent=0))
    unsent = 0 if dry_run else outbox.enqueue_all(backend_id, only_unknown=True)
    return Reconciled(name=name, compared=compared, lost=lost, unsent=unsent)


def _entries(
    ledger: Ledger, kind: RecordKind, keys: Sequence[str]
) -> list[tuple[str, RecordKind, str]]:
    """Return the rows of lost records; what the ledger does not have either is left out."""
    wanted = tuple(keys)
    if kind == "run":
        return [(key, kind, key) for key in wanted if _has_run(ledger, key)]
    if kind == "task":
        tasks = every(ledger.tasks, TaskQuery(ids=wanted))
        return [(task.run_id, kind, task.id) for task in tasks]
    versions = every(ledger.versions, VersionQuery(ids=wanted, is_deleted=None))
    return [
        (version_stream(version.run_id, version.project, version.artifact), kind, version.id)
        for version in versions
    ]


def _has_run(ledger: Ledger, run_id: str) -> bool:
    try:
        return ledger.run(run_id).id == run_id
    except ArtifactMissingError:
        return False
