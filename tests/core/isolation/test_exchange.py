"""Which values cross between processes, and as what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded_environments import EXCHANGE

from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.errors import EnvironmentMismatchError, PayloadClassNotFoundError
from artifact_plugins.isolation.exchange import FORMATS, Exchange


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (pd.DataFrame({"a": [1]}), "arrow/1"),
        (pd.Series([1.5], name="s"), "arrow/1"),
        (pd.Timestamp("2020-01-01", tz="UTC"), "pandas-scalar/1"),
        (np.arange(3), "npy/1"),
        (np.float64(1.5), "npy/1"),
        ({"a": [np.arange(2)]}, "document/2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_data_goes_as_data(tmp_path: Path, value: object, written: str):
    """Frames go as Arrow, arrays as npy, the rest as JSON, and all come back the same."""
    part = Exchange(EXCHANGE).pack(value, tmp_path)

    back = Exchange(EXCHANGE).unpack(part, FolderFiles(tmp_path))

    assert part["format"] == written
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_the_shipped_plugins_carry_values():
    """Every format that crosses is one that a shipped plugin writes or reads."""
    shipped = {offer.format for offer in EXCHANGE} | {f for o in EXCHANGE for f in o.reads}

    assert shipped >= FORMATS


def test_what_executes_carries_nothing(tmp_path: Path):
    """A plugin that offers an executing format carries nothing, whatever its types."""
    offer = MaterializerOffer(
        key="pickle.object", target="nowhere:Nothing", format="pickle/1", types=("builtins:int",)
    )

    with pytest.raises(EnvironmentMismatchError, match="cannot come back as data"):
        Exchange([offer]).pack(1, tmp_path)


def test_a_carrier_that_is_not_exact_is_refused(tmp_path: Path):
    """A materializer that claims a data format but does not vouch for it carries nothing."""
    offer = MaterializerOffer(
        key="acme.int",
        target="artifact_plugins.contracts.materializer:NoOptions",
        format="npy/1",
        types=("builtins:int",),
    )

    with pytest.raises(EnvironmentMismatchError):
        Exchange([offer]).pack(1, tmp_path)


def test_a_subclass_of_a_frame_does_not_go_as_a_frame(tmp_path: Path):
    """A subclass would come back as its base, so it does not go."""

    class Frame(pd.DataFrame):
        pass

    with pytest.raises(EnvironmentMismatchError):
        Exchange(EXCHANGE).pack(Frame({"a": [1]}), tmp_path)


@pytest.mark.parametrize("path", ["os:system", "subprocess:Popen", "this:Poem", "pandas", "", ":"])
def test_a_class_of_no_handled_library_is_not_found(tmp_path: Path, path: str):
    """A class that the other side names is looked up among handled libraries only."""
    part = Exchange(EXCHANGE).pack({"a": 1}, tmp_path)

    with pytest.raises(PayloadClassNotFoundError, match="not known here"):
        Exchange(EXCHANGE).unpack({**part, "data_type": path}, FolderFiles(tmp_path))
