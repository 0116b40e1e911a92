"""What the machine does with no framework: a file and a SQLite row per value, `raw.py W1 DIR`."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import sys
from pathlib import Path
from typing import Any

import workloads as w


class Registry:
    """Write the value, then one row and one link in one transaction.

    With `run.py --durability full`, file, folder and transaction are synced.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0
        self.db = sqlite3.connect(root / "raw.sqlite", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(f"PRAGMA synchronous={'FULL' if w.IS_DURABLE else 'NORMAL'}")
        self.db.execute(
            "CREATE TABLE artifact(id INTEGER PRIMARY KEY, name TEXT, uri TEXT, made REAL)"
        )
        self.db.execute("CREATE INDEX by_name ON artifact(name, id)")
        self.db.execute("CREATE TABLE link(step INTEGER, artifact INTEGER, kind TEXT)")

    def save(self, name: str, data: bytes, source: int | None = None) -> int | None:
        """Register one value."""
        self.count += 1
        path = self.root / f"{self.count}.bin"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(data)
            if w.IS_DURABLE:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        if w.IS_DURABLE:
            folder = os.open(self.root, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        self.db.execute("BEGIN")
        row = self.db.execute(
            "INSERT INTO artifact(name, uri, made) VALUES(?,?,?)", (name, str(path), w.now())
        )
        if source is not None:
            self.db.execute("INSERT INTO link VALUES(?,?,'in')", (self.count, source))
        self.db.execute("COMMIT")
        return row.lastrowid


def chain(root: Path) -> dict[str, float]:
    """W1."""
    registry, source = Registry(root), None
    cpu, started = w.cpu(), w.now()
    for value in range(1, w.CHAIN + 1):
        source = registry.save(f"x{value}", pickle.dumps(value), source)
    seconds, cpu = w.now() - started, w.cpu() - cpu
    return {"seconds": seconds / w.CHAIN, "cpu_seconds": cpu / w.CHAIN}


def fan(root: Path) -> dict[str, float]:
    """W2."""
    registry = Registry(root)
    cpu, started = w.cpu(), w.now()
    source = registry.save("xs", pickle.dumps(list(range(w.FAN))))
    made = [registry.save("y", pickle.dumps(x + 1), source) for x in range(w.FAN)]
    registry.save("total", pickle.dumps(sum(range(1, w.FAN + 1))), made[-1])
    return {"seconds": w.now() - started, "cpu_seconds": w.cpu() - cpu}


def big(workload: str, root: Path) -> dict[str, float]:
    """W3 to W5 and W7: write one value and read it back."""
    value = w.BIG[workload][0]()
    path = root / "value.bin"
    w.reset_peak()
    started = w.now()
    if workload in ("W3", "W5"):
        import pyarrow.feather as feather

        feather.write_feather(value, path, compression="uncompressed")
        saved = w.now()
        back: Any = feather.read_feather(path)
    elif workload == "W4":
        import numpy as np

        np.save(path.with_suffix(".npy"), value)
        saved = w.now()
        back = np.load(path.with_suffix(".npy"))
    else:
        path.write_bytes(pickle.dumps(value, protocol=5))
        saved = w.now()
        back = pickle.loads(path.read_bytes())
    done = w.now()
    assert w.BIG[workload][1](back) == w.BIG[workload][1](value)
    return {"seconds": done - started, "load_seconds": done - saved}


def registry(root: Path) -> dict[str, float]:
    """W6."""
    store = Registry(root)
    started = w.now()
    for number in range(w.REGISTRATIONS):
        store.save(f"metrics_{number % 10}", json.dumps(w.small_dict(number)).encode())
    done = w.now()
    store.db.execute(
        "SELECT * FROM artifact WHERE name='metrics_3' ORDER BY id DESC LIMIT 20"
    ).fetchall()
    return {"seconds": (done - started) / w.REGISTRATIONS, "list_seconds": w.now() - done}


if __name__ == "__main__":
    name, folder = sys.argv[1], Path(sys.argv[2])
    jobs = {"W1": chain, "W2": fan, "W6": registry}
    w.report(jobs[name](folder) if name in jobs else big(name, folder))
