"""Readers with a home each, and users whom permissions stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artifact_plugins.trust import Trust

NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def own(home: Path) -> Trust:
    """The reader."""
    return Trust(home=home)


@pytest.fixture
def stranger(tmp_path: Path) -> Trust:
    """Somebody else, with a key of their own."""
    return Trust(home=tmp_path / "stranger")


@pytest.fixture
def as_somebody_else() -> Iterator[Callable[[], contextlib.AbstractContextManager[Path]]]:
    """Act in a folder of one's own as a user whom permissions stop; root becomes nobody."""
    folder = Path(tempfile.mkdtemp())

    @contextlib.contextmanager
    def act() -> Iterator[Path]:
        if os.geteuid():
            yield folder
            return
        os.chown(folder, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)
            os.setegid(0)

    yield act
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)
