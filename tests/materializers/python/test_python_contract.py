"""The materializers of Python's own types pass the contract tests that every author inherits."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import python_samples as samples

from artifact_materializers.python import register_materializers
from artifact_materializers.python.document import DocumentMaterializer
from artifact_materializers.python.path import PathMaterializer
from artifact_materializers.python.stream import StreamMaterializer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.testing import MaterializerContract


class TestDocument(MaterializerContract):
    materializer = DocumentMaterializer

    def values(self) -> list[Any]:
        return [
            *(None, True, 10**40, float("nan"), -0.0, 1 + 2j, "é\ud800", b"\0", bytearray(b"a")),
            [1, (2.5, ("x",)), {"a": {1: None}}],
            {(1, "a"): {1, 2}, "$": frozenset("ab")},
            [deque([1], 3), OrderedDict(a=1), Counter("aab"), defaultdict(list, a=[1])],
            [datetime(2020, 1, 1, tzinfo=UTC), timedelta(1), Decimal("1.0"), re.compile("a")],
            [samples.Color(member) for member in samples.Color],
            samples.Pair(1, samples.Frozen(1, 2.5)),
            [samples.Frozen(number, 0.5) for number in range(200)],
        ]

    def refused(self) -> list[Any]:
        cycle: list[Any] = []
        cycle.append(cycle)
        return [cycle, [iter(())], [int]]


class TestPath(MaterializerContract):
    materializer = PathMaterializer

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = tmp_path_factory.mktemp("values")

    def values(self) -> list[Path]:
        full = self.folder / "full"
        (full / "inner" / "empty").mkdir(parents=True, exist_ok=True)
        (full / "inner" / "ä b.bin").write_bytes(b"\0\xff")
        program = full / "run.sh"
        program.write_text("true")
        program.chmod(0o755)
        return [full, program, full / "inner" / "empty"]

    def refused(self) -> list[Path]:
        link = self.folder / "link"
        if not link.is_symlink():
            link.symlink_to(self.folder)
        return [self.folder / "missing", link]


class TestStream(MaterializerContract):
    materializer = StreamMaterializer

    def values(self) -> list[Iterator[Any]]:
        return [
            iter(()),
            (number for number in range(1_000)),
            (samples.Frozen(number, float("nan")) for number in range(20)),
            (part for part in [1, "é", None, {"a": (1,)}, b"x", [Decimal("1.0")]]),
        ]

    def refused(self) -> list[Iterator[Any]]:
        return [(part for part in [1, int])]


def test_every_materializer_is_tested() -> None:
    """A materializer that is offered has a contract test above."""
    tested = {TestDocument.materializer, TestPath.materializer, TestStream.materializer}

    assert {load_target(offer.target) for offer in register_materializers()} == tested
