"""Workers that imported a step before it was changed: fresh ones, or a named error."""

from __future__ import annotations

import importlib
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import StaleWorkerError
from artifact_plugins.steps.stale import check_code, code_parts

STEPS = """
import artifact_plugins as ap
import {helpers}

SEEN = {{}}

@ap.step(cache=True)
def answer(x: int) -> int:
    SEEN[x] = True
    return {helpers}.answer(x)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two modules that workers can import: a step, and the helper that it calls."""
    helpers = tmp_path / "stale_helpers.py"
    helpers.write_text("def answer(x): return x + 1\n")
    (tmp_path / "stale_steps.py").write_text(STEPS.format(helpers="stale_helpers"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file of the same second is old else
    yield importlib.import_module("stale_steps"), helpers
    for name in ("stale_steps", "stale_helpers"):
        sys.modules.pop(name, None)


def change(helpers: Path) -> None:
    helpers.write_text("def answer(x): return x + 1000\n")
    importlib.reload(sys.modules["stale_helpers"])


def run(steps) -> int:
    with ap.start_run("stale"):
        return ap.value(steps.answer(1))


def settings(tmp_path: Path, **more) -> ap.Settings:
    return ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        durability="process",
        **more,
    )


def test_after_a_reload_the_processes_run_the_new_code(shop, tmp_path):
    """A helper that was changed and reloaded counts in the next run of the same session."""
    steps, helpers = shop
    with ap.open_session(settings(tmp_path, runtime="processes:1")):
        first = run(steps)
        change(helpers)

        assert (first, run(steps)) == (2, 1001)


def test_workers_that_cannot_be_renewed_refuse_the_call_by_name(shop, tmp_path):
    """A pool of the caller's keeps its old code: the task fails, and nothing wrong is cached."""
    steps, helpers = shop
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        ap.open_session(settings(tmp_path), runtime=pool) as session,
    ):
        assert run(steps) == 2
        change(helpers)

        with pytest.raises(StaleWorkerError, match="stale_helpers:answer"):
            run(steps)
        assert len(session.versions()) == 1
        assert run_inline(session, steps) == 1001


def run_inline(session, steps) -> int:
    """Call the step where the new code is: a cached wrong result would come back instead."""
    with ap.open_session(session.settings):
        return run(steps)


def test_data_of_a_module_may_differ(shop):
    """A dictionary that a step fills is no code: a worker's own is as good."""
    steps, _ = shop
    sent = code_parts(steps.answer.function)
    steps.SEEN[5] = True

    check_code("answer", steps.answer.function, sent)


def test_code_that_differs_is_named(shop):
    """The negative control of the comparison: a changed helper is found."""
    steps, helpers = shop
    sent = code_parts(steps.answer.function)
    change(helpers)

    with pytest.raises(StaleWorkerError, match="stale_helpers:answer"):
        check_code("answer", steps.answer.function, sent)
