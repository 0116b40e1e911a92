"""The inputs of a task as a Dioptra job has them: texts for parameters, pairs of ids for artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from artifact_plugins.records import ArtifactTaskLink

from .naming import identifier

# One artifact per name, and each list length is another entrypoint: longer
# lists are in the line of the job and in the run document only.
LIST_MAX = 20
_VALUE_MAX = 1_000
_BITS_MAX = 1_000
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "float", str: "string"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a job is created with.

    Attributes:
        values: Parameter name to text.
        types: Parameter name to Dioptra's type.
        artifacts: Input name to artifact id and snapshot id.
    """

    values: Mapping[str, str]
    types: Mapping[str, str]
    artifacts: Mapping[str, Mapping[str, int]]


def inputs_of(
    links: Iterable[ArtifactTaskLink], pair: Callable[[str], Mapping[str, int] | None]
) -> Inputs:
    """Return the inputs among the links of a task.

    Args:
        pair: Ids of the artifact of a version; None for one that is not there.
    """
    read = [link for link in links if not link.io_type.is_output]
    lengths = Counter(link.key for link in read if link.version_id is not None)
    values, types, artifacts = {}, {}, {}
    for link in read:
        if link.version_id is not None:
            if lengths[link.key] > LIST_MAX:
                continue
            name = identifier(link.key)
            if lengths[link.key] > 1 or link.position:
                name = f"{name}__{link.position}"
            found = pair(link.version_id)
            if found is not None:
                artifacts[name] = found
    for name, kind, text in _parameters(read):
        if name not in artifacts:  # a list of both kinds
            values[name], types[name] = text, kind
    return Inputs(values, types, artifacts)


def parameter_inputs(parameters: Mapping[str, Any]) -> Inputs:
    """Return the arguments of a run."""
    found = list(_texts(parameters.items()))
    return Inputs(
        {name: text for name, _, text in found}, {name: kind for name, kind, _ in found}, {}
    )


def _parameters(links: list[ArtifactTaskLink]) -> Iterator[tuple[str, str, str]]:
    lengths = Counter(link.key for link in links)
    yield from _texts(
        (link.key, link.value)
        for link in links
        if link.version_id is None and lengths[link.key] == 1
    )


def _texts(found: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield name, type and text of the scalars; null has no form there."""
    for key, value in found:
        kind = _TYPES.get(type(value))
        if kind is None or (kind == "integer" and value.bit_length() > _BITS_MAX):
            continue
        text = str(value)
        # Surrogates and NUL are refused by the database, with an error 500.
        plain = text.isascii() or text == text.encode("utf-8", "replace").decode()
        if len(text) <= _VALUE_MAX and plain and "\x00" not in text:
            yield identifier(key), kind, text
