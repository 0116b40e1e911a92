"""The one write transaction: runs, tasks, versions and links become visible together.

Nothing is looked up before it is written: numbers come from the counter row
of the artifact, and the unique idempotency key tells a repeat. What is looked
up after is whether a collector forbade one of the new versions. Only then, in
a second transaction, are the known versions read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artifact_plugins.errors import (
    CommitUnknownError,
    IdempotencyConflictError,
    LineageConflictError,
    SaveAbortedError,
)
from artifact_plugins.failpoints import failpoint
from artifact_plugins.ledger import rows
from artifact_plugins.ledger.caching import add_entry
from artifact_plugins.ledger.database import ConstraintViolation, Cursor, Database, Sql, repeat
from artifact_plugins.ledger.edits import take_aliases
from artifact_plugins.ledger.outbox import changes
from artifact_plugins.records import ArtifactVersion, Batch, VersionDraft

Kinds = dict[tuple[str, str, str], int]


def write_batch(
    database: Database, kinds: Kinds, batch: Batch, *, durable: bool | None
) -> tuple[ArtifactVersion, ...]:
    """Commit a batch; see `Ledger.write`.

    Args:
        database: Where to.
        kinds: Ids of the version kinds seen so far; what is learned is added.
        batch: What to write.
        durable: Whether this commit is synced; None: as the ledger is opened.
    """
    prepared = _Prepared(batch, has_backends=bool(database.backends))
    failpoint("commit.before")
    committed = repeat(database, lambda: _write(database, kinds, prepared, durable), is_keyed=True)
    try:
        failpoint("commit.after")
    except OSError as error:
        raise CommitUnknownError(
            "the answer to a commit was lost",
            hint="nothing was deleted; repeat it with the same idempotency keys",
        ) from error
    return committed


def _write(
    database: Database, kinds: Kinds, prepared: _Prepared, durable: bool | None
) -> tuple[ArtifactVersion, ...]:
    """Write without a look first; when a key or id is there already, look and write the rest."""
    try:
        return _transact(database, kinds, prepared, durable, known=False)
    except ConstraintViolation as error:
        if error.kind != "unique":
            kinds.clear()  # ids of rows that a restored backup may not have
            raise _conflict(database, prepared.batch, error) from error
    try:
        return _transact(database, kinds, prepared, durable, known=True)
    except ConstraintViolation as again:
        raise _conflict(database, prepared.batch, again) from again


class _Prepared:
    """The rows of a batch, made before anything is locked."""

    __slots__ = ("batch", "changes", "links", "runs", "snapshots", "tasks", "versions")

    def __init__(self, batch: Batch, *, has_backends: bool = False) -> None:
        self.batch = batch
        self.changes = changes.changes_of(batch) if has_backends else []
        self.runs = [rows.run_row(run) for run in batch.runs]
        self.tasks = [rows.task_row(task) for task in batch.tasks]
        self.links = [rows.link_row(link) for link in batch.links]
        self.versions = [
            rows.version_row(draft.version, draft.idempotency_key) for draft in batch.versions
        ]
        # The first of each, in one order for everybody: who waits for a row holds
        # none that comes later.
        brought = [draft.snapshot for draft in batch.versions if draft.snapshot is not None]
        found = {snapshot.id: snapshot for snapshot in reversed(brought)}
        self.snapshots = [rows.snapshot_row(found[name]) for name in sorted(found)]


def _transact(
    database: Database, kinds: Kinds, prepared: _Prepared, durable: bool | None, *, known: bool
) -> tuple[ArtifactVersion, ...]:
    sql = database.sql
    with database.transaction(durable) as cursor:
        if prepared.runs:
            cursor.executemany(sql.UPSERT_RUN, prepared.runs)
        if prepared.tasks:
            cursor.executemany(sql.UPSERT_TASK, prepared.tasks)
        if prepared.snapshots:
            cursor.executemany(sql.ADD_SNAPSHOT, prepared.snapshots)
        pairs = list(zip(prepared.batch.versions, prepared.versions, strict=True))
        links = prepared.links
        owners: dict[str, ArtifactVersion] = {}
        if known:
            owners = _owners(database, cursor, prepared.batch)
            ids = {
                draft.version.id: owners[draft.idempotency_key].id
                for draft in prepared.batch.versions
            }
            pairs = [pair for pair in pairs if owners[pair[0].idempotency_key] is pair[0].version]
            links = [(*row[:8], ids.get(row[8], row[8]), row[9]) for row in links]
        # First the artifacts, then the kinds, for everybody: who waits for a kind
        # holds artifacts, so nobody may hold a kind and wait for an artifact.
        numbers = _take_numbers(database, cursor, pairs)
        learned = _learn_kinds(database, cursor, kinds, pairs)
        all_kinds = kinds | learned if learned else kinds
        committed, losers = _insert_versions(database, cursor, numbers, all_kinds, pairs)
        if committed:
            _refuse_aborted(cursor, sql, committed)
        if links:
            cursor.executemany(sql.INSERT_LINK, links)
        for entry in prepared.batch.cache:
            add_entry(cursor, sql, entry)
        if database.backends:
            changed = prepared.changes
            if known:
                changed = changes.without_known(changed, committed)
            if losers:
                changed = [*changed, *changes.edits_of(database, cursor, losers)]
            # Last: it takes rows that everybody takes last.
            changes.put(database, cursor, changed, database.backends)
        failpoint("commit.inside")
    kinds.update(learned)
    if not known:
        return tuple(committed)
    new = {version.id: version for version in committed}
    standing = (owners[draft.idempotency_key] for draft in prepared.batch.versions)
    return tuple(new.get(version.id, version) for version in standing)


def _owners(database: Database, cursor: Cursor, batch: Batch) -> dict[str, ArtifactVersion]:
    """Return which version each idempotency key stands for.

    That is the committed one; a draft (number 0) when the key is new, the
    first one when drafts share it.
    """
    sql = database.sql
    owners: dict[str, ArtifactVersion] = {}
    for draft in batch.versions:
        key, version = draft.idempotency_key, draft.version
        owner = owners.get(key)
        if owner is None:
            # A key that is the id of its draft is not kept a second time.
            text = sql.VERSION_BY_ID if key == version.id else sql.VERSION_BY_KEY
            found = cursor.execute(text, (key,)).fetchall()
            known = rows.records(found, rows.version_record, database.path)
            if known and known[0].deleted_at is not None:
                raise IdempotencyConflictError(
                    f"idempotency key {key!r} is that of {known[0]}, which was deleted at "
                    f"{known[0].deleted_at:%Y-%m-%d %H:%M:%S} UTC",
                    hint="nothing was written; restore that version or use a new key",
                    idempotency_key=key,
                    artifact=version.artifact,
                )
            owner = owners[key] = known[0] if known else version
        if owner.content_hash != version.content_hash:
            raise IdempotencyConflictError(
                f"idempotency key {key!r} of artifact {version.artifact!r} was used for "
                f"{owner.content_hash!r} and now for {version.content_hash!r}",
                hint="the first version stays and nothing was written; use a new key",
                idempotency_key=key,
                artifact=version.artifact,
            )
    return owners


def _insert_versions(
    database: Database,
    cursor: Cursor,
    numbers: Mapping[tuple[str, str], list[int]],
    kinds: Kinds,
    pairs: list[tuple[VersionDraft, rows.Row]],
) -> tuple[list[ArtifactVersion], list[str]]:
    """Return the new versions, and the ids of those that lost an alias to them."""
    sql = database.sql
    committed = []
    losers = []
    full_rows = []
    for draft, row in pairs:
        version = draft.version
        kind_id = kinds[version.project, version.artifact_type, version.data_type]
        place = numbers[version.project, version.artifact]
        full_rows.append((place[0], place[1], kind_id, *row))
        committed.append(rows.numbered(version, place[1]))
        place[1] += 1
    if full_rows:
        cursor.executemany(sql.INSERT_VERSION, full_rows)
    tags = [(tag, version.id) for version in committed for tag in version.tags]
    if tags:
        cursor.executemany(sql.ADD_TAG, tags)
    for version in committed:
        if version.aliases:
            losers += take_aliases(cursor, sql, version.id, version.aliases)
    return committed, losers


def _refuse_aborted(cursor: Cursor, sql: Sql, committed: list[ArtifactVersion]) -> None:
    """Look after the insert: a collector that came first is seen, a later one sees the versions."""
    ids = [version.id for version in committed]
    found = cursor.execute(sql.ABORTED_BETWEEN, (min(ids), max(ids))).fetchall()
    aborted = {row[0] for row in found}.intersection(ids)
    if aborted:
        raise SaveAbortedError(
            f"a collector removed {len(aborted)} unfinished save"
            f"{'s' * (len(aborted) > 1)} before the commit",
            hint="nothing was registered; saving again makes a new version",
            version_ids=sorted(aborted),
        )


def _take_numbers(
    database: Database, cursor: Cursor, pairs: list[tuple[VersionDraft, rows.Row]]
) -> dict[tuple[str, str], list[int]]:
    """Return artifact id and next free number of each artifact, counters advanced."""
    wanted: dict[tuple[str, str], int] = {}
    for draft, _ in pairs:
        name = (draft.version.project, draft.version.artifact)
        wanted[name] = wanted.get(name, 0) + 1
    if len(wanted) == 1:  # nearly always; the lists below cost as much as the rest
        ((name, count),) = wanted.items()
        row = cursor.execute(database.sql.NEXT_NUMBERS, (*name, count + 1)).fetchone()
        return {name: [row[0], row[1] - count]}
    # In one order for everybody: who waits for a row holds none that comes later.
    names = sorted(wanted)
    asked = [(*name, wanted[name] + 1) for name in names]
    found = database.each(cursor, database.sql.NEXT_NUMBERS, asked)
    return {name: [row[0], row[1] - wanted[name]] for name, row in zip(names, found, strict=True)}


def _learn_kinds(
    database: Database,
    cursor: Cursor,
    kinds: Kinds,
    pairs: list[tuple[VersionDraft, rows.Row]],
) -> Kinds:
    """Return the ids of the kinds of the drafts that are not known yet."""
    named = set()
    for draft, _ in pairs:
        one = draft.version
        kind = (one.project, one.artifact_type, one.data_type)
        if kind not in kinds:
            named.add(kind)
    if not named:
        return {}
    unknown = sorted(named)
    found = database.each(cursor, database.sql.KIND, unknown)
    return {kind: row[0] for kind, row in zip(unknown, found, strict=True)}


def _conflict(database: Database, batch: Batch, error: ConstraintViolation) -> LineageConflictError:
    """Say which record is missing or contradicts another one; nothing was written."""
    facts: dict[str, Any] = {"reason": str(error)}
    what = f"a record contradicts the ledger: {error}"
    if error.kind == "foreign key":
        what = "a record names another one that is not in the ledger"
        missing = _missing(database, batch)
        if missing:
            what = f"the ledger has no {missing[0]} {missing[1]!r}, which a record names"
            facts["missing"] = missing
    return LineageConflictError(what, hint="nothing was written", **facts)


def _missing(database: Database, batch: Batch) -> tuple[str, str] | None:
    named: dict[str, set[str | None]] = {
        "version": {link.version_id for link in batch.links},
        "task": {link.task_id for link in batch.links}
        | {draft.version.task_id for draft in batch.versions}
        | {task.parent_id for task in batch.tasks},
        "run": {link.run_id for link in batch.links}
        | {draft.version.run_id for draft in batch.versions}
        | {task.run_id for task in batch.tasks},
    }
    own: dict[str, set[str | None]] = {
        "version": {draft.version.id for draft in batch.versions},
        "task": {task.id for task in batch.tasks},
        "run": {run.id for run in batch.runs},
    }
    sql = database.sql
    exists = {"version": sql.VERSION_EXISTS, "task": sql.TASK_EXISTS, "run": sql.RUN_EXISTS}
    for table, ids in named.items():
        for one in sorted(one for one in ids - own[table] if one is not None):
            if not database.read(exists[table], (one,)):
                return table, one
    return None
