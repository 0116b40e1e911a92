"""A ledger of a million versions and five million links: how fast it fills, how fast its pages are.

    scale.py [--database sqlite|postgresql|URL] [--versions 1000000] [--keep DIR] [--json FILE]

Filling goes through `Ledger.write` in batches of 1,000 versions, beside the
bare driver with the same rows in the same run. Then pages of 20 are asked for:
the first, one in the middle and the last, warm (best of seven) and cold (the
ledger dropped from memory before each page). With `--keep` a ledger stays, and
only the pages are measured the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filling import ROWS, Rates, RawRows, best, fill
from places import Place, open_place
from population import LINKS, VERSIONS, Population
from questions import Answer, ask, questions
from rich.console import Console
from rich.table import Table

from artifact_plugins.ledger import Ledger

TARGET_SECONDS = 0.020
_COMPARED = 50
_console = Console(width=140)


def load() -> str:
    """Return how busy the machine was over the last minute."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def measure_filling(
    place: Place, name: str, population: Population, *, batches: int, only_versions: bool
) -> Rates:
    """Fill the ledger `name`, and a few batches of the same rows beside it."""
    started = time.monotonic()

    def told(done: int, seconds: float) -> None:
        if done % 100_000 == 0:
            _console.print(
                f"{done:,} versions after {time.monotonic() - started:.0f} s "
                f"(last batch {seconds:.3f} s; {load()})",
                highlight=False,
            )

    with (
        closing(place.connect("raw_rows")) as connection,
        Ledger.open(place.url(name), durable=False) as ledger,
    ):
        rates = fill(
            ledger,
            RawRows(connection, place.sql),
            population,
            batches=batches,
            compared=_COMPARED,
            only_versions=only_versions,
            told=told,
        )
    place.drop("raw_rows")
    return rates


def show_filling(place: Place, versions: Rates, runs: Rates) -> None:
    """Print registrations per second."""
    count = len(runs.ours) * VERSIONS
    table = Table(
        f"{place.title}: batches of {VERSIONS:,}", "versions/s", "rows/s", "all", "ours / raw"
    )
    for title, rates, rows in (
        ("versions alone", versions, VERSIONS),
        (f"each with {LINKS // VERSIONS} links, in runs", runs, ROWS),
    ):
        seconds = best(rates.ours)
        table.add_row(
            title,
            f"{VERSIONS / seconds:,.0f}",
            f"{rows / seconds:,.0f}",
            f"{len(rates.ours) * rows:,} rows, {sum(rates.ours):.0f} s",
            f"{rates.ratio:.2f}",
        )
    _console.print(table, f"{count:,} versions: {place.size_bytes('scale') / 1e9:.2f} GB, {load()}")


def show_pages(place: Place, answers: list[Answer]) -> None:
    """Print how long pages take; what misses the target is marked."""
    table = Table(
        f"{place.title}: a page of 20", "records", "first", "middle", "last", "cold", "cold last"
    )
    for answer in answers:
        warm, cold = answer.warm, answer.cold
        table.add_row(
            answer.question.title,
            f"{answer.count:,}{'' if answer.is_whole else '+'}",
            *[_shown(warm[name]) for name in ("first", "middle", "last")],
            *[_shown(cold[name]) if name in cold else "" for name in ("first", "last")],
        )
    _console.print(table, f"milliseconds; * over {TARGET_SECONDS * 1e3:.0f} ms; {load()}")


def _shown(seconds: float) -> str:
    return f"{'* ' if seconds > TARGET_SECONDS else ''}{seconds * 1e3:.1f}"


def filled(place: Place, versions: int) -> tuple[Population, dict[str, Any]]:
    """Fill a new ledger; return what was put into it and how long that took."""
    population = Population()
    count = max(1, versions // VERSIONS)
    alone = measure_filling(place, "alone", Population(), batches=_COMPARED, only_versions=True)
    place.drop("alone")
    full = measure_filling(place, "scale", population, batches=count, only_versions=False)
    place.settle("scale")
    show_filling(place, alone, full)
    return population, {
        "size_bytes": place.size_bytes("scale"),
        "versions_alone": {"seconds": best(alone.ours), "ratio": alone.ratio},
        "with_links": {"seconds": best(full.ours), "ratio": full.ratio, "all": sum(full.ours)},
    }


def asked(place: Place, population: Population) -> list[Answer]:
    """Ask every question."""
    answers = []
    with Ledger.open(place.url("scale"), durable=False) as ledger:
        for question in questions(population):
            answers.append(ask(ledger, question, make_cold=lambda: place.make_cold("scale")))
            warm = ", ".join(f"{name} {_shown(one)}" for name, one in answers[-1].warm.items())
            _console.print(f"{question.title}: {warm} ms", highlight=False)
    return answers


def run(place: Place, versions: int, facts: Path) -> dict[str, Any]:
    """Fill unless `facts` tells of a ledger that was kept; ask; return every figure."""
    _console.print(f"{place.title}, Python {platform.python_version()}, {load()}")
    if facts.exists():
        kept = json.loads(facts.read_text())
        population, filling = Population(**kept["population"]), kept["filling"]
    else:
        population, filling = filled(place, versions)
        facts.write_text(json.dumps({"population": asdict(population), "filling": filling}))
    answers = asked(place, population)
    show_pages(place, answers)
    pages = {answer.question.title: asdict(answer) for answer in answers}
    return {"database": place.title, "load": load(), "filling": filling, "pages": pages}


def main() -> None:
    """Measure one database."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql or a URL")
    parser.add_argument("--versions", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="leave the ledger here, or use the one here")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        place = stack.enter_context(open_place(chosen.database, folder))
        figures = run(place, chosen.versions, folder / "facts.json")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
