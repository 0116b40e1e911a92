"""A task as another system itself would have recorded it, for backends that are asked for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from artifact_plugins.records import ArtifactTaskLink, IOType, Producer


@dataclass(frozen=True, slots=True)
class RenderedParameter:
    """A value without a version, as another system keeps it inside a task.

    Attributes:
        value: JSON; what was collected is one list.
        io_type: How it came.
        key: Name of the port.
        producer: What made it available.
    """

    value: Any
    io_type: IOType
    key: str
    producer: Producer


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedTask:
    """A task with its links as another system itself would have recorded them.

    Attributes:
        type: What it calls such a task.
        links: Those that hold a version, with our ids.
        inputs, outputs: What the others hold.
    """

    type: str
    links: tuple[ArtifactTaskLink, ...]
    inputs: tuple[RenderedParameter, ...]
    outputs: tuple[RenderedParameter, ...]
