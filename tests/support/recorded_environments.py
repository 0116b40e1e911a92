"""Archived code and the real environments that wrote it, kept between runs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

import artifact_materializers.numpy
import artifact_materializers.pandas
import artifact_materializers.pyarrow
import artifact_materializers.python
import artifact_plugins
from artifact_plugins.contracts.folder import FolderFiles
from artifact_plugins.isolation import Limits, Work
from artifact_plugins.isolation.environments import environment_python
from artifact_plugins.isolation.requirements import requirements_of
from artifact_plugins.records.artifact import FileRecord
from artifact_plugins.records.snapshot import CodeArchive, PluginSnapshot

CACHE_HOME = Path.home() / ".cache/artifact_plugins-tests"
CORE = Path(artifact_plugins.__file__).parents[1]
PLUGINS = Path(artifact_materializers.python.__file__).parents[2]
RECORDED_AT = datetime(2024, 11, 1, tzinfo=UTC)

EXCHANGE = (
    *artifact_materializers.python.register_materializers(),
    *artifact_materializers.numpy.register_materializers(),
    *artifact_materializers.pandas.register_materializers(),
    *artifact_materializers.pyarrow.register_materializers(),
)

# A materializer of a user's own project: pickles, as people did before.
SHOP = """
    import pickle
    from artifact_plugins import Materializer

    class Order:
        def __init__(self, price): self.price = price
        def total(self, count=1): return self.price * count

    class Pickled(Materializer):
        format = "shop-pickle/1"
        executes_on_load = True

        def save(self, value, directory):
            (directory / "value.pickle").write_bytes(pickle.dumps(value))

        def load(self, directory, data_type):
            return pickle.loads((directory / "value.pickle").read_bytes())
"""


def snapshot_of(
    sources: Mapping[str, bytes],
    entry: str,
    libraries: Mapping[str, str] | None = None,
    *,
    python: str = "3.11.7",
    offers: Mapping[str, str] | None = None,
) -> PluginSnapshot:
    """Return the snapshot of one archive of these sources."""
    digest = f"sha256:{sha256(repr(sorted(sources.items())).encode()).hexdigest()}"
    files = tuple(
        FileRecord(path=name, size_bytes=len(data), digest=f"sha256:{sha256(data).hexdigest()}")
        for name, data in sorted(sources.items())
    )
    archive = CodeArchive(
        role="project",
        name="shop",
        digest=digest,
        roots=tuple(sorted({name.partition("/")[0].removesuffix(".py") for name in sources})),
        files=files,
        offers=dict(offers or {}),
    )
    return PluginSnapshot(
        id=digest,
        plugin="shop",
        entry_object=entry,
        archives=(archive,),
        python_version=python,
        libraries=dict(libraries or {}),
        created_at=RECORDED_AT,
    )


def work_of(folder: Path, sources: Mapping[str, str | bytes], entry: str, **more: Any) -> Work:
    """Return the work of loading the files below `folder` with these sources."""
    members = {
        name: text if isinstance(text, bytes) else dedent(text).encode()
        for name, text in sources.items()
    }
    libraries, python = more.pop("libraries", {}), more.pop("python", "3.11.7")
    offers = more.pop("offers", {})
    snapshot = snapshot_of(members, entry, libraries, python=python, offers=offers)
    values = {
        "what": "artifact 'orders' version 3",
        "data_type": "builtins:object",
        "exchange": EXCHANGE,
        "cache_home": CACHE_HOME,
        "limits": Limits(load_seconds=60, call_seconds=60),
        **more,
    }
    return Work(
        snapshot=snapshot,
        sources={snapshot.archives[0].digest: members},
        files=FolderFiles(folder),
        **values,
    )


class RecordedEnvironment:
    """A real environment of older libraries, in which older code runs."""

    def __init__(self, libraries: Mapping[str, str]) -> None:
        self.libraries = dict(libraries)
        self.python = environment_python(
            requirements_of(snapshot_of({}, "shop:Pickled", libraries)),
            cache_home=CACHE_HOME,
            recorded_at=RECORDED_AT,
            seconds=900,
        )

    def run(self, code: str, *arguments: str) -> str:
        """Run code there, with our packages on its path; return what it prints."""
        start = f"import sys; sys.path[:0] = {[str(CORE), str(PLUGINS)]!r}\n"
        done = subprocess.run(
            [str(self.python), "-c", start + dedent(code), *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
