"""One pipeline with everything that links are about."""

from __future__ import annotations

from typing import Annotated

import artifact_plugins as ap


@ap.step
def make(x: int) -> Annotated[dict[str, int], "o"]:
    return {"x": x}


@ap.step(cache=True)
def double(i: dict[str, int], factor: int = 2) -> Annotated[dict[str, int], "o"]:
    return {"x": i["x"] * factor}


@ap.step
def gather(i: list[dict[str, int]]) -> Annotated[int, ap.Output("total", artifact_type="Metric")]:
    return sum(one["x"] for one in i)


@ap.step
def scores(i: int) -> Annotated[dict[str, float], ap.Output("scores", artifact_type="Metrics")]:
    return {"rmse": i / 3, "n": 0.0}


@ap.step
def is_big(i: int) -> bool:
    return i > 3


@ap.step
def report(i: int, word: str = "big") -> Annotated[str, ap.Output("report", tags=["r", "raw"])]:
    ap.log_artifact("plot", {"i": i})
    ap.log_metadata({"i": i})
    return f"{word} {i}"


@ap.step
def breaks(i: str) -> Annotated[str, "never"]:
    ap.log_artifact("before", 1)
    raise ZeroDivisionError("it breaks")


@ap.step
def status(s: ap.FinalStatus) -> Annotated[str, "status"]:
    return s.state


@ap.pipeline
def inner(d: dict[str, int], factor: int):
    return double(double(i=d, factor=factor), factor=1)


@ap.pipeline(on_exit=status)
def everything(xs: list[int], factor: int = 3):
    made = make.map(x=xs)
    used = double.partial(factor=factor).map(i=made)
    nested = inner.map(d=used, factor=xs)
    make.map(x=[5, 5])
    total = gather(used)
    gather(nested)
    gather([make(1), make(2)])
    scores(total)
    return ap.one_of(
        is_big(total), true=lambda: report(total), false=lambda: report(total, word="small")
    )


@ap.pipeline
def failing(x: int):
    return breaks(report(gather([make(x)])))


@ap.pipeline
def small(x: int):
    made = make.map(x=[x])
    return report(gather(made))
