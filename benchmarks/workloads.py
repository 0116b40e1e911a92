"""The values of the workloads W3 to W7, and how a process reports what it measured."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
# Set by run.py for raw.py and ours.py alike.
IS_DURABLE = os.environ.get("ARTIFACT_PLUGINS_DURABILITY") == "full"
now = time.perf_counter
# Of all threads; on a busy machine it moves less than the clock on the wall.
cpu = time.process_time


def scaled(count: int) -> int:
    """Shrink a size for a quick run (`BENCH_SCALE=0.01`)."""
    return max(5, int(count * SCALE))


CHAIN, FAN = scaled(100), scaled(200)
FRAME_ROWS, ARRAY_LENGTH, MIXED_ROWS = scaled(10_000_000), scaled(40_000_000), scaled(1_000_000)
REGISTRATIONS, OBJECTS = scaled(10_000), scaled(200)


def big_frame() -> Any:
    """10,000,000 x 4 float64 out of one block, 320 MB."""
    import numpy as np
    import pandas as pd

    block = np.random.default_rng(0).standard_normal((FRAME_ROWS, 4))
    return pd.DataFrame(block, columns=list("abcd"))


def big_array() -> Any:
    """40,000,000 float64, 320 MB."""
    import numpy as np

    return np.random.default_rng(0).standard_normal(ARRAY_LENGTH)


def mixed_frame() -> Any:
    """1,000,000 rows: int, float, category, string, tz datetime, bool."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    letters = rng.integers(0, 26, (1000, 10)) + 97
    words = np.array(["".join(map(chr, row)) for row in letters], dtype=object)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    return pd.DataFrame(
        {
            "i": rng.integers(0, 1 << 40, MIXED_ROWS),
            "f": rng.standard_normal(MIXED_ROWS),
            "c": pd.Categorical.from_codes(rng.integers(0, 8, MIXED_ROWS), list("stuvwxyz")),
            "s": words[rng.integers(0, 1000, MIXED_ROWS)],
            "t": start + pd.to_timedelta(rng.integers(0, 10**9, MIXED_ROWS), unit="s"),
            "b": rng.integers(0, 2, MIXED_ROWS).astype(bool),
        }
    )


@dataclass
class Record:
    """The custom object of W7."""

    ident: int
    name: str
    score: float
    tags: list[str] = field(default_factory=list)
    extra: dict[str, float] = field(default_factory=dict)


def objects() -> list[Record]:
    """200 dataclass objects with a nested list and dict each."""
    return [
        Record(i, f"name-{i}", i / 7, ["a", "b", str(i)], {"k": i, "v": i * 0.5})
        for i in range(OBJECTS)
    ]


def small_dict(number: int) -> dict[str, float]:
    """Three numbers of a training epoch."""
    return {"accuracy": number / 3, "loss": 1.0 / (number + 1), "epoch": number}


def declared(name: str) -> Any:
    """Return the type of a workload's value."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame
    return {"W3": frame, "W4": np.ndarray, "W5": frame, "W7": list[Record]}[name]


BIG: dict[str, tuple[Callable[[], Any], Callable[[Any], float]]] = {
    "W3": (big_frame, lambda v: float(v.to_numpy().sum())),
    "W4": (big_array, lambda v: float(v.sum())),
    "W5": (mixed_frame, lambda v: float(v["f"].sum())),
    "W7": (objects, lambda v: float(sum(r.score for r in v))),
}


def reset_peak() -> None:
    """Start a new peak of resident memory (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory_mb(field_name: str) -> float:
    """Return `VmRSS` or `VmHWM` of this process in MB; 0 where there is no /proc."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field_name):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def report(figures: dict[str, float]) -> None:
    """Print the figures as the last line of the process."""
    print("FIGURES " + json.dumps(figures), flush=True)
