"""Packages written for a test, digested in fresh processes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from artifact_plugins.code import CodeDigest, digest_function

Digest = Callable[..., CodeDigest]

SCRIPT = """
import sys
sys.path.insert(0, {root!r})
{before}
from {module} import {name} as function
from artifact_plugins.code import digest_function
print(digest_function(function).model_dump_json())
"""


def write(root: Path, files: dict[str, str]) -> None:
    """Write source files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


def run_script(text: str, *, seed: str = "0", flags: tuple[str, ...] = ()) -> str:
    """Run Python in a fresh process; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-B", *flags, "-c", text],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest_in(
    root: Path, target: str, *, before: str = "", seed: str = "0", flags: tuple[str, ...] = ()
) -> CodeDigest:
    """Import `module:name` below a folder in a fresh process and digest it."""
    module, _, name = target.partition(":")
    script = SCRIPT.format(root=str(root), module=module, name=name, before=before)
    line = run_script(script, seed=seed, flags=flags).splitlines()[-1]
    return CodeDigest(**json.loads(line))


@pytest.fixture
def digest_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digest:
    """Digest `module:name` of some files in this process, imported anew each time."""
    count = iter(range(1000))

    def digest_files(files: dict[str, str] | str, target: str = "mod:step") -> CodeDigest:
        files = {"mod.py": files} if isinstance(files, str) else files
        root = tmp_path / f"here{next(count)}"
        write(root, files)
        tops = {name.partition("/")[0].removesuffix(".py") for name in files}
        with monkeypatch.context() as patch:
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.syspath_prepend(str(root))
            before = {name: sys.modules.pop(name, None) for name in names_below(tops)}
            try:
                module, _, name = target.partition(":")
                found = importlib.import_module(module)
                for part in name.split("."):
                    found = getattr(found, part)
                return digest_function(found)
            finally:
                for loaded in names_below(tops):
                    del sys.modules[loaded]
                sys.modules.update({k: v for k, v in before.items() if v is not None})

    return digest_files


def names_below(tops: set[str]) -> list[str]:
    """Return the loaded modules of some packages."""
    return [name for name in sys.modules if name.partition(".")[0] in tops]


@pytest.fixture
def digest(tmp_path: Path) -> Digest:
    """Digest `module:name` of some files in a fresh process, each time in a folder of its own."""
    count = iter(range(1000))

    def digest_files(files: dict[str, str] | str, target: str = "mod:step", **options: str):
        root = tmp_path / f"copy{next(count)}"
        write(root, {"mod.py": files} if isinstance(files, str) else files)
        return digest_in(root, target, seed=str(next(count)), **options)

    return digest_files
