"""npz_arrays: named arrays come back exactly, and numpy itself reads the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from artifact_materializers.tasks.npz_arrays import NpzArrays
from artifact_plugins.errors import ArtifactPluginsError
from artifact_plugins.testing import ArtifactTaskContract, memory_session, session_on_disk


class TestNpzArrays(ArtifactTaskContract):
    task = NpzArrays

    def values(self) -> list[dict[str, Any]]:
        table = np.array([(1, 2.5)], dtype=[("a", ">i4"), ("b", "f8")])
        return [
            {},
            {"z": np.arange(6).reshape(2, 3), "a/b": np.asfortranarray(np.eye(2, dtype="f4"))},
            {"file": np.array(3.0), "nan": np.array([np.nan, -0.0]), "x.npy": table},
            {"t": np.array(["2026-01-01"], dtype="M8[D]"), "s": np.array(["ä"]), "e": np.empty(0)},
        ]

    def refused(self) -> list[Any]:
        return [
            {"a": np.array([None])},
            {"a": [1, 2]},
            {1: np.eye(1)},
            {"": np.eye(1)},
            {"a": np.ma.masked_array([1], [True])},
            np.eye(1),
        ]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"compressed": 1}]


class TestNpzArraysCompressed(ArtifactTaskContract):
    task = NpzArrays
    parameters: ClassVar[dict[str, Any]] = {"compressed": True}

    def values(self) -> list[dict[str, Any]]:
        return [{"zeros": np.zeros(10_000)}]


def test_numpy_reads_the_file(tmp_path: Path) -> None:
    """The stored file is what `numpy.load` calls an NPZ file."""
    with session_on_disk(tmp_path) as session:
        version = session.save({"a": np.arange(3)}, "x", task="npz_arrays")
        (file,) = session.export(version, tmp_path / "out")

    with np.load(file) as arrays:
        assert arrays["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["a\x00b", "a\udc80", "x" * 70_000])
def test_name_that_a_zip_cannot_hold_is_refused(name: str) -> None:
    """A name that would come back different or not at all is a named error."""
    with memory_session() as session, pytest.raises(ArtifactPluginsError):
        session.save({name: np.eye(1)}, "x", task="npz_arrays")
