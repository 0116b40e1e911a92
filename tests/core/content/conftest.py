"""Stores of both kinds, and short ways to save and tamper."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from artifact_plugins import failpoints
from artifact_plugins.content import ContentStore
from artifact_plugins.records import ArtifactVersion, new_id, now

Save = Callable[..., ArtifactVersion]


@pytest.fixture(params=["local", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet, of each kind."""
    return str(tmp_path / "store") if request.param == "local" else f"memory://{new_id()}"


@pytest.fixture
def open_store() -> Iterator[Callable[..., ContentStore]]:
    """Open stores that are closed at the end of the test."""
    opened: list[ContentStore] = []

    def open_one(url: str | Path, **settings: Any) -> ContentStore:
        store = ContentStore.open(str(url), **{"durable": False, **settings})
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., ContentStore], url: str) -> ContentStore:
    """An empty store of each kind."""
    return open_store(url)


@pytest.fixture
def local(open_store: Callable[..., ContentStore], tmp_path: Path) -> ContentStore:
    """An empty local store."""
    return open_store(tmp_path / "store")


@pytest.fixture
def save() -> Save:
    """Save `{name: bytes}` and return the record a ledger would keep."""

    def save_files(
        store: ContentStore, files: dict[str, bytes], *, artifact: str = "flights", **fields: Any
    ) -> ArtifactVersion:
        version_id = fields.pop("id", None) or new_id()
        writer = store.writer(version_id)
        for name, data in files.items():
            with writer.open(name) as sink:
                sink.write(data)
        written = writer.finish()
        published = writer.publish({"artifact": artifact}, "application/octet-stream")
        return ArtifactVersion(
            id=version_id,
            project="test",
            artifact=artifact,
            version=1,
            data_type="builtins:bytes",
            format="raw/1",
            uri=published.uri,
            files=written.files,
            size_bytes=written.size_bytes,
            content_hash=written.content_hash,
            manifest_digest=published.manifest_digest,
            created_at=now(),
            **fields,
        )

    return save_files


@pytest.fixture
def folder_of() -> Callable[[ArtifactVersion], Path]:
    """Return the folder of a version in a local store."""
    return lambda version: Path(unquote(urlsplit(version.uri).path))


@pytest.fixture
def trip() -> Iterator[Callable[[str], None]]:
    """Set failpoints for the rest of the test."""
    yield failpoints.configure
    failpoints.configure("")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own with 1 MiB; only where the test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or not mount or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no right to mount a filesystem here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
