"""Progress of a run on a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

import artifact_plugins as ap
from artifact_plugins.steps import progress

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")


@ap.step
def count(i: int) -> int:
    return i


@ap.pipeline
def counting():
    count.map(i=[1, 2, 3])


@contextmanager
def shown_on(stream: TextIO, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a run in the block show its bars at once, on `stream`."""
    with monkeypatch.context() as patched:
        patched.setenv("TERM", "xterm")
        patched.setattr(sys, "stderr", stream)
        patched.setattr(progress, "_WAIT_SECONDS", -1)
        yield


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], str]:
    """Return a function: call something with a terminal as stderr; what that showed."""

    def call(what: Callable[[], object]) -> str:
        ours, theirs = pty.openpty()
        found: list[bytes] = []

        def read() -> None:
            try:
                while part := os.read(ours, 4096):
                    found.append(part)
            except OSError:  # Linux ends a terminal like this
                return

        reader = threading.Thread(target=read)
        reader.start()
        with os.fdopen(theirs, "w") as stream, shown_on(stream, monkeypatch):
            what()
        reader.join(20)
        os.close(ours)
        return b"".join(found).decode()

    return call


@pytest.mark.parametrize("runtime", ["inline", "threads:2"])
def test_bars_of_a_map_appear_on_a_terminal(session, terminal, runtime):
    """The map and the run are named while they last, and wiped when they end."""
    settings = session.settings.model_copy(update={"runtime": runtime})
    with ap.open_session(settings):
        shown = terminal(counting)

    assert "count" in shown
    assert "counting-" in shown
    assert "━" in shown
    assert "\x1b[2K" in shown.splitlines()[-1]


def test_nothing_is_shown_without_a_terminal(session, tmp_path, monkeypatch):
    """Negative control: a log file gets no bars."""
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream, shown_on(stream, monkeypatch):
        counting()

    assert path.read_text(encoding="utf-8") == ""
