"""Steps and pipelines of the team."""

from __future__ import annotations

import os
import time
from datetime import date
from typing import Annotated, Any

import numpy as np
import pandas as pd

import artifact_plugins as ap
from flight_delays.legs import Leg

CARRIERS = ("UA", "AA", "DL")


@ap.step
def load_flights(month: int, rows: int = 3000) -> Annotated[pd.DataFrame, "flights"]:
    numbers = np.arange(rows)
    return pd.DataFrame(
        {
            "carrier": pd.Categorical.from_codes(numbers % 3, list(CARRIERS)),
            "day": pd.Timestamp(2013, month, 1) + pd.to_timedelta(numbers % 28, unit="D"),
            "delay": (numbers * month % 97) / 7.0,
            # Enough different values that the file is too large for its record.
            "miles": numbers * 37 % 2903,
        }
    )


def of_carrier(flights: pd.DataFrame, carrier: str) -> pd.DataFrame:
    return flights[flights["carrier"] == carrier]


@ap.step(cache=True)
def mean_delay(flights: pd.DataFrame, carrier: str) -> Annotated[float, "delay"]:
    return float(of_carrier(flights, carrier)["delay"].mean())


@ap.step
def worst(flights: pd.DataFrame, count: int = 300) -> Annotated[list[Leg], "worst"]:
    found = flights.nlargest(count, "delay")
    return [
        Leg(str(carrier), day.date(), float(delay))
        for carrier, day, delay in zip(found["carrier"], found["day"], found["delay"], strict=True)
    ]


@ap.step
def rank(delays: list[float]) -> Annotated[pd.DataFrame, ap.Output("ranking", tags=["report"])]:
    return pd.DataFrame({"delay": sorted(delays)})


@ap.step
def size_of(ranking: pd.DataFrame) -> str:
    return "big" if len(ranking) > 2 else "small"


@ap.step
def train(ranking: pd.DataFrame, depth: int) -> Annotated[dict[str, Any], "model"]:
    ap.log_metadata({"depth": depth, "rmse": 0.25})
    return {"depth": depth, "weights": ranking["delay"].tolist(), "since": date(2013, 1, 1)}


@ap.pipeline
def delays(months: list[int] = [1, 2, 3], carrier: str = "UA"):
    flights = load_flights.map(month=months)
    means = mean_delay.partial(carrier=carrier).map(flights=flights)
    worst.map(flights=flights)
    ranking = rank(means)
    return ap.one_of(
        size_of(ranking), big=lambda: train(ranking, 8), small=lambda: train(ranking, 2)
    )


@ap.step
def compare(flights: pd.DataFrame, legs: list[Leg], margin: float) -> Annotated[float, "margin"]:
    return max(leg.delay for leg in legs) - float(flights["delay"].mean()) - margin


@ap.pipeline
def compares(flights, legs, margin: float = 0.5):
    return compare(flights, legs, margin)


@ap.step
def slowly(number: int, seconds: float) -> Annotated[np.ndarray, "slow"]:
    time.sleep(seconds)
    return np.full(1000, number)


@ap.step
def total(numbers: list[np.ndarray]) -> Annotated[int, "total"]:
    return int(sum(part.sum() for part in numbers))


@ap.pipeline
def long_one(numbers: list[int], seconds: float):
    return total(slowly.partial(seconds=seconds).map(number=numbers))


@ap.step
def process_and_rows(flights: pd.DataFrame) -> Annotated[list[int], "seen"]:
    return [os.getpid(), len(flights)]


@ap.step
def reads_by_hand(name: str) -> int:
    return len(ap.load_artifact(name))
