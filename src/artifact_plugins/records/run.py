"""A run: one execution of a pipeline."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Run(BaseModel):
    """The record of one execution of a pipeline.

    Attributes:
        id: UUIDv7.
        name: Shown to people; `<pipeline>-<last 8 of the id>`.
        parameters: The JSON-able run arguments, defaults included.
        error: `Type: message` of what ended a FAILED run.
        external_ids: Identifiers of this run in other systems, by system name.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    pipeline: str
    name: str
    state: RunState = RunState.RUNNING
    parameters: dict[str, Any] = {}
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    external_ids: dict[str, str] = {}
