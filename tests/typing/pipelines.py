"""What type checkers see of steps and pipelines; nobody runs this file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, assert_type

import pandas as pd

import artifact_plugins as ap


@ap.step
def load_flights(month: int) -> Annotated[pd.DataFrame, "flights"]:
    return pd.DataFrame({"delay": [month]})


@ap.step(retries=2)
def mean_delay(flights: pd.DataFrame, carrier: str = "UA") -> float:
    return float(len(flights)) + len(carrier)


@ap.step
def rank(delays: list[float]) -> Annotated[pd.DataFrame, ap.Output("ranking", tags=["report"])]:
    return pd.DataFrame({"delay": sorted(delays)})


@ap.step
def split(
    flights: pd.DataFrame,
) -> tuple[Annotated[pd.DataFrame, "early"], Annotated[int, "count"]]:
    return flights, len(flights)


class Scores(NamedTuple):
    rmse: Annotated[float, "rmse"]
    rows: Annotated[int, "rows"]


@ap.step
def score(flights: Annotated[pd.DataFrame, ap.Input(columns=["delay"])]) -> Scores:
    return Scores(0.5, len(flights))


@ap.step
def size(data: ap.Lazy[pd.DataFrame], record: ap.ArtifactVersion) -> int | None:
    assert_type(data.load(), pd.DataFrame)
    assert_type(data.version, ap.ArtifactVersion)
    return record.size_bytes


@ap.step
def lines(count: int) -> Annotated[Iterator[str], "lines"]:
    for number in range(count):
        yield str(number)


@ap.step
def notify(status: ap.FinalStatus, address: str = "") -> None:
    print(status.state, status.error, address)


@ap.pipeline
def delays(months: list[int] = [1, 2, 3], carrier: str = "UA") -> pd.DataFrame:
    flights = load_flights.map(month=months)
    delay = mean_delay.partial(carrier=carrier).map(flights=flights)
    return rank(delay)


@ap.pipeline(on_exit=notify)
def nightly(month: int, wanted: str = "big") -> Any:
    flights = load_flights(month)
    assert_type(flights, pd.DataFrame)
    assert_type(ap.value(flights), pd.DataFrame)
    assert_type(mean_delay(flights), float)
    assert_type(ap.value(mean_delay(flights)), float)

    early, count = split(flights)
    assert_type(early, pd.DataFrame)
    assert_type(ap.value(count), int)
    assert_type(score(flights=early).rmse, float)
    assert_type(lines(3), Iterator[str])
    assert_type(mean_delay.partial(carrier="DL")(flights), float)
    assert_type(size.partial(data=flights, record=flights)(), int | None)

    with ap.exit_handler(notify.partial(address="me@example.org")):
        rank([1.0, mean_delay(early, carrier="DL")])

    ap.for_each(lambda month: mean_delay(load_flights(month)), month=[1, 2])
    chosen = ap.one_of(
        wanted,
        big=lambda: mean_delay(flights),
        small=mean_delay.partial(flights=early),
    )
    return rank([chosen])


def outside() -> None:
    """What a script sees."""
    run = delays(months=[1, 2])
    assert_type(run.record.pipeline, str)
    assert_type(run["ranking"], ap.ArtifactVersion)
    assert_type(run.versions(), list[ap.ArtifactVersion])
    assert_type([link.io_type for link in run.links()], list[ap.IOType])
    assert_type([task.iteration_index for task in run.tasks()], list[int | None])
    assert_type(ap.value(3), int)
    assert_type(ap.value("text"), str)
    assert_type(ap.save(3, "three", tags=["raw"]), ap.ArtifactVersion)
    assert_type(load_flights(1), pd.DataFrame)
    assert_type(load_flights.function(1), pd.DataFrame)
    with ap.start_run("by hand") as by_hand, ap.open_session() as session:
        assert_type(session, ap.Session)
        assert_type(by_hand.id, str)
