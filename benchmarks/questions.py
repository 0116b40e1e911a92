"""Pages of 20 that people ask a large ledger for: how long the first, a middle and the last take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from population import Population

from artifact_plugins.ledger import Ledger

PAGE = 20


@dataclass(frozen=True)
class Question:
    """A filter and an order; `kind` is what they are about."""

    title: str
    kind: Any
    where: str
    order: str | None = None


@dataclass
class Answer:
    """Seconds of each page, and how many records all pages have.

    Attributes:
        is_whole: Whether the last page was reached in time.
    """

    question: Question
    count: int
    is_whole: bool
    warm: dict[str, float]
    cold: dict[str, float]


def questions(population: Population) -> list[Question]:
    """Return the questions about what a population left behind."""
    # One from the middle; those that end in 9 are of another project, and read by the next.
    number = len(population.run_ids) // 2 // 10 * 10 + 1
    run_id = population.run_ids[min(number, len(population.run_ids) - 1)]
    popular = f'version_id == "{population.baseline_id}"'
    return [
        Question("newest versions", "versions", ""),
        Question("by name", "versions", 'name == "metrics"'),
        Question(
            "by name and metadata", "versions", 'name == "metrics" and metadata["rmse"] < 0.1'
        ),
        Question("by tag", "versions", '"prod" in tags'),
        Question("by project and type", "versions", 'artifact_type == "Model"'),
        Question("by run", "versions", f'run_id == "{run_id}"'),
        Question("used by a run", "versions", f'used_by_run("{run_id}")'),
        Question("unused()", "versions", "unused()"),
        Question("by name, order created_at", "versions", 'name == "metrics"', "created_at"),
        Question("by name, order -version", "versions", 'name == "metrics"', "-version"),
        Question("by name, order metadata", "versions", 'name == "train-17"', 'metadata["rmse"]'),
        Question("the same, 9 % of all", "versions", 'name == "metrics"', 'metadata["rmse"]'),
        Question("links of a version", "links", popular),
        Question("links of a run", "links", f'run_id == "{run_id}"'),
        Question("tasks by name", "tasks", 'name == "train"'),
        Question("runs of a pipeline", "runs", 'pipeline == "pipeline-3"'),
    ]


def ask(
    ledger: Ledger,
    question: Question,
    *,
    make_cold: Callable[[], bool],
    repetitions: int = 7,
    walk_seconds: float = 60.0,
) -> Answer:
    """Time the first, a middle and the last page of a question.

    Args:
        ledger: Where to ask.
        question: What to ask.
        make_cold: Drops the ledger from memory; tells whether it could.
        repetitions: Of a warm page; the best counts.
        walk_seconds: How long to look for the last page.
    """
    pages, count, is_whole = _walk(ledger, question, walk_seconds)
    tokens = dict(pages)
    middle = min(tokens, key=lambda start: abs(start - count // 2))
    places = {"first": None, "middle": tokens[middle], "last": tokens[max(tokens)]}
    warm = {}
    for name, token in places.items():
        times = []
        for _ in range(repetitions):
            time.sleep(0.005)  # on a busy machine, who slept is served first
            times.append(_seconds(ledger, question, token))
        warm[name] = min(times)
    cold = {}
    for name in ("first", "last"):
        ledger.close()
        if make_cold():
            ledger.cache_entry("")  # connects, which is not part of a page
            cold[name] = _seconds(ledger, question, places[name])
    return Answer(question, count, is_whole, warm, cold)


def _walk(
    ledger: Ledger, question: Question, seconds: float
) -> tuple[list[tuple[int, str | None]], int, bool]:
    """Return where pages start and their tokens: every 1,000 records, in the end every 20."""
    ends_at = time.monotonic() + seconds
    pages: list[tuple[int, str | None]] = [(0, None)]
    size = 1000
    while True:
        start, token = pages[-1]
        page = _page(ledger, question, token, size)
        if page.next_token is not None:
            pages.append((start + len(page), page.next_token))
            if size > PAGE and time.monotonic() > ends_at:
                return pages, start + len(page), False
        elif size > PAGE:
            size = PAGE
        else:
            return pages, start + len(page), True


def _seconds(ledger: Ledger, question: Question, token: str | None) -> float:
    started = time.perf_counter()
    _page(ledger, question, token, PAGE)
    return time.perf_counter() - started


def _page(ledger: Ledger, question: Question, token: str | None, limit: int) -> Any:
    return ledger.search(
        question.kind,
        question.where,
        order_by=question.order,
        limit=limit,
        page_token=token,
        project="default",
    )
