"""An artifact-task link: the typed edge between a task and one value."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class IOType(StrEnum):
    """KFP's twelve link types without UNSPECIFIED."""

    COMPONENT_DEFAULT_INPUT = "COMPONENT_DEFAULT_INPUT"
    TASK_OUTPUT_INPUT = "TASK_OUTPUT_INPUT"
    COMPONENT_INPUT = "COMPONENT_INPUT"
    RUNTIME_VALUE_INPUT = "RUNTIME_VALUE_INPUT"
    COLLECTED_INPUTS = "COLLECTED_INPUTS"
    ITERATOR_INPUT = "ITERATOR_INPUT"
    ITERATOR_INPUT_RAW = "ITERATOR_INPUT_RAW"
    ITERATOR_OUTPUT = "ITERATOR_OUTPUT"
    OUTPUT = "OUTPUT"
    ONE_OF_OUTPUT = "ONE_OF_OUTPUT"
    TASK_FINAL_STATUS_OUTPUT = "TASK_FINAL_STATUS_OUTPUT"

    @property
    def is_output(self) -> bool:
        """Whether the task wrote the value; the final status is read."""
        return self in _OUTPUTS


_OUTPUTS = frozenset({IOType.OUTPUT, IOType.ITERATOR_OUTPUT, IOType.ONE_OF_OUTPUT})


class Producer(BaseModel):
    """Who made a value available.

    Attributes:
        task_name: Empty for literals.
        iteration: Iteration of the producer or index of a loop item; None
            when the producer is in no iteration. 0 and None differ.
    """

    model_config = ConfigDict(frozen=True)

    task_name: str = ""
    iteration: int | None = None

    def __str__(self) -> str:
        return self.task_name if self.iteration is None else f"{self.task_name}#{self.iteration}"


class ArtifactTaskLink(BaseModel):
    """One row: a task read or wrote one value under a key.

    Attributes:
        key: Name of the port of this task.
        position: 0-based place among the links of one (task, type, key).
        version_id: The artifact version; None when the value is a parameter.
        value: The parameter value (JSON) when `version_id` is None.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    run_id: str
    task_id: str
    io_type: IOType
    key: str
    producer: Producer = Producer()
    position: int = 0
    version_id: str | None = None
    value: Any = None
