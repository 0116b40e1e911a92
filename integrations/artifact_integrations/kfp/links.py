"""Links as KFP has them: rows of versions, and parameters inside the tasks.

A row of KFP has no position and no second of its kind; a parameter is one per
port and source, and its numbers are floats. So a task carries its links as
text too (`tasks.py`), and a row that is read back takes from there what it lost.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from artifact_plugins.contracts.rendering import RenderedParameter
from artifact_plugins.records import ArtifactTaskLink, IOType, Producer
from artifact_plugins.transport import Unfit, first_unfit

from .dialects import Dialect
from .limits import json_value, kfp_key, kfp_name

_ITEMS = frozenset({IOType.ITERATOR_INPUT, IOType.ITERATOR_INPUT_RAW})


class RowKey(NamedTuple):
    """What tells two rows of one task apart for KFP: its unique index.

    In dialect S only artifact and type do; iteration and key are the same for all then.
    """

    artifact_id: str
    io_type: str
    iteration: int
    key: str


def producer_body(producer: Producer, names: Mapping[str, str]) -> dict[str, Any]:
    """Return an IOProducer; a literal has an empty one, and int64 travels as text.

    Args:
        names: Tasks that are called otherwise there.
    """
    body: dict[str, Any] = {}
    if producer.task_name:
        body["task_name"] = kfp_name(names.get(producer.task_name, producer.task_name))
    if producer.iteration is not None:
        body["iteration"] = str(producer.iteration)
    return body


def row_body(
    link: ArtifactTaskLink,
    artifact_id: str,
    *,
    run_id: str,
    task_id: str,
    io_type: IOType,
    names: Mapping[str, str],
) -> dict[str, Any]:
    """Return the ArtifactTask of a link that holds a version.

    Args:
        io_type: As the dialect has it for this link.
    """
    return {
        "artifact_id": artifact_id,
        "run_id": run_id,
        "task_id": task_id,
        "type": io_type.value,
        "producer": producer_body(link.producer, names),
        "key": kfp_key(link.key),
    }


def row_key(row: Mapping[str, Any], dialect: Dialect = Dialect.M) -> RowKey:
    """Return what is unique of a row, ours or the server's."""
    artifact_id, io_type = str(row.get("artifact_id", "")), str(row.get("type", ""))
    if dialect is Dialect.S:
        return RowKey(artifact_id, io_type, -1, "")
    iteration = producer_of(row).iteration
    return RowKey(
        artifact_id, io_type, -1 if iteration is None else iteration, str(row.get("key", ""))
    )


def producer_of(row: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Producer:
    """Return the producer of a row or parameter.

    Args:
        names: Our names of tasks that are called otherwise there.
    """
    said = row.get("producer")
    said = said if isinstance(said, dict) else {}
    name = str(said.get("task_name", ""))
    return Producer(
        task_name=(names or {}).get(name, name),
        iteration=None if said.get("iteration") is None else int(said["iteration"]),
    )


def unfit_values(links: Iterable[ArtifactTaskLink]) -> list[str]:
    """Return what of the values in links KFP cannot hold, and why; its parameter is left out."""
    found = (_unfit(link) for link in links if link.version_id is None)
    return [f"{unfit.path} {unfit.why}" for unfit in found if unfit is not None]


def _unfit(link: ArtifactTaskLink) -> Unfit | None:
    return first_unfit(link.value, link.key)


def parameters(
    links: Iterable[ArtifactTaskLink], names: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the input and output parameters of a task: what its links without version hold.

    KFP keeps one value per port, type and producer, so a list put together of
    several values is one parameter. One with a value that KFP cannot hold is
    left out; `unfit_values` tells.
    """
    grouped: dict[tuple[Any, ...], list[ArtifactTaskLink]] = defaultdict(list)
    for number, link in enumerate(links):
        if link.version_id is None:
            item = number if link.io_type in _ITEMS else None
            grouped[link.key, link.io_type, link.producer, item].append(link)
    read: list[dict[str, Any]] = []
    written: list[dict[str, Any]] = []
    for (key, io_type, producer, _), group in grouped.items():
        if any(map(_unfit, group)):
            continue
        values = [
            json_value(one.value, key) for one in sorted(group, key=lambda link: link.position)
        ]
        is_list = io_type is IOType.COLLECTED_INPUTS or len(values) > 1
        body = {
            "value": values if is_list else values[0],
            "type": io_type.value,
            "parameter_key": kfp_key(key),
            "producer": producer_body(producer, names),
        }
        (written if io_type.is_output else read).append(body)
    return read, written


def rendered_parameters(
    given: Iterable[RenderedParameter], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return parameters that have the form of KFP already."""
    return [
        {
            "value": json_value(one.value, one.key),
            "type": one.io_type.value,
            "parameter_key": kfp_key(one.key),
            "producer": producer_body(one.producer, names),
        }
        for one in given
        if first_unfit(one.value) is None
    ]


def link_texts(links: Iterable[ArtifactTaskLink]) -> list[list[Any]]:
    """Return links in few characters, exactly; `links_from_texts` reads them."""
    return [
        [
            link.id,
            link.io_type.value,
            link.key,
            link.producer.task_name,
            link.producer.iteration,
            link.position,
            link.version_id,
            link.value,
        ]
        for link in links
    ]


def links_from_texts(texts: Any, *, run_id: str, task_id: str) -> list[ArtifactTaskLink]:
    """Return the links that a task carries as text; none when that is damaged."""
    found = []
    try:
        for one in texts:
            identity, io_type, key, name, iteration, position, version_id, value = one
            found.append(
                ArtifactTaskLink(
                    id=identity,
                    run_id=run_id,
                    task_id=task_id,
                    io_type=io_type,
                    key=key,
                    producer=Producer(task_name=name, iteration=iteration),
                    position=position,
                    version_id=version_id,
                    value=value,
                )
            )
    except (TypeError, ValueError):
        return []
    return found


def read_rows(
    rows: Iterable[Mapping[str, Any]],
    carried: Sequence[ArtifactTaskLink],
    version_ids: Mapping[str, str],
    *,
    run_id: str,
    task_id: str,
    names: Mapping[str, str],
    keys: Mapping[str, str] | None = None,
    dialect: Dialect = Dialect.M,
    is_leaf: bool = False,
) -> list[ArtifactTaskLink]:
    """Return the links that a task's rows say, each with what it lost.

    Args:
        rows: Of one task.
        carried: Links that the task carries as text.
        version_ids: Our version ids by artifact id; others keep the artifact's.
        run_id: Ours.
        task_id: Ours.
        names: Our names of tasks that are called otherwise there.
        keys: Our keys that are shortened there.
        dialect: Of the server.
        is_leaf: Whether the task is no group.
    """
    known: dict[Any, list[ArtifactTaskLink]] = defaultdict(list)
    for link in carried:
        if link.version_id is not None:
            io_type = dialect.row_type(link.io_type, is_leaf=is_leaf)
            known[_same(link, io_type, dialect)].append(link)
    found: list[ArtifactTaskLink] = []
    for row in rows:
        artifact_id, io_type = str(row.get("artifact_id", "")), IOType(row["type"])
        producer = producer_of(row, names)
        link = ArtifactTaskLink(
            id=str(row.get("id", "")),
            run_id=run_id,
            task_id=task_id,
            io_type=dialect.link_type(io_type, producer.iteration, is_leaf=is_leaf),
            key=_named(row.get("key", ""), keys),
            producer=producer,
            version_id=version_ids.get(artifact_id, artifact_id),
        )
        found += known.get(_same(link, io_type, dialect)) or [link]
    return found


def read_parameters(
    parameters: Iterable[Mapping[str, Any]],
    carried: Sequence[ArtifactTaskLink],
    *,
    run_id: str,
    task_id: str,
    names: Mapping[str, str],
    keys: Mapping[str, str] | None = None,
) -> list[ArtifactTaskLink]:
    """Return the links that a task's parameters say; a collected list is one per element.

    What KFP cannot hold as a parameter is as it is carried.
    """
    known: dict[Any, list[ArtifactTaskLink]] = defaultdict(list)
    for link in carried:
        if link.version_id is None:
            known[link.io_type, link.key, link.producer].append(link)
    found: list[ArtifactTaskLink] = []
    for number, one in enumerate(parameters):
        io_type, key = IOType(one["type"]), _named(one.get("parameter_key", ""), keys)
        producer = producer_of(one, names)
        value = one.get("value")
        same = known.get((io_type, key, producer))
        if same is not None and _is_said(value, same):
            found += known.pop((io_type, key, producer))
            continue
        is_list = io_type is IOType.COLLECTED_INPUTS and isinstance(value, list)
        items: list[Any] = list(value) if is_list and value is not None else [value]
        found += [
            ArtifactTaskLink(
                id=f"{task_id}/{number}/{position}",
                run_id=run_id,
                task_id=task_id,
                io_type=io_type,
                key=key,
                producer=producer,
                position=position,
                value=item,
            )
            for position, item in enumerate(items)
        ]
    for group in known.values():
        if any(map(_unfit, group)):
            found += group
    return found


def _named(key: Any, keys: Mapping[str, str] | None) -> str:
    return (keys or {}).get(str(key), str(key))


def _same(link: ArtifactTaskLink, io_type: IOType, dialect: Dialect) -> tuple[Any, ...]:
    """Return what is the same of a row and of every link that it stands for."""
    if dialect is Dialect.S:
        return link.version_id, io_type
    return link.version_id, io_type, link.key, link.producer.iteration


def _is_said(value: Any, links: Sequence[ArtifactTaskLink]) -> bool:
    """Tell whether a parameter holds the values of these links, numbers as floats."""
    ordered = sorted(links, key=lambda link: link.position)
    values = [json_value(link.value, link.key) for link in ordered]
    said = [json.dumps(_floats(one), sort_keys=True) for one in (value, values, values[0])]
    return said[0] in said[1:]


def _floats(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    return value
