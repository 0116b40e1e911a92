"""The requests that make a step and end it: what a task read and wrote, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from artifact_plugins.records import ArtifactTaskLink, IOType, SaveType, Task, TaskState
from artifact_plugins.transport import sha256_of

from .server import Place
from .sources import MATERIALIZER, error_of, moment, step_source

EXTRA = "artifact_plugins"
_HASH_CHARACTERS = 255
_STATUSES = {
    TaskState.SUCCEEDED: "completed",
    TaskState.FAILED: "failed",
    TaskState.CACHED: "cached",
    TaskState.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """A task as it is now, and what ZenML calls what it names.

    Attributes:
        pipeline: Name of its pipeline.
        run_id: Of the run, in ZenML.
        links: All of it so far.
        noted: What was noted about each version of the links that is there, by our id.
        made_by: Step and output of this run that a version comes from, by our id.
    """

    task: Task
    pipeline: str
    run_id: str
    links: Sequence[ArtifactTaskLink]
    noted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    made_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def ids(self, *, are_outputs: bool) -> dict[str, list[str]]:
        """Return ids of versions by key, in order; a version once for each place it has."""
        found: dict[str, list[str]] = {}
        for link in sorted(self.links, key=lambda link: link.position):
            note = self.noted.get(link.version_id or "")
            if note is not None and link.io_type.is_output is are_outputs:
                found.setdefault(link.key, []).append(note["external_id"])
        return found

    def versions(self) -> dict[str, str]:
        """Return ZenML's ids by ours."""
        return {ours: note["external_id"] for ours, note in self.noted.items()}


def end_of(task: Task, place: Place) -> dict[str, Any]:
    """Return how and when a task ended, as its step says it; empty while the task runs."""
    if task.state is TaskState.RUNNING:
        return {}
    status = _STATUSES[task.state]
    # Releases that cannot skip say cached.
    shown = status if status != "skipped" or place.skips else "cached"
    end: dict[str, Any] = {"status": shown, "end_time": moment(task.ended_at or task.started_at)}
    if task.state is TaskState.FAILED:
        end["exception_info"] = error_of(task)
    return end


def step_body(
    gathered: Gathered, *, name: str, place: Place, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body of `POST /steps`.

    Args:
        gathered: The task.
        name: Unique in the run.
        place: Project and version of the server.
        extra: Kept with the step: which task it is, and its links.
    """
    task = gathered.task
    config = {
        "name": task.name,
        "parameters": _parameters(gathered.links),
        "outputs": {
            key: {"materializer_source": [MATERIALIZER]} for key in gathered.ids(are_outputs=True)
        },
        "external_input_artifacts": _external(gathered),
        "extra": {EXTRA: dict(extra)},
    }
    inputs = _wired(gathered, reads_lists=place.reads_lists)
    upstream = {one["step_name"] for spec in inputs.values() for one in _listed(spec)}
    body = {
        "project": place.project_id,
        "name": name,
        "pipeline_run_id": gathered.run_id,
        "status": "running",
        "start_time": moment(task.started_at),
        "inputs": gathered.ids(are_outputs=False),
        "outputs": gathered.ids(are_outputs=True),
        "dynamic_config": {
            "spec": {
                "source": step_source(gathered.pipeline, task),
                "upstream_steps": sorted(upstream),
                "inputs": inputs,
                "invocation_id": name,
            },
            "config": config,
            "step_config_overrides": config,
        },
    }
    if task.code_snapshot is not None and len(task.code_snapshot) <= _HASH_CHARACTERS:
        body["code_hash"] = task.code_snapshot
    return body | end_of(task, place)


def _parameters(links: Sequence[ArtifactTaskLink]) -> dict[str, Any]:
    """Return parameter values by key; several of one key are a list."""
    found: dict[str, list[Any]] = {}
    for link in sorted(links, key=lambda link: link.position):
        if not link.io_type.is_output and link.version_id is None:
            found.setdefault(link.key, []).append(link.value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _wired(gathered: Gathered, *, reads_lists: bool) -> dict[str, Any]:
    """Return `spec.inputs`: what steps of the same run made. The rest ZenML calls manual."""
    found: dict[str, Any] = {}
    for key, links in _inputs(gathered).items():
        made = [gathered.made_by.get(link.version_id or "") for link in links]
        specs = [{"step_name": one["step"], "output_name": one["output"]} for one in made if one]
        if key.startswith("auto/") or len(specs) < len(links):
            continue
        is_list = len(specs) > 1 or links[0].io_type is IOType.COLLECTED_INPUTS
        if is_list and reads_lists:
            found[key] = specs
        elif len(specs) == 1:
            found[key] = specs[0]
    return found


def _external(gathered: Gathered) -> dict[str, Any]:
    """Return what was handed in as a value too large for a parameter, by key."""
    return {
        key: {"id": gathered.noted[links[0].version_id or ""]["external_id"]}
        for key, links in _inputs(gathered).items()
        if len(links) == 1
        and gathered.noted[links[0].version_id or ""].get("save_type") == SaveType.EXTERNAL
    }


def _inputs(gathered: Gathered) -> dict[str, list[ArtifactTaskLink]]:
    found: dict[str, list[ArtifactTaskLink]] = {}
    for link in sorted(gathered.links, key=lambda link: link.position):
        if not link.io_type.is_output and link.version_id in gathered.noted:
            found.setdefault(link.key, []).append(link)
    return found


def _listed(spec: Any) -> list[dict[str, str]]:
    return spec if isinstance(spec, list) else [spec]


def extra_of(gathered: Gathered, text: str) -> dict[str, Any]:
    """Return what is kept with a step: its task, and what `told` says of it."""
    return {"task_id": gathered.task.id, "told": text, "digest": sha256_of(text)}
