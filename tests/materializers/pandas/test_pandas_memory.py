"""Saving a large frame copies no more than a few chunks, loading it copies nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas_files import MemoryFiles

from artifact_materializers.pandas import ipc
from artifact_materializers.pandas.frame import FrameMaterializer

SCRIPT = """
import json, os, sys
import numpy as np, pandas as pd
from pathlib import Path
from artifact_materializers.pandas.frame import FrameMaterializer

def status(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024

folder, rows, way = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
materializer = FrameMaterializer()
small = folder / "small"
small.mkdir()
# Threads and code are in memory after this one.
materializer.save(pd.DataFrame(np.ones((300_000, 2)), copy=False), small)
block = np.random.default_rng(0).standard_normal((rows, 4))
frame = pd.DataFrame(block, columns=list("abcd"), copy=False)
# The highest mark so far is forgotten, so that only what follows counts.
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
if way == "copy":
    frame = pd.DataFrame({name: frame[name].to_numpy().copy() for name in frame})
large = folder / "large"
large.mkdir()
materializer.save(frame, large)
peak = status("VmHWM") - before
del frame, block
before = status("RssAnon")
loaded = materializer.load(large, pd.DataFrame)
after = status("RssAnon") - before
print(json.dumps({"peak": peak, "load": after, "sum": float(loaded["d"].iloc[:5].sum())}))
"""


def measure(folder: Any, way: str) -> dict[str, float]:
    command = [sys.executable, "-c", SCRIPT, str(folder), "2000000", way]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(found.stdout)
    return result


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_saving_a_strided_frame_needs_a_few_chunks(tmp_path: Any) -> None:
    """The peak of a save is at most 35 % above the value, a load of it takes nothing."""
    value_bytes = 2_000_000 * 4 * 8

    found = measure(tmp_path, "plain")

    assert found["peak"] <= 0.35 * value_bytes
    assert found["load"] <= 0.10 * value_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_full_copy_would_be_seen(tmp_path: Any) -> None:
    """Control: copying the columns first raises the peak above that limit."""
    value_bytes = 2_000_000 * 4 * 8

    found = measure(tmp_path, "copy")

    assert found["peak"] > 0.35 * value_bytes


def pieces_of(frame: pd.DataFrame) -> list[int]:
    class Files(MemoryFiles):
        def open(self, name: str) -> Any:
            self.sink = super().open(name)
            return self.sink

    files = Files()
    FrameMaterializer().save_files(frame, files)
    return files.sink.pieces


def test_strided_columns_leave_in_chunks() -> None:
    """A strided column goes out in pieces of at most the chunk size."""
    frame = pd.DataFrame(np.zeros((500_000, 2)), copy=False)

    pieces = pieces_of(frame)

    assert max(pieces) == ipc.SMALLEST_CHUNK_BYTES
    assert sum(pieces) >= 8_000_000


def test_contiguous_columns_leave_in_one_piece() -> None:
    """A contiguous column is handed over as it lies in memory."""
    frame = pd.DataFrame({"a": np.zeros(500_000)}, copy=False)

    pieces = pieces_of(frame)

    assert max(pieces) == 4_000_000


def test_failing_sink_stops_the_save() -> None:
    """An error of the sink in the middle of a gathered column reaches the caller as it is."""

    class Full(MemoryFiles):
        def open(self, name: str) -> Any:
            sink = super().open(name)
            write = sink.write

            def fail(data: Any) -> int:
                if sink.tell() > 3_000_000:
                    raise OSError(28, "No space left on device")
                return write(data)

            sink.write = fail  # type: ignore[method-assign]
            return sink

    frame = pd.DataFrame(np.zeros((500_000, 2)), copy=False)

    with pytest.raises(OSError, match="No space left"):
        FrameMaterializer().save_files(frame, Full())
