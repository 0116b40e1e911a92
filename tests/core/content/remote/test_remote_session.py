"""The whole library over an S3 store: what it saves there it loads, in this process and others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import artifact_plugins as ap

pytestmark = pytest.mark.server

FRAME = pd.DataFrame({"carrier": ["UA", "AA"] * 5000, "delay": np.arange(10_000.0)})


@pytest.fixture
def settings(s3_url, tmp_path):
    """A ledger here and a store there."""
    return ap.Settings(store_url=s3_url, ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def session(settings):
    """A session over both."""
    with ap.open_session(settings) as session:
        yield session


@ap.step
def load_flights(count: int) -> Annotated[pd.DataFrame, "flights"]:
    return FRAME.head(count)


@ap.step
def mean_delay(flights: pd.DataFrame) -> Annotated[float, "delay"]:
    return float(flights["delay"].mean())


@pytest.mark.parametrize(
    "value",
    [
        FRAME,
        np.arange(500_000.0).reshape(500, 1000),
        {"a": [1, 2.5, None], "b": {"c": "x" * 10_000}},
        "small",
        [FRAME.head(10), np.arange(3)],
    ],
    ids=["frame", "array", "dict", "inline", "mixed"],
)
def test_values_come_back(session, value):
    """A saved value loads as it was, from the bucket and not from this process."""
    version = session.save(value, "thing")

    with ap.open_session(session.settings) as other:
        loaded = other.load("thing")

    assert equal(loaded, value)
    assert version.uri.startswith(("data:", session.store.url))


def equal(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
        return True
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and one == other


def test_folder_comes_back(session, tmp_path):
    """A folder is one object for each file, and a folder again."""
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"a" * 10_000_000)
    (folder / "deep" / "ü (1).txt").write_text("b" * 100)

    session.save(folder, "folder")
    with ap.open_session(session.settings) as other:
        loaded = other.load("folder")
        found = {
            str(p.relative_to(loaded)): p.read_bytes() for p in loaded.rglob("*") if p.is_file()
        }

    assert found == {"a.bin": b"a" * 10_000_000, "deep/ü (1).txt": b"b" * 100}


def test_stream_comes_back(session):
    """A streamed value is one version, and gives its chunks in order."""

    @ap.step
    def chunks():
        for number in range(30):
            yield np.full(100_000, number)

    @ap.step
    def total(chunks) -> Annotated[float, "total"]:
        return float(sum(chunk.sum() for chunk in chunks))

    with ap.start_run("streams"):
        total(chunks())

    assert session.load("total") == 100_000.0 * sum(range(30))


def test_run_of_two_steps_loads_in_another_process(session, settings):
    """What a run leaves in the bucket, a process with the same ledger loads and traces."""
    with ap.start_run("delays"):
        mean_delay(load_flights(9000))

    script = f"""
import artifact_plugins as ap
settings = ap.Settings(store_url={settings.store_url!r}, ledger_url={settings.ledger_url!r})
with ap.open_session(settings) as session:
    print(len(session.load("flights")), session.load("delay"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.split() == ["9000", str(float(np.arange(9000.0).mean()))], done.stderr
    assert len(list(session.store.run_ids())) == 1


def test_failed_save_leaves_nothing(session, proxy, settings):
    """A save that the ledger refuses leaves no object of it in the bucket."""
    session.save(FRAME, "flights", idempotency_key="once")
    before = set(session.store.version_ids())

    with pytest.raises(ap.ArtifactPluginsError):
        session.save(FRAME.tail(5000), "flights", idempotency_key="once")

    assert set(session.store.version_ids()) == before


def test_frames_are_parquet(session):
    """Where bytes travel a frame is Parquet; one that Parquet changes is Arrow, and nothing else."""
    hard = pd.DataFrame({"day": pd.array([1, None] * 5000, dtype=pd.ArrowDtype(pa.date64()))})

    easy_version = session.save(FRAME, "easy")
    hard_version = session.save(hard, "hard")
    with ap.open_session(session.settings) as other:
        found = other.load("easy"), other.load("hard")

    assert (easy_version.format, hard_version.format) == ("parquet/1", "arrow/1")
    pd.testing.assert_frame_equal(found[0], FRAME)
    pd.testing.assert_frame_equal(found[1], hard)
    assert set(session.store.version_ids()) == {easy_version.id, hard_version.id}


def test_partial_load_reads_columns(session):
    """A selection of columns comes out of the bucket as out of a folder."""
    version = session.save(FRAME, "flights", options={"format": "parquet"})

    with ap.open_session(session.settings) as other:
        loaded = other.load(version, columns=["delay"])

    pd.testing.assert_frame_equal(loaded, FRAME[["delay"]])


def test_small_values_ask_nothing(session, proxy, settings):
    """Values that lie in their records cost no request; a frame costs two, its load two."""
    with ap.open_session(settings) as other:
        # The code of each plugin is published once.
        other.save(FRAME, "warm")
        other.save({"number": 0}, "warm too")
        proxy.forget()
        for number in range(10):
            other.save({"number": number}, "small")
            assert other.load("small") == {"number": number}
        assert proxy.requests == []

        version = other.save(FRAME, "flights")
        assert [method for method, _ in proxy.requests] == ["PUT", "PUT"]

    with ap.open_session(settings) as other:
        proxy.forget()
        other.load(version)
        assert [method for method, _ in proxy.requests] == ["GET", "GET"]


@pytest.mark.parametrize(
    "point", ["save.mid_payload", "save.after_payload", "save.after_manifest", "commit.before"]
)
def test_killed_save_is_collected(session, settings, point):
    """A save that is killed leaves nothing visible; the collector removes what it left."""
    kept = session.save(FRAME, "flights")
    script = f"""
import numpy as np
import artifact_plugins as ap
settings = ap.Settings(store_url={settings.store_url!r}, ledger_url={settings.ledger_url!r})
with ap.open_session(settings) as session:
    session.save([np.arange(10_000), np.arange(2_000_000.0)], "killed")
"""
    points = {
        "ARTIFACT_PLUGINS_TESTING": "1",
        "ARTIFACT_PLUGINS_FAILPOINTS": f"{point}=kill@{2 if point == 'save.mid_payload' else 1}",
    }

    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, **points})
    collected = session.collect(grace=timedelta(0))

    assert done.returncode == -signal.SIGKILL
    assert collected.problems == ()
    assert session.versions('artifact == "killed"').items == ()
    assert list(session.store.version_ids()) == [kept.id]
    pd.testing.assert_frame_equal(session.load("flights"), FRAME)
