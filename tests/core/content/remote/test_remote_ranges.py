"""Columns of a large Parquet file: only their pieces come out of the bucket, each verified."""

from __future__ import annotations

import json
import re
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import artifact_plugins as ap
from artifact_plugins.content import pieces as pieces_module
from artifact_plugins.content.names import version_prefix
from artifact_plugins.errors import DigestMismatchError, LoadFailedError

pytestmark = pytest.mark.server

ROWS, WIDTH = 330_000, 20
_RNG = np.random.default_rng(7)
# Random numbers: 20 columns of 2.6 MB that no compression makes smaller.
FRAME = pd.DataFrame({f"c{n:02}": _RNG.random(ROWS) for n in range(WIDTH)})


@pytest.fixture
def settings(s3_url, tmp_path):
    """A ledger here and a store there."""
    return ap.Settings(store_url=s3_url, ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def session(settings):
    """A session over both."""
    with ap.open_session(settings) as session:
        yield session


@pytest.fixture
def received(proxy, monkeypatch):
    """The sizes of the answers to GET requests, in bytes."""
    sizes: list[int] = []
    pass_on = type(proxy)._pass_on

    def counting(self, request, body):
        status, headers, text = pass_on(self, request, body)
        if request.command == "GET":
            sizes.append(len(text))
        return status, headers, text

    monkeypatch.setattr(type(proxy), "_pass_on", counting)
    return sizes


def key_of(version):
    return f"{version_prefix(version.id)}/{version.files[0].path}"


def flip(session, version, place):
    """Change one byte of the only file of a version, behind everybody's back."""
    bucket = session.store._place.bucket
    data = bytearray(bucket.get(key_of(version), 0, version.size_bytes).data)
    data[place] ^= 1
    bucket.put(key_of(version), bytes(data), "0" * 32, new=False)


@pytest.mark.parametrize("kind", ["frame", "table"])
def test_one_column_costs_its_pieces(session, settings, received, kind):
    """One of 20 columns transfers less than a fifth of the file; all of them transfer all."""
    value = FRAME if kind == "frame" else pa.Table.from_pandas(FRAME, preserve_index=False)
    version = session.save(value, "wide")
    assert version.size_bytes > 45_000_000

    with ap.open_session(settings) as other:
        received.clear()
        part = other.load(version, columns=["c07"])
        one = sum(received)
        received.clear()
        whole = other.load(version)
        everything = sum(received)

    assert part.equals(FRAME[["c07"]] if kind == "frame" else value.select(["c07"]))
    assert whole.equals(value)
    assert one < version.size_bytes * 0.2
    assert everything >= version.size_bytes  # the negative control


@ap.step
def add_up(
    first: Annotated[pd.DataFrame, ap.Input(columns=["c19", "c00"])], second: ap.Lazy[pd.DataFrame]
) -> Annotated[float, "total"]:
    part = second.load(columns=["c07"])
    assert list(first.columns) == ["c19", "c00"]
    assert list(part.columns) == ["c07"]
    return float(first["c19"].sum() + part["c07"].sum())


def test_inputs_of_steps_cost_their_pieces(session, received):
    """A step that takes columns of an artifact fetches the pieces of these columns."""
    version = session.save(FRAME, "wide")
    received.clear()

    with ap.start_run("columns"):
        add_up(version, version)

    assert session.load("total") == float(FRAME["c19"].sum() + FRAME["c07"].sum())
    assert sum(received) < version.size_bytes * 0.4


def test_changed_piece_is_refused(session, settings):
    """A byte that changed is found in the pieces that are fetched, and only in these."""
    version = session.save(FRAME, "wide")
    flip(session, version, version.size_bytes // 2)

    with ap.open_session(settings) as other:
        with pytest.raises(DigestMismatchError, match="piece"):
            other.load(version, columns=[f"c{n:02}" for n in range(8, 12)])
        with pytest.raises(DigestMismatchError):
            other.load(version)
        # What is not fetched says nothing about what is.
        part = other.load(version, columns=["c00"])

    pd.testing.assert_frame_equal(part, FRAME[["c00"]])


def test_changed_footer_is_refused(session, settings):
    """The footer is verified before it is parsed."""
    version = session.save(FRAME, "wide")
    flip(session, version, version.size_bytes - 100)

    with ap.open_session(settings) as other, pytest.raises(DigestMismatchError, match="piece"):
        other.load(version, columns=["c00"])


def test_without_pieces_all_of_it_comes(session, settings, monkeypatch):
    """A version of a release that wrote no pieces loads as before: whole, then selected."""
    with monkeypatch.context() as release:
        release.setattr(pieces_module, "MAX_PIECES", -1)
        version = session.save(FRAME, "old")
    manifest = session.store._place.blobs.get(
        f"{version_prefix(version.id)}/manifest.json", limit_bytes=10**7
    )
    assert "pieces" not in json.loads(manifest)["files"][0]

    with ap.open_session(settings) as other:
        loaded = other.load(version, columns=["c07"])

    pd.testing.assert_frame_equal(loaded, FRAME[["c07"]])


def test_manifest_names_pieces(session):
    """One digest per MiB, by the algorithm of the file, in the manifest of the version."""
    version = session.save(FRAME, "wide")

    manifest = session.store._place.blobs.get(
        f"{version_prefix(version.id)}/manifest.json", limit_bytes=10**7
    )
    pieces = json.loads(manifest)["files"][0]["pieces"]

    assert pieces["size"] == 1024 * 1024
    assert len(pieces["digests"]) == -(-version.size_bytes // pieces["size"])
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in pieces["digests"])


def test_unknown_column_is_named(session, settings):
    """A column that is not there is named as on any store."""
    version = session.save(FRAME, "wide")

    with ap.open_session(settings) as other, pytest.raises(LoadFailedError, match="c99"):
        other.load(version, columns=["c99"])
