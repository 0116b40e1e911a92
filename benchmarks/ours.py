"""The workloads as a user of artifact_plugins writes them, `ours.py W1 DIR`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import workloads as w

import artifact_plugins as ap
from artifact_plugins.records import VersionQuery


@ap.step
def inc(x: int) -> int:
    return x + 1


@ap.step
def numbers(n: int) -> list[int]:
    return list(range(n))


@ap.step
def total(xs: list[int]) -> int:
    return sum(xs)


def chain(session: ap.Session) -> dict[str, float]:
    """W1."""
    cpu, started = w.cpu(), w.now()
    with ap.start_run("chain"):
        x = inc(0)
        for _ in range(w.CHAIN - 1):
            x = inc(x)
    seconds, cpu = w.now() - started, w.cpu() - cpu
    assert ap.value(x) == w.CHAIN
    return {"seconds": seconds / w.CHAIN, "cpu_seconds": cpu / w.CHAIN}


def fan(session: ap.Session) -> dict[str, float]:
    """W2."""
    cpu, started = w.cpu(), w.now()
    with ap.start_run("fan"):
        handle = total(inc.map(x=numbers(w.FAN)))
    seconds, cpu = w.now() - started, w.cpu() - cpu
    assert ap.value(handle) == sum(range(1, w.FAN + 1))
    return {"seconds": seconds, "cpu_seconds": cpu}


_LOAD = """
import json, sys
sys.path.insert(0, {here!r})
import artifact_plugins as ap, workloads as w, pandas, numpy, pyarrow
with ap.open_session() as session:
    session.load("warm")
    w.reset_peak(); before = w.memory_mb("VmRSS"); started = w.now()
    value = session.load("make")
    seconds = w.now() - started
    peak = w.memory_mb("VmHWM") - before
    assert w.BIG[{name!r}][1](value) is not None
print(json.dumps([seconds, peak]))
"""


def big(name: str, session: ap.Session) -> dict[str, float]:
    """W3 to W5 and W7: end of the producer to the value in the consumer; a load elsewhere."""
    import pandas as pd

    marks: dict[str, Any] = {}

    def make() -> Any:
        value = w.BIG[name][0]()
        marks["sum"] = w.BIG[name][1](value)
        w.reset_peak()
        marks["before"] = w.memory_mb("VmRSS")
        marks["made"] = w.now()
        return value

    make.__annotations__["return"] = w.declared(name)  # as the author of a step writes it
    make = ap.step(make)

    @ap.step
    def use(value: Any) -> float:
        marks["used"] = w.now()
        marks["peak"] = w.memory_mb("VmHWM")
        return w.BIG[name][1](value)

    session.save(pd.DataFrame({"a": [1.0], "b": ["x"]}), "warm")
    session.load("warm")
    with ap.start_run("big"):
        handle = make()
        result = use(handle)
    assert ap.value(result) == marks["sum"]
    code = _LOAD.format(here=str(Path(__file__).parent), name=name)
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    load_seconds, load_peak = json.loads(loaded.stdout.splitlines()[-1])
    return {
        "seconds": marks["used"] - marks["made"],
        "load_seconds": load_seconds,
        "peak_extra_mb": marks["peak"] - marks["before"],
        "load_peak_mb": load_peak,
        "value_mb": handle.version.size_bytes / 1e6,
    }


def registry(session: ap.Session) -> dict[str, float]:
    """W6."""
    started = w.now()
    for number in range(w.REGISTRATIONS):
        session.save(w.small_dict(number), f"metrics_{number % 10}")
    done = w.now()
    query = VersionQuery(project="default", artifact="metrics_3")
    session.ledger.versions(query, limit=20)
    first = w.now()
    session.ledger.versions(query, limit=20)
    return {
        "seconds": (done - started) / w.REGISTRATIONS,
        "list_seconds": w.now() - first,
    }


if __name__ == "__main__":
    workload = sys.argv[1]
    with ap.open_session() as opened:
        opened.save(0, "first")
        jobs = {"W1": chain, "W2": fan, "W6": registry}
        w.report(jobs[workload](opened) if workload in jobs else big(workload, opened))
