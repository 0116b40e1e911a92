"""Save with one tree of code and load with another, each in a process of its own.

drift_workers.py JOBS    a JSON file with a list of jobs; results are written beside it
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import artifact_plugins as ap

decisions: list[Any] = []


@ap.hookimpl
def after_artifact_loaded(decision: Any) -> None:
    """Remember with which code a version was loaded."""
    decisions.append(decision)


def attribute(path: str) -> Any:
    """Import `module:name`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def save(session: ap.Session, job: dict[str, Any]) -> dict[str, Any]:
    """Save the sample of the tree."""
    value = attribute(job["sample"])()
    version = session.save(value, job["name"], materializer=attribute(job["writer"]))
    return {"facts": value.facts(), "snapshot": version.plugin_snapshot}


def load(session: ap.Session, job: dict[str, Any]) -> dict[str, Any]:
    """Load what the other tree saved, explain it, and save and load it once more."""
    explained = session.explain_load(job["name"])
    value = session.load(job["name"])
    found = {
        "facts": value.facts(),
        "class": type(value).__module__,
        "code": decisions[-1].code,
        "explained": explained.decision.code if explained.decision else repr(explained.error),
    }
    if job["live"]:
        found["live"] = attribute(job["new_sample"])().facts()
    return found


def main(jobs: Path) -> None:
    """Run each job in a fork; what all of them need is imported before."""
    with ap.open_session(ap.Settings(store_url="memory://warm", ledger_url="sqlite://")) as warm:
        warm.explain_load(warm.save([0] * 9000, "warm"))
    for number, job in enumerate(json.loads(jobs.read_text())):
        if os.fork() == 0:
            try:
                sys.path.insert(0, job["tree"])
                settings = ap.Settings(**job["settings"], plugins=("drift_workers",))
                with ap.open_session(settings) as session:
                    result = {"save": save, "load": load}[job["action"]](session, job)
            except BaseException:  # the test shows it
                result = {"error": traceback.format_exc()}
            jobs.with_name(f"{number}.json").write_text(json.dumps(result))
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.modules["drift_workers"] = sys.modules["__main__"]
    main(Path(sys.argv[1]))
