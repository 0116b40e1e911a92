"""The steps that a KFP component calls."""

from typing import Annotated

import artifact_plugins as ap


@ap.step
def load(rows: int) -> Annotated[list[int], "rows"]:
    """Make some rows."""
    return list(range(rows))


@ap.step
def fit(rows: list[int]) -> Annotated[float, ap.Output("score", artifact_type="Metric")]:
    """Make a number of them."""
    return sum(rows) / 4
