"""A session whose backend refuses its login, and everything that this leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from waiting import wait_until

import artifact_plugins as ap

CANARY = "canary-7f3a9c51e0"


@ap.step
def number(x: int) -> int:
    return x


def left_by_a_refused_login(
    url: str, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> str:
    """Make a run for a backend that refuses the login; return what anybody can read after it.

    That is every file of ledger and store, the logs, what was printed, and
    how the session says that delivery stands.
    """
    caplog.set_level("DEBUG")
    settings = ap.Settings(
        store_url=str(folder / "store"),
        ledger_url=f"sqlite:///{folder / 'ledger.sqlite'}",
        durability="process",
        backends=(url,),
        flush_seconds=0.1,
    )
    with ap.open_session(settings) as session:
        with ap.start_run("refused"):
            number(1)
        wait_until(lambda: any(one.standing == "paused" for one in session.deliverer.status()))
        told = repr(session.deliverer.status())
    files = [path for path in folder.rglob("*") if path.is_file()]
    kept = "".join(path.read_bytes().decode("latin-1") for path in files)
    printed = capfd.readouterr()
    return "\n".join([kept, told, caplog.text, printed.out, printed.err])
