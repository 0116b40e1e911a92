"""What the processes of `test_session_collecting` do; run as a script with settings as JSON."""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import artifact_plugins as ap
from artifact_plugins.content.urls import local_path
from artifact_plugins.errors import SaveAbortedError
from artifact_plugins.session.saving import SaveRequest

NOTHING = timedelta(0)
PATIENCE_SECONDS = 90


def save(session: ap.Session, name: str, seconds: float) -> None:
    """Save until the time is over; a save that a collector overtook three times is counted."""
    ends_at = time.monotonic() + seconds
    saved = aborted = 0
    while time.monotonic() < ends_at:
        try:
            session.save([name, saved, "x" * 6000], name)
            saved += 1
        except SaveAbortedError:
            aborted += 1
    print(json.dumps({"saved": saved, "aborted": aborted}))


def save_late(session: ap.Session, name: str, count: int) -> None:
    """Commit when a collector has taken the files: so slow that each save is overtaken."""
    saved = aborted = 0
    for number in range(count):
        staged = session.saver.stage([name, number, "x" * 6000], SaveRequest(artifact=name))
        path = local_path(staged.draft.version.uri)
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while path.exists():
            assert time.monotonic() < ends_at, "no collector came"
            time.sleep(0.01)
        try:
            session.commit(ap.records.Batch(), (staged,))
            saved += 1
        except SaveAbortedError:
            aborted += 1
    print(json.dumps({"saved": saved, "aborted": aborted}))


def collect(session: ap.Session, stop: Path) -> None:
    """Collect without any patience until a file says stop."""
    saves = 0
    while not stop.exists():
        found = session.collect(trash=NOTHING, grace=NOTHING)
        assert found.problems == (), found.problems
        saves += len(found.saves)
    print(json.dumps({"saves": saves}))


def collect_naively(session: ap.Session, stop: Path) -> None:
    """What not to do: look which versions the ledger knows, and remove the others."""
    while not stop.exists():
        ids = list(session.store.version_ids())
        known = session.ledger.version_states(ids)
        for version_id in ids:
            if version_id not in known:
                session.store.remove_version(version_id, "aborted")
    print("{}")


if __name__ == "__main__":
    task, settings, *rest = sys.argv[1:]
    with ap.open_session(ap.Settings(**json.loads(settings))) as opened:
        if task == "save":
            save(opened, rest[0], float(rest[1]))
        elif task == "late":
            save_late(opened, rest[0], int(rest[1]))
        elif task == "collect":
            collect(opened, Path(rest[0]))
        elif task == "naive":
            collect_naively(opened, Path(rest[0]))
        else:
            done = opened.collect(trash=NOTHING, grace=NOTHING)
            print(json.dumps([sorted(done.versions), sorted(done.saves)]))
