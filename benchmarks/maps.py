"""Maps of any length and cached maps: what one item costs, and how much memory all of them.

    maps.py [--reps 3] [--sizes 200,2000,10000] [--json FILE]

Each measurement is a fresh process in a fresh folder; the best of the
repetitions counts. Beside each stands a bare loop over as many items: a file
and a SQLite row for each of them, or for hits of the cache a row and a file
found by their key and a new row for the link.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import workloads as w
from raw import Registry
from rich.console import Console
from rich.table import Table
from run import measure, shown

import artifact_plugins as ap

HITS = 1000


@ap.step
def plus_one(x: int) -> int:
    return x + 1


@ap.step(cache=True)
def plus_one_cached(x: int) -> int:
    return x + 1


def mapped(folder: Path, count: int, runtime: str) -> dict[str, float]:
    """Map a trivial step over `count` items in a run."""
    with ap.open_session(ap.Settings(runtime=runtime)) as session:
        with ap.start_run("warm"):
            plus_one.map(x=list(range(5)))
        timer = _Timer()
        with ap.start_run("map") as run:
            done = plus_one.map(x=list(range(count)))
        figures = timer.figures(count)
        assert ap.value(done) == list(range(1, count + 1))
        assert len(session.ledger.links(ap.records.LinkQuery(run_id=run.id), limit=1)) == 1
    return figures


def bare(folder: Path, count: int, runtime: str) -> dict[str, float]:
    """Write a file and a row for each item."""
    registry = Registry(folder)
    source = registry.save("xs", pickle.dumps(list(range(count))))
    timer = _Timer()
    for item in range(count):
        registry.save("y", pickle.dumps(item + 1), source)
    return timer.figures(count)


def hits(folder: Path, count: int, runtime: str) -> dict[str, float]:
    """Map a cached step a second time: every item is served from the cache."""
    with ap.open_session(ap.Settings(runtime=runtime)):
        items = list(range(count))
        with ap.start_run("first"):
            plus_one_cached.map(x=items)
        timer = _Timer()
        with ap.start_run("second") as run:
            plus_one_cached.map(x=items)
        figures = timer.figures(count)
        states = {str(task.state) for task in run.tasks() if task.name.startswith("plus_one")}
    assert "CACHED" in states, states
    return figures


def bare_hits(folder: Path, count: int, runtime: str) -> dict[str, float]:
    """Find each item by its key, read it, and write down that it was used."""
    registry = Registry(folder)
    for item in range(count):
        registry.save(_key(item), pickle.dumps(item + 1))
    timer = _Timer()
    for item in range(count):
        text = "SELECT id, uri FROM artifact WHERE name = ?"
        number, uri = registry.db.execute(text, (_key(item),)).fetchone()
        assert pickle.loads(Path(uri).read_bytes()) == item + 1
        registry.db.execute("INSERT INTO link VALUES(?,?,'in')", (item, number))
    return timer.figures(count)


def _key(item: int) -> str:
    return hashlib.sha256(b"plus_one" + pickle.dumps(item)).hexdigest()


class _Timer:
    """Starts when it is made."""

    def __init__(self) -> None:
        w.reset_peak()
        self._before = w.memory_mb("VmRSS")
        self._cpu = w.cpu()
        self._started = w.now()

    def figures(self, count: int) -> dict[str, float]:
        """Return seconds and CPU seconds for each item, and by how many MB the process grew."""
        seconds, cpu = w.now() - self._started, w.cpu() - self._cpu
        return {
            "seconds": seconds / count,
            "cpu_seconds": cpu / count,
            "peak_mb": w.memory_mb("VmHWM") - self._before,
        }


JOBS: dict[str, Callable[[Path, int, str], dict[str, float]]] = {
    job.__name__: job for job in (mapped, bare, hits, bare_hits)
}


def best_of(name: str, count: int, runtime: str, reps: int) -> dict[str, float]:
    """Return the best of several fresh processes."""
    runs = [measure("maps.py", "--one", name, str(count), runtime) for _ in range(reps)]
    return {key: min(run[key] for run in runs) for key in runs[0]}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--sizes", default="200,2000,10000")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    cases = [
        (f"map over {size:,}, {runtime}", "mapped", "bare", int(size), runtime)
        for size in map(int, chosen.sizes.split(","))
        for runtime in ("inline", "threads:2")
    ]
    cases.append((f"{HITS:,} hits of the cache", "hits", "bare_hits", HITS, "inline"))
    table = Table("each item", "raw", "ours", "ours / raw", "CPU", "memory for all", "raw memory")
    results = {}
    for title, ours_name, raw_name, count, runtime in cases:
        raw = best_of(raw_name, count, runtime, chosen.reps)
        our = best_of(ours_name, count, runtime, chosen.reps)
        results[title] = {"raw": raw, "ours": our}
        table.add_row(
            title,
            shown(raw["seconds"]),
            shown(our["seconds"]),
            f"{our['seconds'] / raw['seconds']:.1f}",
            shown(our["cpu_seconds"]),
            f"{our['peak_mb']:.0f} MB",
            f"{raw['peak_mb']:.0f} MB",
        )
    Console(width=120).print(table, f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one, size, lane, where = sys.argv[2:6]
        w.report(JOBS[one](Path(where), int(size), lane))
    else:
        main()
