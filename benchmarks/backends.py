"""What delivery costs: in the step's own path, after an outage, and beside each system's client.

    backends.py [--reps 5] [--pending 10000] [--systems zenml,kfp,dioptra,mlte] [--json FILE]

Added time of a step: chains of trivial steps with four healthy backends and
`delivery="background"`, and the same chains without backends, in turn; each
pair is a fresh process, the medians over all steps are compared. The backends
are four little registries in a process of their own. `paced` leaves 20 ms
between two steps, as steps that do something would.
Recovery: records that were committed while the backend was away, delivered
when it is there again. Clients: records a second beside the system's own client
doing the same against the same server; only with --systems, since the servers
are installed for it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import workloads as w
from rich.console import Console
from rich.table import Table
from run import measure, shown

import artifact_plugins as ap

SUPPORT = Path(__file__).parents[1] / "tests" / "support"
sys.path.append(str(SUPPORT))
BACKENDS, STEPS, PACED_STEPS, PACE_SECONDS = 4, 300, 100, 0.02
TARGET_SECONDS = 5e-4
SERVE = """
import sys, threading
sys.path.append({support!r})
from little_registry import LittleRegistry
running = [LittleRegistry(int(port)) for port in sys.argv[1:]]
print(*(one.url for one in running), flush=True)
sys.stdin.read()
"""


@ap.step
def plus_one(x: int) -> int:
    return x + 1


@contextmanager
def registries(*ports: int) -> Iterator[list[str]]:
    """Little registries in a process of their own, 0 for any port; yields their URLs."""
    command = [sys.executable, "-c", SERVE.format(support=str(SUPPORT)), *map(str, ports)]
    serving = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        yield serving.stdout.readline().split()
    finally:
        serving.communicate("")


def settings(**given: Any) -> ap.Settings:
    return ap.Settings(plugins=("little_registry",), flush_seconds=0.0, **given)


def chain(count: int, pace_seconds: float) -> list[float]:
    """Return the seconds of each step of a chain."""
    seconds = []
    with ap.start_run("chain"):
        x: Any = 0
        for _ in range(count):
            started = w.now()
            x = plus_one(x)
            seconds.append(w.now() - started)
            if pace_seconds:
                time.sleep(pace_seconds)
    assert ap.value(x) == count
    return seconds


def added(folder: Path, count: int) -> dict[str, float]:
    """Median seconds of a step with and without backends, tight and paced."""
    figures: dict[str, list[float]] = {}
    with registries(*[0] * BACKENDS) as urls:
        for name, backends in (("without", ()), ("with", tuple(urls))) * 2:
            place = {
                "store_url": str(folder / name),
                "ledger_url": f"sqlite:///{folder / name}.sqlite",
            }
            with ap.open_session(settings(backends=backends, **place)) as session:
                chain(20, 0)
                tight = chain(count, 0)
                paced = chain(PACED_STEPS, PACE_SECONDS)
                if backends:
                    assert session.deliverer.flush(300)
                    assert all(one.dead == 0 for one in session.deliverer.status())
            figures.setdefault(f"{name}_tight", []).extend(tight)
            figures.setdefault(f"{name}_paced", []).extend(paced)
    return {f"{name}_seconds": statistics.median(found) for name, found in figures.items()} | {
        f"{name}_p95_seconds": statistics.quantiles(found, n=20)[-1]
        for name, found in figures.items()
    }


def recovery(folder: Path, count: int) -> dict[str, float]:
    """Commit records while nobody is there, then deliver them all."""
    from server_environments import free_port

    port = free_port()
    given = settings(backends=(f"little+http://127.0.0.1:{port}/",))
    with ap.open_session(given):
        for run in range(count // 100):
            with ap.start_run(f"run-{run}"):
                plus_one.map(x=list(range(99)))
    with ap.open_session(given) as session, registries(port):
        (status,) = session.deliverer.status()
        w.reset_peak()
        before, cpu, started = w.memory_mb("VmRSS"), w.cpu(), w.now()
        (after,) = session.deliverer.sync()
        seconds = w.now() - started
        assert (after.pending, after.dead) == (0, 0), after
        return {
            "seconds": seconds,
            "cpu_seconds": w.cpu() - cpu,
            "records": status.pending,
            "records_a_second": status.pending / seconds,
            "peak_mb": w.memory_mb("VmHWM") - before,
        }


JOBS: dict[str, Callable[[Path, int], dict[str, float]]] = {"added": added, "recovery": recovery}


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--pending", type=int, default=10_000)
    parser.add_argument(
        "--systems", default="", help="beside their clients: zenml,kfp,dioptra,mlte"
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    results: dict[str, Any] = {}
    steps = Table("a step", "without", "four backends", "ratio", "added", "target", "p95 added")
    runs = [measure("backends.py", "--one", "added", str(STEPS)) for _ in range(chosen.reps)]
    results["added"] = runs
    for pace in ("tight", "paced"):
        # The pair of one process was measured on one state of the machine.
        without, beside, late = min(
            (
                (r[f"without_{pace}_seconds"], r[f"with_{pace}_seconds"], _late(r, pace))
                for r in runs
            ),
            key=lambda pair: pair[1] - pair[0],
        )
        steps.add_row(
            pace,
            shown(without),
            shown(beside),
            f"{beside / without:.2f}",
            shown(max(0.0, beside - without)),
            shown(TARGET_SECONDS),
            shown(max(0.0, late)),
        )
    found = measure("backends.py", "--one", "recovery", str(chosen.pending))
    results["recovery"] = found
    back = Table("after an outage", "records", "seconds", "records/s", "CPU", "memory")
    back.add_row(
        "one backend, four streams",
        f"{found['records']:.0f}",
        shown(found["seconds"]),
        f"{found['records_a_second']:.0f}",
        shown(found["cpu_seconds"]),
        f"{found['peak_mb']:.0f} MB",
    )
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    console = Console(width=120)
    console.print(steps, back, load)
    if chosen.systems:
        from backend_clients import compare

        results["clients"] = compare(chosen.systems.split(","), console)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1))


def _late(run: dict[str, float], pace: str) -> float:
    return run[f"with_{pace}_p95_seconds"] - run[f"without_{pace}_p95_seconds"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        job, size, where = sys.argv[2:5]
        w.report(JOBS[job](Path(where), int(size)))
    else:
        main()
