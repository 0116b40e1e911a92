"""Numbers in the metadata of what a task wrote, as metrics of its job."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from artifact_plugins.records import ArtifactVersion

from .naming import identifier
from .server import DioptraApi

# One request each, and a table for people there.
METRICS_MAX = 50
# What a number that is saved says of itself; its name is the better one.
_VALUE = "value"


def metrics_of(versions: Iterable[ArtifactVersion], *, prefix: str = "") -> dict[str, float]:
    """Return the metrics of a task: what outputs say differently has the name of its output.

    Args:
        versions: That the task wrote.
        prefix: Before each name, in a job that several tasks share.
    """
    said: dict[str, dict[str, float]] = {}
    for version in versions:
        for key, value in version.metadata.items():
            number = _number(value)
            if number is not None:
                said.setdefault(key, {})[version.artifact] = number
    found: dict[str, float] = {}
    for key, by_output in said.items():
        is_one = key != _VALUE and len({repr(number) for number in by_output.values()}) == 1
        for output, number in by_output.items():
            name = key if is_one else output if key == _VALUE else f"{output}_{key}"
            found[identifier(f"{prefix}{name}")] = number
    return dict(list(found.items())[:METRICS_MAX])


def send_metrics(api: DioptraApi, job_id: int, metrics: dict[str, float], *, step: int) -> None:
    """Set metrics of a job; the same again changes nothing."""
    for name, number in metrics.items():
        api.post(f"jobs/{job_id}/metrics", {"name": name, "value": number, "step": step})


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
