"""Runs inside an environment with the real Dioptra: what its worker does with one job.

Reads a job as JSON from stdin and answers with JSON on the last line of
stdout. The folders are laid out and the functions called as in
`dioptra.sdk.utilities.run_dioptra_job`; only the download of bundles and the
upload to MLflow are left out.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import structlog
from dioptra.sdk.api.artifact import ArtifactTaskInterface
from dioptra.sdk.utilities import run_dioptra_job
from dioptra.task_engine import task_engine


def main() -> None:
    job = json.load(sys.stdin)
    os.chdir(job["folder"])
    here = Path.cwd()
    context = SimpleNamespace(
        serialize_dir=here / "serialize",
        deserialize_dir=here / "deserialize",
        artifacts_dir=here / "artifacts",
        plugins_dir=here / "plugins",
        engine_schema_file=here / "schema.json",
    )
    (here / ".dioptra").mkdir(exist_ok=True)
    log = structlog.get_logger()
    tasks = run_dioptra_job._build_artifact_tasks(context, job["artifact_plugins"], log)
    assert all(issubclass(entry["task"], ArtifactTaskInterface) for entry in tasks.values())
    task_engine.run_experiment(
        experiment_desc=job["experiment"],
        global_parameters={},
        artifact_parameters=job["artifact_parameters"],
        artifact_tasks=tasks,
        artifacts_dir=context.artifacts_dir,
        plugins_dir=context.plugins_dir,
        serialize_dir=context.serialize_dir,
        deserialize_dir=context.deserialize_dir,
    )
    written = here / ".dioptra" / "artifacts.json"
    answer = {
        "artifacts": json.loads(written.read_text())["artifacts"] if written.exists() else [],
        "validation": {name: entry["task"].validation() for name, entry in tasks.items()},
        "has_artifact_plugins": "artifact_plugins" in sys.modules,
    }
    print("\n" + json.dumps(answer), flush=True)


main()
# As the work horse of RQ leaves, which runs a worker's job. An interpreter that is
# taken down while a thread of Arrow lets go of a Python file aborts at times:
# https://github.com/apache/arrow/issues/34314
os._exit(0)
