"""Loads saved files in a new interpreter, which knows nothing but the files and the code.

Run as a module it is the new interpreter: it reads a job as JSON from stdin
and answers with JSON on stdout.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, TypedDict

from artifact_plugins.contracts.refs import type_path

TIMEOUT_SECONDS = 120


class Case(TypedDict):
    """One saved value: where it lies, its type, and where to save it again."""

    directory: str
    data_type: str
    again: str


def reload_in_fresh_process(
    materializer: type, options_json: str, cases: list[Case], classes: list[type]
) -> list[str]:
    """Load every case in one new process and save what was loaded into `again`.

    The process has another hash seed, so an order that depends on hashes shows.

    Args:
        materializer: A class at module level.
        options_json: Its options.
        cases: What to load.
        classes: Classes whose modules the process needs; a module that cannot
            be imported by name (a test module) is loaded from its file.

    Returns:
        For each case "" or the traceback of what went wrong there.
    """
    modules = {
        cls.__module__: getattr(sys.modules.get(cls.__module__), "__file__", None)
        for cls in (materializer, *classes)
    }
    job = {
        "path": sys.path,
        "modules": modules,
        "materializer": type_path(materializer),
        "options": options_json,
        "cases": cases,
    }
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=False,
    )
    if done.returncode != 0:
        return [f"the process ended with {done.returncode}:\n{done.stderr[-2000:]}"] * len(cases)
    answer: list[str] = json.loads(done.stdout.rpartition("\n")[2])
    return answer


def _answer(job: dict[str, Any]) -> list[str]:
    sys.path[:] = job["path"]
    for name, file in job["modules"].items():
        _import(name, file)
    from artifact_plugins.contracts.refs import find_type  # after sys.path is the parent's
    from artifact_plugins.testing.driver import load_from, save_into
    from artifact_plugins.testing.parts import make_materializer

    cls = find_type(job["materializer"])
    materializer = make_materializer(cls, cls.Options.model_validate_json(job["options"]))  # type: ignore[attr-defined]  # a Materializer, as the parent checked
    errors = []
    for case in job["cases"]:
        try:
            data_type = find_type(case["data_type"])
            value = load_from(materializer, Path(case["directory"]), data_type)
            save_into(materializer, value, Path(case["again"]))
            errors.append("")
        except Exception:  # noqa: BLE001  # reported to the parent
            errors.append(traceback.format_exc(limit=-5))
    return errors


def _import(name: str, file: str | None) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        if file is None:
            raise
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # what plugins print is not the answer
        result = _answer(json.load(sys.stdin))
    sys.stdout.write("\n" + json.dumps(result))
