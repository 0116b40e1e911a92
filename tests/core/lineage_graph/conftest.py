"""A ledger with a run whose lineage is known; makes `lineage_story` importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifact_plugins.ledger import Ledger

sys.path.append(str(Path(__file__).parent))

from lineage_story import Make, Story  # found only from here on


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.sqlite", durable=False) as opened:
        yield opened


@pytest.fixture
def story(ledger: Ledger, make: Make) -> Story:
    return Story(ledger, make)
