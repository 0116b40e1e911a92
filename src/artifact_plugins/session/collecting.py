"""The collector: gives up what the trash held long enough, and what no save finished.

Safe beside savers and other collectors, whatever their clocks say: the ledger
says of every id once and for all whether it was committed or aborted. Nothing
is removed that it did not give up first. A kill at any moment leaves work for
the next collector, and no version without its bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, islice

from artifact_plugins.content import ContentStore
from artifact_plugins.errors import (
    ArtifactMissingError,
    InputError,
    LineageConflictError,
    StoreError,
)
from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger import Ledger
from artifact_plugins.records import now

_CHUNK = 500
# A ledger from a backup lacks the newest runs; so many are looked up.
_RUNS_LOOKED_AT = 1000
_LONG_AGO = timedelta(days=365_000)


@dataclass(frozen=True, slots=True)
class Collected:
    """What the collector removed, or would remove.

    Attributes:
        versions: Ids of deleted versions that cannot be restored any more.
        saves: Ids of saves that were not finished.
        freed_bytes: What they took, with the staged files of dead processes.
            A dry run does not count staged files.
        problems: What could not be removed; the next collector tries again.
        is_dry_run: Whether everything is still there.
    """

    versions: tuple[str, ...]
    saves: tuple[str, ...]
    freed_bytes: int
    problems: tuple[str, ...] = ()
    is_dry_run: bool = False


@dataclass
class _Work:
    versions: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    saves: dict[str, None] = field(default_factory=dict)
    freed_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    is_ledger_trusted: bool = False


def collect(
    ledger: Ledger,
    store: ContentStore,
    *,
    trash: timedelta,
    grace: timedelta,
    trust_ledger: bool,
    dry_run: bool,
) -> Collected:
    """Remove what nobody can load any more; see `Session.collect`."""
    deleted_before = now() - min(_checked(trash, "trash"), _LONG_AGO)
    grace = _checked(grace, "grace")
    _check_ledgers(ledger, store, trust_ledger=trust_ledger, dry_run=dry_run)
    work = _Work(is_ledger_trusted=trust_ledger)
    if dry_run:
        for version_id, size_bytes in ledger.overdue(deleted_before):
            work.versions[version_id] = None
            work.freed_bytes += size_bytes
    else:
        for version_id, record_bytes in ledger.collect_deleted(deleted_before):
            work.versions[version_id] = None
            work.freed_bytes += record_bytes
        failpoint("collect.after_trash")
        work.freed_bytes += store.collect_staging()
    ids = chain(store.decided_ids(), store.version_ids())
    for some in _chunks(ids, _CHUNK):
        _collect_some(ledger, store, some, work, grace, is_dry_run=dry_run)
    return Collected(
        tuple(work.versions),
        tuple(work.saves),
        work.freed_bytes,
        tuple(work.problems),
        dry_run,
    )


def _collect_some(
    ledger: Ledger,
    store: ContentStore,
    ids: list[str],
    work: _Work,
    grace: timedelta,
    *,
    is_dry_run: bool,
) -> None:
    states = ledger.version_states(ids)
    unfinished = [
        one for one in ids if one not in states and one not in work.saves and _is_older(one, grace)
    ]
    if unfinished and not work.is_ledger_trusted:
        _check_runs(ledger, store)
        work.is_ledger_trusted = True
    if is_dry_run:
        left = [one for one in ids if states.get(one) == "aborted" and one not in work.saves]
        for version_id in dict.fromkeys((*unfinished, *left)):
            work.saves[version_id] = None
            work.freed_bytes += store.stored_bytes(version_id)
        return
    aborted = ledger.abort_saves(unfinished) if unfinished else frozenset()
    failpoint("collect.after_abort")
    for version_id in dict.fromkeys(ids):
        is_aborted = version_id in aborted or states.get(version_id) == "aborted"
        if not is_aborted and states.get(version_id) != "collected":
            continue
        try:
            freed = store.remove_version(version_id, "aborted" if is_aborted else "collected")
        except StoreError as error:
            work.problems.append(str(error))
            continue
        work.freed_bytes += freed
        (work.saves if is_aborted else work.versions)[version_id] = None


def _check_ledgers(
    ledger: Ledger, store: ContentStore, *, trust_ledger: bool, dry_run: bool
) -> None:
    """Refuse to take versions of another ledger for garbage."""
    own = ledger.identity()
    others = [one for one in store.ledger_ids() if one != own]
    if not others or (trust_ledger and dry_run):
        return
    if not trust_ledger:
        raise LineageConflictError(
            f"store {store.url!r} is used by {len(others)} other ledger"
            f"{'s' * (len(others) > 1)} ({', '.join(others[:3])}), whose versions this one "
            "would take for garbage",
            hint="nothing was removed; collect with that ledger, or, when it is gone for good, "
            "with trust_ledger=True",
            ledgers=others,
        )
    for one in others:
        store.forget_ledger(one)


def _check_runs(ledger: Ledger, store: ContentStore) -> None:
    """Refuse to work for a ledger that is older than the store, as after a restored backup."""
    newest: list[str] = []
    for run_id in store.run_ids():  # sorted, and ids begin with the time
        newest.append(run_id)
        if len(newest) > 2 * _RUNS_LOOKED_AT:
            del newest[:_RUNS_LOOKED_AT]
    for run_id in newest[-_RUNS_LOOKED_AT:]:
        try:
            ledger.run(run_id)
        except ArtifactMissingError as error:
            raise LineageConflictError(
                f"store {store.url!r} holds the record of run {run_id}, which the ledger does not "
                "know: it seems to be an older copy",
                hint="nothing was removed; versions that it does not know would be lost. "
                "If that is wanted, collect with trust_ledger=True",
                run_id=run_id,
            ) from error


def _checked(span: timedelta, name: str) -> timedelta:
    if not isinstance(span, timedelta) or span < timedelta(0):
        raise InputError(
            f"{name} is a time span, not {span!r:.200}",
            hint="use datetime.timedelta(days=7); nothing was removed",
        )
    return span


def _is_older(version_id: str, grace: timedelta) -> bool:
    """Tell whether an id of ours (UUIDv7) is older than `grace`; other ids never are."""
    if version_id[14] != "7":
        return False
    made_at = int(version_id[:8] + version_id[9:13], 16) / 1000
    return time.time() - made_at >= grace.total_seconds()


def _chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    waiting = iter(ids)
    while some := list(islice(waiting, size)):
        yield some
