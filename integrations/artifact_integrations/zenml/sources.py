"""Import paths, kinds, statuses, times and step names as ZenML writes them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from artifact_plugins.records import Task
from artifact_plugins.transport import clipped

# What loads our versions in ZenML's client.
MATERIALIZER = {
    "module": "artifact_integrations.zenml.materializer",
    "attribute": "ArtifactPluginsMaterializer",
    "type": "distribution_package",
    "package_name": "artifact-plugins",
}
_ANY_TYPE = {"module": "builtins", "attribute": "object", "type": "builtin"}
_NAME_CHARACTERS = 255

_KINDS = {
    "Model": "ModelArtifact",
    "Service": "ServiceArtifact",
    **dict.fromkeys(
        (
            "ClassificationMetrics",
            "HTML",
            "Html",
            "Image",
            "Markdown",
            "Metric",
            "Metrics",
            "Plot",
            "Report",
            "SlicedClassificationMetrics",
            "Statistics",
        ),
        "DataAnalysisArtifact",
    ),
}


def kind_of(artifact_type: str) -> str:
    """Return ZenML's artifact type of ours; `DataArtifact` for what it has no word for."""
    return _KINDS.get(artifact_type, "DataArtifact")


def type_source(data_type: str) -> dict[str, str]:
    """Return the import path of a data type, as ZenML imports it before it loads a value.

    ZenML cannot import a class inside a class or a function, nor one of a
    script: those become `object`, which every value is.
    """
    module, _, name = data_type.partition(":")
    if not module or not name.isidentifier() or module == "__main__":
        return dict(_ANY_TYPE)
    if module == "builtins":
        kind = "builtin"
    else:
        kind = "internal" if module.split(".")[0] in sys.stdlib_module_names else "user"
    return {"module": module, "attribute": name, "type": kind}


def step_source(pipeline: str, task: Task) -> dict[str, str]:
    """Return what stands for the step's function: records do not say in which module it is."""
    return {"module": pipeline, "attribute": task.name, "type": "unknown"}


def moment(when: datetime) -> str:
    """Return a time as ZenML keeps it: UTC without saying so."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def step_names(task: Task) -> tuple[str, ...]:
    """Return the name of a task's step, and others for when that one is taken.

    `mean[3]` for iteration 3 of a map, `mean[1][3]` for one map in another;
    `for-loop-2/mean[3]` is the same with everything around it, unique among our
    tasks of a run; the last has our id, for a run that somebody else writes to.
    """
    parts = task.scope_path.split("/")[1:] or [task.name]
    around = "".join(f"[{index}]" for _, index in map(_parted, parts) if index)
    written = "/".join(
        name + (f"[{index}]" if index else "") for name, index in map(_parted, parts)
    )
    last = f"{task.name[:200]}~{task.id}"
    names = (
        clipped(name, _NAME_CHARACTERS, whole=task.scope_path)
        for name in (f"{task.name}{around}", written)
    )
    return tuple(dict.fromkeys((*names, last)))


def error_of(task: Task) -> dict[str, Any]:
    """Return what made a task fail; records keep no traceback."""
    said = task.error or "no reason was recorded"
    return {"traceback": said, "message": said}


def _parted(part: str) -> tuple[str, str]:
    name, _, index = part.partition("#")
    return name, index
