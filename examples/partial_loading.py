"""Written by pandas, read as Arrow, and only the columns asked for."""

from __future__ import annotations

from typing import Annotated

import pandas as pd
import pyarrow as pa

import artifact_plugins as ap


@ap.step
def trips() -> Annotated[pd.DataFrame, "trips"]:
    """Make a table of 100,000 rows."""
    rows = range(100_000)
    return pd.DataFrame({"id": rows, "miles": [r % 50 / 2 for r in rows], "note": "fine"})


@ap.step
def total_miles(trips: Annotated[pa.Table, ap.Input(columns=["miles"])]) -> float:
    """Sum one column; the annotation says Arrow, so Arrow it is."""
    print("columns read:", trips.column_names)
    return float(sum(trips["miles"].to_pylist()))


@ap.step
def first_rows(trips: ap.Lazy[pd.DataFrame]) -> list[int]:
    """Load on demand, and only three rows."""
    return [int(n) for n in trips.load(columns=["id"], rows=slice(0, 3))["id"]]


with ap.start_run("partial") as run:
    made = trips()
    miles, head = total_miles(made), first_rows(made)

print("miles:", ap.value(miles), "| first ids:", ap.value(head))
