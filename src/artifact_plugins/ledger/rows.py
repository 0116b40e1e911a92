"""Records to rows and back; the hot path of every commit and listing.

Rows come from our own commits, so records are built without checking every
field again; what does not fit is a damaged ledger. The orders of columns are
those of `statements`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from artifact_plugins.errors import MetadataValueError
from artifact_plugins.ledger.failures import corrupt
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    CodeArchive,
    FileRecord,
    IOType,
    PluginSnapshot,
    Preview,
    Producer,
    Run,
    RunState,
    SaveType,
    Task,
    TaskState,
    TaskType,
)

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Row = tuple[Any, ...]
_set = object.__setattr__

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_decode = json.loads


def _make_encoder() -> Callable[[Any], str]:
    # json.dumps makes a new C encoder at every call, which costs more than
    # encoding a small value does; this is the same encoder, made once.
    settings = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    quote = getattr(json.encoder, "c_encode_basestring", None)
    if make is None or quote is None:
        return settings.encode
    encoder = make(None, settings.default, quote, None, ":", ",", False, False, False)
    return lambda value: "".join(encoder(value, 0))


_encode = _make_encoder()
_NO_PRODUCER = Producer()
_RUN_STATES = {str(state): state for state in RunState}
_TASK_STATES = {str(state): state for state in TaskState}
_TASK_TYPES = {str(kind): kind for kind in TaskType}
_SAVE_TYPES = {str(kind): kind for kind in SaveType}
_IO_TYPES = {str(kind): kind for kind in IOType}
_names: dict[type[BaseModel], set[str]] = {}


def to_json(value: Any, what: str) -> str:
    """Encode a JSON value.

    Raises:
        MetadataValueError: JSON cannot hold the value; `what` names it.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise MetadataValueError(
            f"{what} cannot be kept as JSON: {error}", hint="nothing was written"
        ) from error


def from_json(text: str | None, empty: T) -> T:
    """Decode what `to_json` wrote; `empty` for a column without a value."""
    decoded: T = _decode(text) if text else empty
    return decoded


def to_time(moment: datetime | None) -> int | None:
    """Return microseconds since 1970 in UTC."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def run_row(run: Run) -> Row:
    """Return the columns of `RUN_COLUMNS`."""
    return (
        run.id,
        run.project,
        run.pipeline,
        run.name,
        run.state.value,
        to_json(run.parameters, "the run's parameters") if run.parameters else None,
        to_time(run.started_at),
        to_time(run.ended_at),
        run.error,
        to_json(run.external_ids, "external ids") if run.external_ids else None,
    )


def task_row(task: Task) -> Row:
    """Return the columns of `TASK_COLUMNS`."""
    return (
        task.id,
        task.run_id,
        task.parent_id,
        task.name,
        task.scope_path,
        task.type.value,
        task.iteration_index,
        task.iteration_count,
        task.state.value,
        task.attempt,
        task.code_snapshot,
        task.cache_key,
        to_time(task.started_at),
        to_time(task.ended_at),
        task.error,
    )


def link_row(link: ArtifactTaskLink) -> Row:
    """Return the columns of `LINK_COLUMNS`."""
    producer = link.producer
    return (
        link.id,
        link.run_id,
        link.task_id,
        link.io_type.value,
        link.key,
        producer.task_name,
        producer.iteration,
        link.position,
        link.version_id,
        to_json(link.value, f"the value of input {link.key!r}")
        if link.version_id is None
        else None,
    )


def version_row(version: ArtifactVersion, idempotency_key: str) -> Row:
    """Return the columns of `VERSION_COLUMNS` after artifact, number and kind."""
    files, previews = version.files, version.previews
    return (
        version.id,
        None if idempotency_key == version.id else idempotency_key,
        version.version_name,
        version.materializer,
        version.artifact_task,
        to_json(version.parameters, "parameters") if version.parameters else None,
        version.format,
        version.plugin_snapshot,
        version.uri,
        _encode([[file.path, file.size_bytes, file.digest] for file in files]) if files else None,
        version.size_bytes,
        version.is_directory,
        version.content_hash,
        version.manifest_digest,
        version.save_type.value,
        version.description,
        _encode(version.tags) if version.tags else None,
        _encode(version.aliases) if version.aliases else None,
        to_json(version.metadata, "metadata") if version.metadata else None,
        _encode([[one.kind, one.content, one.title] for one in previews]) if previews else None,
        version.run_id,
        version.task_id,
        version.item_count,
        to_time(version.created_at),
        to_time(version.updated_at),
        version.created_by,
        version.signature,
    )


def snapshot_row(snapshot: PluginSnapshot) -> Row:
    """Return the columns of `SNAPSHOT_COLUMNS`."""
    return (
        snapshot.id,
        snapshot.plugin,
        snapshot.entry_object,
        snapshot.python_version,
        _encode([archive.model_dump(mode="json") for archive in snapshot.archives]),
        to_json(snapshot.libraries, "the libraries of a snapshot") if snapshot.libraries else None,
        to_time(snapshot.created_at),
    )


def build(cls: type[M], values: dict[str, Any]) -> M:
    """Make a record of values for all of its fields, which are known to be right.

    What `model_construct` does, without its loop over the fields. All have one
    set of the names of their fields, which a frozen record never changes.
    """
    names = _names.get(cls)
    if names is None:
        names = _names[cls] = set(values)
    record = cls.__new__(cls)
    _set(record, "__dict__", values)
    _set(record, "__pydantic_fields_set__", names)
    _set(record, "__pydantic_extra__", None)
    _set(record, "__pydantic_private__", None)
    return record


def numbered(version: ArtifactVersion, number: int) -> ArtifactVersion:
    """Return the version with its number."""
    values = version.__dict__.copy()
    values["version"] = number
    return build(ArtifactVersion, values)


def records(rows: Iterable[Row], make: Callable[[Row], T], path: str) -> tuple[T, ...]:
    """Build a record of each row.

    Raises:
        LedgerCorruptError: A row does not hold what we write.
    """
    try:
        return tuple([make(row) for row in rows])
    except (ValueError, KeyError, TypeError) as error:
        raise corrupt(path, f"a row cannot be read ({type(error).__name__}: {error})") from error


def run_record(row: Row) -> Run:
    """Build a run from the columns of `RUN_COLUMNS`."""
    return build(
        Run,
        {
            "id": row[0],
            "project": row[1],
            "pipeline": row[2],
            "name": row[3],
            "state": _RUN_STATES[row[4]],
            "parameters": _decode(row[5]) if row[5] else {},
            "started_at": from_time(row[6]),
            "ended_at": _time(row[7]),
            "error": row[8],
            "external_ids": _decode(row[9]) if row[9] else {},
        },
    )


def task_record(row: Row) -> Task:
    """Build a task from the columns of `TASK_COLUMNS`."""
    return build(
        Task,
        {
            "id": row[0],
            "run_id": row[1],
            "parent_id": row[2],
            "name": row[3],
            "scope_path": row[4],
            "type": _TASK_TYPES[row[5]],
            "iteration_index": row[6],
            "iteration_count": row[7],
            "state": _TASK_STATES[row[8]],
            "attempt": row[9],
            "code_snapshot": row[10],
            "cache_key": row[11],
            "started_at": from_time(row[12]),
            "ended_at": _time(row[13]),
            "error": row[14],
        },
    )


def link_record(row: Row) -> ArtifactTaskLink:
    """Build a link from the columns of `LINK_COLUMNS`."""
    name, iteration = row[5], row[6]
    return build(
        ArtifactTaskLink,
        {
            "id": row[0],
            "run_id": row[1],
            "task_id": row[2],
            "io_type": _IO_TYPES[row[3]],
            "key": row[4],
            "producer": build(Producer, {"task_name": name, "iteration": iteration})
            if name or iteration is not None
            else _NO_PRODUCER,
            "position": row[7],
            "version_id": row[8],
            "value": _decode(row[9]) if row[8] is None else None,
        },
    )


def version_record(row: Row) -> ArtifactVersion:
    """Build a version from the columns of `VERSIONS`."""
    files = _decode(row[14]) if row[14] else ()
    previews = _decode(row[24]) if row[24] else ()
    return build(
        ArtifactVersion,
        {
            "project": row[0],
            "artifact": row[1],
            "artifact_type": row[2],
            "data_type": row[3],
            "version": row[4],
            "id": row[5],
            "version_name": row[7],
            "materializer": row[8],
            "artifact_task": row[9],
            "parameters": _decode(row[10]) if row[10] else {},
            "format": row[11],
            "plugin_snapshot": row[12],
            "uri": row[13],
            "files": tuple(
                [
                    build(FileRecord, {"path": path, "size_bytes": size, "digest": digest})
                    for path, size, digest in files
                ]
            ),
            "size_bytes": row[15],
            "is_directory": bool(row[16]),
            "content_hash": row[17],
            "manifest_digest": row[18],
            "save_type": _SAVE_TYPES[row[19]],
            "description": row[20],
            "tags": tuple(_decode(row[21])) if row[21] else (),
            "aliases": tuple(_decode(row[22])) if row[22] else (),
            "metadata": _decode(row[23]) if row[23] else {},
            "previews": tuple(
                [
                    build(Preview, {"kind": kind, "content": content, "title": title})
                    for kind, content, title in previews
                ]
            ),
            "run_id": row[25],
            "task_id": row[26],
            "item_count": row[27],
            "created_at": from_time(row[28]),
            "updated_at": _time(row[29]),
            "created_by": row[30],
            "signature": row[31],
            "deleted_at": _time(row[32]),
            "collected_at": _time(row[33]),
        },
    )


def snapshot_record(row: Row) -> PluginSnapshot:
    """Build a plugin snapshot from the columns of `SNAPSHOTS`.

    There are few of them, and what they say decides which code runs: checked.
    """
    return PluginSnapshot(
        id=row[0],
        plugin=row[1],
        entry_object=row[2],
        python_version=row[3],
        archives=tuple(CodeArchive.model_validate(archive) for archive in _decode(row[4])),
        libraries=_decode(row[5]) if row[5] else {},
        created_at=from_time(row[6]),
    )


def from_time(number: int) -> datetime:
    """Return the moment `to_time` took."""
    return _EPOCH + number * _MICROSECOND


def _time(number: int | None) -> datetime | None:
    return None if number is None else from_time(number)
