"""What the tests of the pyarrow materializers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from artifact_plugins import Materializer
from artifact_plugins.testing import MemoryFiles


@pytest.fixture(scope="session")
def round_trip() -> Callable[[Materializer[Any], Any], Any]:
    """Return a function that saves a value into memory and loads it again."""

    def save_and_load(materializer: Materializer[Any], value: Any) -> Any:
        files = MemoryFiles()
        materializer.save_files(value, files)
        assert files.unfinished() == ()
        return materializer.load_files(files, type(value))

    return save_and_load
