"""Options that a store elsewhere suggests: used where they keep the value, and only there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import artifact_plugins as ap
from artifact_plugins.content.local import LocalPlace
from artifact_plugins.errors import InputError, LossyConversionError

FRAME = pd.DataFrame({"delay": np.arange(1000.0), "carrier": ["UA", "AA"] * 500})
TABLE = pa.table({"delay": np.arange(1000.0)})
# Parquet gives dates in milliseconds back as days.
HARD_TABLE = pa.table({"day": pa.array([86_400_000, None], pa.date64())})
DATES: Any = pd.ArrowDtype(pa.date64())
HARD_FRAME = pd.DataFrame({"f": pd.array([1, None], dtype=DATES)})


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, places: dict[str, str]) -> Iterator[ap.Session]:
    """Open a session whose folder is taken for a store on another machine."""
    monkeypatch.setattr(LocalPlace, "is_local", False)
    with ap.open_session(ap.Settings(**places)) as opened:
        yield opened


@pytest.mark.parametrize("value", [FRAME, TABLE], ids=["frame", "table"])
def test_value_is_parquet_elsewhere(elsewhere: ap.Session, value: Any) -> None:
    """Without an option a frame or table goes to a store elsewhere as Parquet, exactly."""
    version = elsewhere.save(value, "thing")

    loaded = elsewhere.load("thing")

    assert (version.format, version.parameters) == ("parquet/1", {"format": "parquet"})
    assert loaded.equals(value)


@pytest.mark.parametrize("value", [FRAME, TABLE], ids=["frame", "table"])
def test_value_is_arrow_here(session: ap.Session, value: Any) -> None:
    """On this machine nothing is suggested: the negative control."""
    version = session.save(value, "thing")

    assert (version.format, version.parameters) == ("arrow/1", {})


def test_memory_is_here(tmp_path: Any) -> None:
    """A store in memory is on this machine."""
    settings = ap.Settings(
        store_url="memory://remote-options", ledger_url=f"sqlite:///{tmp_path / 'l.sqlite'}"
    )
    with ap.open_session(settings) as session:
        assert session.store.is_local
        assert session.save(FRAME, "thing").format == "arrow/1"


def test_caller_decides(elsewhere: ap.Session) -> None:
    """An option of the caller wins over what the store suggests."""
    version = elsewhere.save(FRAME, "thing", options={"format": "arrow"})

    assert version.format == "arrow/1"


@pytest.mark.parametrize("value", [HARD_FRAME, HARD_TABLE], ids=["frame", "table"])
def test_refused_value_is_saved_all_the_same(elsewhere: ap.Session, value: Any) -> None:
    """What Parquet refuses is saved as Arrow, one version, nothing left of the first try."""
    version = elsewhere.save(value, "hard")

    loaded = elsewhere.load("hard")

    assert version.format == "arrow/1"
    assert loaded.equals(value)
    assert list(elsewhere.store.version_ids()) in ([], [version.id])
    with pytest.raises(LossyConversionError):  # the control: the caller's own wish is refused
        elsewhere.save(value, "hard", options={"format": "parquet"})


def test_value_nobody_keeps_is_refused(elsewhere: ap.Session) -> None:
    """The error is that of the format that keeps most, and nothing is registered."""
    with pytest.raises(LossyConversionError, match="x"):
        elsewhere.save(pd.DataFrame({"x": [object()]}), "never")

    assert list(elsewhere.store.version_ids()) == []


def test_elements_too(elsewhere: ap.Session) -> None:
    """Elements of a container are Parquet where it keeps them, Arrow where it does not."""
    value = {"easy": FRAME, "hard": HARD_FRAME, "table": HARD_TABLE, "price": Decimal("1.20")}

    version = elsewhere.save(value, "mixed")
    loaded = elsewhere.load("mixed")

    with elsewhere.store.reader(version) as files:
        text = b"".join(bytes(files.buffer(name)) for name in files.names())
    assert (text.count(b"parquet/1"), text.count(b"arrow/1")) == (1, 2)
    assert all(loaded[name].equals(value[name]) for name in ("easy", "hard", "table"))


def test_stream_stays_arrow(elsewhere: ap.Session) -> None:
    """A stream is written chunk by chunk as Arrow, wherever it goes."""

    @ap.step
    def chunks() -> Annotated[Iterator[pa.Table], "chunks"]:
        for _ in range(3):
            yield TABLE

    with ap.start_run("stream"):
        chunks()

    assert [chunk.num_rows for chunk in elsewhere.load("chunks")] == [1000] * 3


class Plain(ap.Materializer[pd.DataFrame]):
    """Has no option at all, but suggests one."""

    format = "plain/1"
    options_when_remote: ClassVar[Mapping[str, Any]] = {"format": "parquet"}

    def save(self, value: pd.DataFrame, directory: Path) -> None:
        """Write CSV."""
        value.to_csv(directory / "frame.csv", index=False)

    def load(self, directory: Path, data_type: type[pd.DataFrame]) -> pd.DataFrame:
        """Read CSV."""
        return pd.read_csv(directory / "frame.csv")

    def equal(self, left: pd.DataFrame, right: pd.DataFrame) -> bool:
        """Compare the values."""
        return left.equals(right)


def test_unknown_suggestion_is_left_out(elsewhere: ap.Session) -> None:
    """A suggested option that the class does not have costs nobody a save."""
    version = elsewhere.save(FRAME, "thing", materializer=Plain)

    assert (version.format, version.parameters) == ("plain/1", {})


def test_options_of_no_form_are_refused(elsewhere: ap.Session) -> None:
    """What is no mapping is refused as on any store."""
    with pytest.raises(InputError, match="no mapping"):
        elsewhere.save(FRAME, "thing", options=["format"])  # type: ignore[arg-type]
