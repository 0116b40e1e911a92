"""What ZenML's own client sees of our runs; run by the tests where zenml is installed."""

from __future__ import annotations

import json
import sys
from typing import Any

from zenml.client import Client
from zenml.utils.dashboard_utils import get_run_url


def run(name: str) -> dict[str, Any]:
    """Return a pipeline run with its steps, as `Client().get_pipeline_run` gives it."""
    found = Client().get_pipeline_run(name)
    return {
        "name": found.name,
        "page": get_run_url(found),
        "status": str(found.status.value),
        "pipeline": found.pipeline.name,
        "parameters": found.run_metadata.get("artifact_plugins.parameters"),
        "steps": {key: step_of(step) for key, step in found.steps.items()},
    }


def step_of(step: Any) -> dict[str, Any]:
    exception = step.exception_info
    return {
        "status": str(step.status.value),
        "parameters": step.config.parameters,
        "error": None if exception is None else exception.message,
        "inputs": {
            key: [
                [str(one.name), str(one.version), str(one.input_type.value), plain(one.load())]
                for one in items
            ]
            for key, items in step.inputs.items()
        },
        "outputs": {
            key: [version_of(one, step) for one in items] for key, items in step.outputs.items()
        },
    }


def version_of(version: Any, step: Any) -> dict[str, Any]:
    producer = version.producer_step_run_id
    return {
        "id": str(version.id),
        "name": version.name,
        "version": str(version.version),
        "is_from_this_step": producer == step.id,
        "has_producer": producer is not None,
        "tags": sorted(tag.name for tag in version.tags),
        "type": str(version.type.value),
        "save_type": str(version.save_type.value),
        "content_hash": version.content_hash,
        "metadata": {
            key: value
            for key, value in version.run_metadata.items()
            if not key.startswith("artifact_plugins.")
        },
        "visualizations": [str(one.type.value) for one in version.visualizations or []],
        "value": plain(version.load()),
    }


def load(*ids: str) -> list[Any]:
    """Return values of versions by ZenML's ids."""
    return [plain(Client().get_artifact_version(one).load()) for one in ids]


def refused(one: str) -> list[str]:
    """Return why a version is not loaded, kind and text."""
    try:
        return ["loaded", repr(Client().get_artifact_version(one).load())]
    except Exception as error:  # whatever it is, the test looks at it
        return [type(error).__name__, str(error)]


def plain(value: Any) -> Any:
    """Return a value as JSON says it, with its type."""
    if hasattr(value, "to_dict") and hasattr(value, "dtypes"):
        return ["DataFrame", value.to_dict("list"), {k: str(v) for k, v in value.dtypes.items()}]
    return [type(value).__name__, repr(value)]


if __name__ == "__main__":
    # The client talks while it works; the answer is the last line.
    function, *arguments = sys.argv[1:]
    answer = {"run": run, "load": load, "refused": refused}[function](*arguments)
    print(json.dumps(answer))
