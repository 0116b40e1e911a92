"""Fake installed distributions, and offers without any plugin."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.plugins import PluginRegistry, load_plugins

PREAMBLE = """
from artifact_plugins import MaterializerOffer, RuntimeOffer, hookimpl
"""


class Installer:
    """Writes distributions with entry points into folders on `sys.path`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._monkeypatch = monkeypatch
        # Whatever this environment has installed is switched off in the tests.
        self.others = tuple(
            point.name for point in importlib.metadata.entry_points(group="artifact_plugins")
        )

    def install(
        self,
        distribution: str,
        version: str = "1.0",
        *,
        plugins: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        site: str = "site",
    ) -> Path:
        """Install a distribution; `plugins` maps entry point names to targets."""
        folder = self._root / site
        info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = [f"{name} = {target}" for name, target in plugins.items()]
        (info / "entry_points.txt").write_text("\n".join(["[artifact_plugins]", *lines, ""]))
        self.write(modules or {}, site=site)
        return info

    def write(self, modules: Mapping[str, str], *, site: str = "site") -> None:
        """Write importable modules."""
        folder = self._root / site
        folder.mkdir(exist_ok=True)
        for name, source in modules.items():
            (folder / f"{name}.py").write_text(PREAMBLE + dedent(source))
        if str(folder) not in sys.path:
            self._monkeypatch.syspath_prepend(folder)
        importlib.invalidate_caches()

    def load(self, **arguments: Any) -> PluginRegistry:
        """Load the fake plugins only."""
        disabled = (*self.others, *arguments.pop("disabled", ()))
        return load_plugins(disabled=disabled, **arguments)


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installer]:
    """Distributions that are gone, with their modules, after the test."""
    before = set(sys.modules)
    yield Installer(tmp_path, monkeypatch)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def offer() -> Callable[..., MaterializerOffer]:
    """Build an offer from a key and whatever the test is about."""

    def build(key: str, *types: str, **fields: Any) -> MaterializerOffer:
        fields = {"target": f"nowhere.{key}:Materializer", "format": f"{key}/1", **fields}
        return MaterializerOffer(key=key, types=types, **fields)

    return build
