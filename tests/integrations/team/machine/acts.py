"""What the people at a machine do: `python -m acts NAME ARGUMENTS...` prints JSON."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from flight_delays import steps

import artifact_plugins as ap
from artifact_plugins.errors import LineageConflictError
from artifact_plugins.records import VersionQuery, every
from artifact_plugins.session import current_session


def look_first() -> list[str]:
    """Open the team's place, which makes what is not there yet; return its versions."""
    return [str(version) for version in current_session().versions()]


def run(months: str, carrier: str = "UA") -> dict[str, Any]:
    """Run the pipeline; return ids, values and the states and links of its tasks."""
    done = steps.delays(months=json.loads(months), carrier=carrier)
    return {
        "run": done.id,
        "model": done["model"].id,
        "states": {task.scope_path: task.state.value for task in done.tasks()},
        "links": shape(done),
    }


def shape(done: Any) -> list[str]:
    paths = {task.id: task.scope_path for task in done.tasks()}
    return sorted(
        f"{paths[link.task_id]} {link.io_type.value} {link.key} {link.producer} {link.position} "
        f"{link.value!r}"
        for link in done.links()
    )


def publish(run_id: str) -> dict[str, str]:
    """Tag what a run ranked, point an alias at its model, save a value by hand."""
    session = current_session()
    (model,) = session.versions('run_id == "' + run_id + '" and name == "model"')
    session.tag(model, add=["reviewed"])
    session.set_alias(model, "prod", expected=None)
    session.set_alias(session.save("first", "choice"), "best", expected=None)
    notes = session.save({"by": "hand", "of": [1, 2, None]}, "notes", tags=["raw"])
    return {"model": str(model), "notes": notes.id}


def dump(path: str) -> list[str]:
    """Write every value there is into a file; return the ids."""
    session = current_session()
    found = {v.id: session.load(v) for v in every(session.ledger.versions, VersionQuery())}
    Path(path).write_bytes(pickle.dumps(found))
    return sorted(found)


def check(path: str) -> dict[str, Any]:
    """Load every version by its id and compare it with what was written."""
    session = current_session()
    wanted = pickle.loads(Path(path).read_bytes())
    for version_id, value in wanted.items():
        assert_equal(session.load(session.ledger.version(version_id)), value)
    return {"count": len(wanted), "types": sorted({type(v).__name__ for v in wanted.values()})}


def assert_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    else:
        assert one == other


def use(flights: str, legs: str) -> dict[str, Any]:
    """Run a pipeline over versions that somebody else made."""
    session = current_session()
    done = steps.compares(session.find(flights), session.find(legs))
    return {
        "value": done.load("margin"),
        "links": shape(done),
        "types": {task.name: task.type.value for task in done.tasks()},
        "upstream": ap.lineage(done["margin"]).upstream().to_json(),
    }


def move_alias() -> dict[str, Any]:
    """Read who has `best`, say so, wait, then move it on if that is still true."""
    session = current_session()
    before = session.find("choice@best")
    other = session.save("another", "choice")
    print("read", flush=True)
    sys.stdin.readline()
    try:
        session.set_alias(other, "best", expected=before)
    except LineageConflictError as error:
        return {"conflict": str(error), "holder": str(session.find("choice@best"))}
    return {"holder": str(session.find("choice@best"))}


def save_many(count: str, label: str) -> list[int]:
    """Save versions of one artifact, every tenth of them too large for its record."""
    session = current_session()
    print("ready", flush=True)
    sys.stdin.readline()
    found = []
    for number in range(int(count)):
        value = [label, number, "x" * 9000 if number % 10 == 0 else ""]
        found.append(session.save(value, "raced").version)
    return found


def workers() -> dict[str, Any]:
    """Run steps in workers that have no password of the ledger."""
    from loky import ProcessPoolExecutor

    with (
        ProcessPoolExecutor(2, env={"PGPASSWORD": "not known here"}) as executor,
        ap.open_session(runtime=executor),
    ):
        with ap.start_run("workers"):
            seen = ap.value(steps.process_and_rows(steps.load_flights(4)))
        try:
            with ap.start_run("by-hand"):
                steps.reads_by_hand("flights")
        except ap.ArtifactPluginsError as error:
            refused = f"{type(error).__name__}: {error}"
    return {"driver": os.getpid(), "seen": seen, "refused": refused}


def through_outage() -> list[Any]:
    """Do what is asked on stdin, a line each, and go on after errors."""
    session = current_session()
    print("ready", flush=True)
    told: list[Any] = []
    for line in sys.stdin:
        what, *given = line.split()
        try:
            told.append(_ask(session, what, *given))
        except ap.ArtifactPluginsError as error:
            retryable = getattr(error, "retryable", None)
            told.append({"error": type(error).__name__, "said": str(error), "again": retryable})
        print(json.dumps(told[-1]), flush=True)
    return told


def _ask(session: ap.Session, what: str, *given: str) -> Any:
    if what == "save":
        return session.save(np.arange(int(given[0])), "arrays").version
    if what == "small":
        return session.save(given[0], "small").version
    if what == "load":
        return len(session.load(given[0]))
    if what == "run":
        return steps.delays(months=[1, 2]).load("model")["depth"]
    return [str(version) for version in session.versions(f'name == "{given[0]}"')]


def long_run(count: str, seconds: str) -> dict[str, Any]:
    """Run a pipeline that lasts; return what it made."""
    print("ready", flush=True)
    done = steps.long_one(numbers=list(range(int(count))), seconds=float(seconds))
    return {"run": done.id, "total": done.load("total")}


def look_at(run_id: str) -> dict[str, Any]:
    """Return how a run stands in the ledger."""
    session = current_session()
    filter_text = f'run_id == "{run_id}"'
    tasks = list(every(session.tasks, filter_text))
    versions = list(every(session.versions, filter_text))
    links = list(every(session.links, filter_text))
    return {
        "state": session.ledger.run(run_id).state.value,
        "tasks": sorted(f"{task.scope_path} {task.state.value}" for task in tasks),
        "versions": sorted([v.artifact, v.version] for v in versions),
        "outputs": sorted(link.version_id for link in links if link.io_type.is_output),
        "links": len(links),
        "different_links": len({(x.task_id, x.io_type, x.key, x.position) for x in links}),
        "documents": list(session.store.run_ids()).count(run_id),
    }


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    answer = globals()[name](*arguments)
    print(json.dumps(answer, default=str), flush=True)
