"""Small pipelines with everything that ZenML has to show."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd

import artifact_plugins as ap


@ap.step
def load_flights(month: int) -> Annotated[pd.DataFrame, ap.Output("flights", tags=["raw"])]:
    ap.log_metadata({"a:b": 1, "month": month, "none": None})
    return pd.DataFrame(
        {"delay": [float(n * month) for n in range(1000)], "carrier": ["UA"] * 1000}
    )


@ap.step
def mean_delay(flights: pd.DataFrame, carrier: str = "UA") -> float:
    return float(flights[flights.carrier == carrier].delay.mean())


@ap.step
def rank(delays: list[float]) -> Annotated[dict[str, float], ap.Output("ranking")]:
    return {f"m{n}": value for n, value in enumerate(sorted(delays))}


@ap.pipeline
def delays(months: list[int] = [1, 2], carrier: str = "UA") -> Any:
    flights = load_flights.map(month=months)
    return rank(mean_delay.partial(carrier=carrier).map(flights=flights))


@ap.step
def make(x: int = 1) -> Annotated[int, ap.Output("number")]:
    return x


@ap.step
def use(i: int, k: int = 1) -> Annotated[int, ap.Output("used")]:
    return i + k


@ap.pipeline
def chain() -> Any:
    return use(make())


@ap.step
def log_then_fail(i: int) -> int:
    ap.log_artifact("seen", {"i": i})
    raise RuntimeError("no such carrier")


@ap.pipeline
def failing() -> None:
    log_then_fail(make())
