"""Run every workload raw and ours in turn, and print the ratios: `run.py [--reps 3] [W1 W3 ...]`.

Each measurement is a fresh process in a fresh folder; the best of the
repetitions counts. Times of one machine state only mean something as ratios.
`--durability full` adds every fsync, to the raw limit of W1, W2 and W6 as well;
`BENCH_SCALE=0.01` is a quick look.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
TITLES = {
    "W1": "one trivial step of a chain of 100",
    "W2": "map over 200 items and collect",
    "W3": "DataFrame 10M x 4 float64, handoff",
    "W4": "float64 array of 320 MB, handoff",
    "W5": "mixed DataFrame, 1M rows, handoff",
    "W6": "register a small dict",
    "W7": "list of 200 dataclass objects, handoff",
}
# Design targets in seconds on the reference machine (2 shared cores).
TARGETS = {"W1": 4e-4, "W2": 0.12, "W3": 0.20, "W4": 0.20, "W5": 0.08, "W6": 3e-4, "W7": 2e-3}
FULL_TARGETS = {**TARGETS, "W1": 1e-3}


def measure(script: str, *arguments: str, durability: str = "process") -> dict[str, float]:
    """Run one script in a fresh process and folder, which is its last argument."""
    environment = dict(os.environ, ARTIFACT_PLUGINS_DURABILITY=durability)
    with tempfile.TemporaryDirectory(dir=environment.get("BENCH_FOLDER")) as folder:
        done = subprocess.run(
            [sys.executable, str(HERE / script), *arguments, folder],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stderr}")
    line = next(line for line in done.stdout.splitlines() if line.startswith("FIGURES "))
    figures: dict[str, float] = json.loads(line.removeprefix("FIGURES "))
    return figures


def start_seconds(code: str, repetitions: int) -> float:
    """Best wall time of a fresh interpreter that runs `code`."""
    times = []
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - started)
    return min(times)


def shown(seconds: float) -> str:
    """Format seconds for people."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", default=[])
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--durability", choices=("process", "full"), default="process")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    table = Table("", "workload", "raw", "ours", "ours / raw", "target", "further figures")
    results = {}
    if not chosen.workloads or "W0" in chosen.workloads:
        bare = start_seconds("pass", 5)
        base = start_seconds("import pydantic; pydantic.BaseModel", 5) - bare
        ours = start_seconds("import artifact_plugins", 5) - bare
        results["W0"] = {"raw": base, "ours": ours}
        table.add_row(
            "W0",
            "import (raw: pydantic)",
            shown(base),
            shown(ours),
            f"{ours / base:.2f}",
            "2.5x, 150 ms",
        )
    for workload in chosen.workloads or TITLES:
        if workload == "W0":
            continue
        runs = [
            (
                measure("raw.py", workload, durability=chosen.durability),
                measure("ours.py", workload, durability=chosen.durability),
            )
            for _ in range(chosen.reps)
        ]
        raw = {key: min(r[key] for r, _ in runs) for key in runs[0][0]}
        our = {key: min(o[key] for _, o in runs) for key in runs[0][1]}
        results[workload] = {"raw": raw, "ours": our}
        further = ", ".join(
            f"{key.removesuffix('_seconds')} {shown(value) if key.endswith('seconds') else f'{value:.0f} MB'}"
            for key, value in our.items()
            if key not in ("seconds", "value_mb")
        )
        table.add_row(
            workload,
            TITLES[workload],
            shown(raw["seconds"]),
            shown(our["seconds"]),
            f"{our['seconds'] / raw['seconds']:.2f}",
            shown((FULL_TARGETS if chosen.durability == "full" else TARGETS)[workload]),
            further,
        )
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    Console(width=140).print(table, f"durability {chosen.durability}, {load}")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
