"""What a save spends on metadata and previews."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import artifact_plugins as ap
from artifact_plugins.session import saving

ROWS = 200_000
VALUES = {
    "document": lambda: [{"name": f"n{i}", "delay": i / 3} for i in range(20_000)],
    "text": lambda: "text " * ROWS,
    "array": lambda: np.arange(10 * ROWS, dtype="f8"),
    "frame": lambda: pd.DataFrame({"x": np.arange(ROWS) / 3, "name": list(map(str, range(ROWS)))}),
    "series": lambda: pd.Series(np.arange(ROWS) / 3, name="x"),
    "table": lambda: pa.table({"x": np.arange(ROWS) / 3, "name": list(map(str, range(ROWS)))}),
}


@pytest.mark.parametrize("kind", VALUES)
def test_describing_a_value_costs_less_than_saving_it(tmp_path, monkeypatch, kind):
    """Metadata and previews together take under half the processor time of the save."""
    spent = 0.0

    def timed(function: Any) -> Any:
        def call(*args: Any) -> Any:
            nonlocal spent
            started = time.process_time()
            try:
                return function(*args)
            finally:
                spent += time.process_time() - started

        return call

    monkeypatch.setattr(saving, "_described", timed(saving._described))
    monkeypatch.setattr(saving, "_previews", timed(saving._previews))
    settings = ap.Settings(
        store_url=str(tmp_path / "store"), ledger_url="sqlite://", durability="process"
    )
    value, shares = VALUES[kind](), []
    with ap.open_session(settings) as session:
        for _ in range(4):  # the first imports and compiles
            spent, started = 0.0, time.process_time()
            session.save(value, kind)
            shares.append(spent / (time.process_time() - started))

    assert 0 < min(shares[1:]) < 0.5
