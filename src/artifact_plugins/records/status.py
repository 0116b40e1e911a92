"""What an exit step is told: how the tasks that it waited for ended."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class FinalStatus(BaseModel):
    """The final status of a run or of a group of tasks.

    Attributes:
        state: SUCCEEDED, or FAILED when any task of it failed.
        task_name: The task whose status it is: ROOT for a whole run.
        error: `Type: message` of what failed first.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["SUCCEEDED", "FAILED"]
    run_id: str
    run_name: str
    pipeline: str
    task_name: str
    error: str | None = None
