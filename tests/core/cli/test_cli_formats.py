"""How sizes, times, previews and progress are shown."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from artifact_plugins.cli.formats import duration_text, size_text, time_text
from artifact_plugins.cli.previews import TEXT_MAX, cut, preview_text, value_text
from artifact_plugins.cli.progress import track
from artifact_plugins.records import Preview

START = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (320_000_000, "305.2 MiB"),
        (5 * 1024**4, "5.0 TiB"),
    ],
)
def test_sizes(size_bytes: int, text: str) -> None:
    """Sizes are in binary units with one digit."""
    assert size_text(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.012, "12 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (125, "2 min 05 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """Durations have the unit that fits."""
    assert duration_text(START, START + timedelta(seconds=seconds)) == text


def test_what_still_runs_has_no_duration() -> None:
    """Without an end there is no duration."""
    assert duration_text(START, None) == ""


def test_times_are_utc() -> None:
    """Times of any zone are shown in UTC."""
    at = START.astimezone(timezone(timedelta(hours=5)))

    assert time_text(at) == "2026-03-01 12:30:05"


def test_html_preview_is_shown_as_text() -> None:
    """A table in HTML becomes lines with bars; scripts and styles are left out."""
    page = (
        "<style>p{}</style><script>alert(1)</script>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>&lt;x&gt;</td></tr></table>"
    )

    assert preview_text(Preview(kind="html", content=page)) == "a | b\n1 | <x>"


def test_picture_is_named() -> None:
    """A PNG preview says that it is one, and how large."""
    assert preview_text(Preview(kind="png", content="A" * 400)).startswith("a PNG picture of 300")


def test_long_text_is_cut() -> None:
    """Only the first part of a long text is shown, and how much is missing."""
    text = cut("x" * (TEXT_MAX + 5))

    assert text.endswith("x\n... 5 more characters")


def test_iterator_shows_its_first_items() -> None:
    """Of a long iterator the first items are shown, and no more are read than needed."""
    read = []
    items = (read.append(n) or n for n in range(10**9))

    text = value_text(items, width=80)

    assert text.splitlines()[0] == "0"
    assert text.splitlines()[-1] == "... the first 20 items"
    assert len(read) == 21


def test_track_without_a_terminal_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a file or pipe no progress is written."""
    assert list(track(range(3), total=3, description="checking")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_track_on_a_terminal_shows_a_bar() -> None:
    """On a terminal long work shows a bar on stderr; stdout has the results alone."""
    script = (
        "import time\n"
        "from artifact_plugins.cli import progress\n"
        "progress.PATIENCE_SECONDS = 0.0\n"
        "for n in progress.track(range(3), total=3, description='checking'):\n"
        "    time.sleep(0.2)\n"
        "print('done')\n"
    )
    main, side = pty.openpty()

    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=side, check=True, timeout=60
    )
    os.close(side)
    shown = os.read(main, 65536).decode()
    os.close(main)

    assert done.stdout == b"done\n"
    assert "checking" in shown
