"""The end of `make demo`: the code changes, the artifact stays; a stranger has to be asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

import artifact_plugins as ap

_CODE = Path("code")
_STRANGER = Path("stranger")
_LOAD = "import artifact_plugins as ap; rose = ap.load('wind-rose'); print(rose.bars())"


def show(console: Console) -> None:
    """Save with a module, rename and break it, load all the same; then be somebody else."""
    _save(console)
    _rename_and_break(console)
    _be_a_stranger(console)


def _save(console: Console) -> None:
    """Save a wind rose with a copy of `wind_rose.py` as the user's own code."""
    shutil.rmtree(_CODE, ignore_errors=True)
    _CODE.mkdir()
    shutil.copy(Path(__file__).with_name("wind_rose.py"), _CODE)
    sys.path.insert(0, str(_CODE.resolve()))
    from wind_rose import WindRose, WindRoseMaterializer  # late: copied a moment ago

    weather = ap.load("weather")
    sectors = (weather["wind_dir"].dropna() // 22.5).astype(int) % 16
    hours = [int(count) for count in sectors.value_counts().reindex(range(16), fill_value=0)]
    version = ap.save(WindRose(hours), "wind-rose", materializer=WindRoseMaterializer)
    console.print(f"saved {version} as {version.format}, pinned to {version.plugin_snapshot}")


def _rename_and_break(console: Console) -> None:
    module = _CODE / "wind_rose.py"
    broken = module.read_text(encoding="utf-8").replace("json.loads", "json.lost")
    (_CODE / "roses.py").write_text(broken.replace("WindRose", "Rose"), encoding="utf-8")
    module.unlink()
    console.print("wind_rose.py is now roses.py, WindRose is Rose, and its load is broken;")
    _run(console, [sys.executable, "-c", _LOAD], {"PYTHONPATH": str(_CODE.resolve())})
    _cli(console, "explain-load", "wind-rose")


def _be_a_stranger(console: Console) -> None:
    shutil.rmtree(_STRANGER, ignore_errors=True)
    shutil.copytree(".artifact_plugins", _STRANGER / ".artifact_plugins")
    home = {"ARTIFACT_PLUGINS_TRUST_HOME": str((_STRANGER / "home").resolve())}
    console.print("a stranger with a copy of this store and no key of ours:")
    _cli(console, "load", "wind-rose", folder=_STRANGER, environment=home)
    _cli(console, "trust", "export", "our.key")
    _cli(
        console,
        *("trust", "add", "../our.key", "--name", "the demo"),
        folder=_STRANGER,
        environment=home,
    )
    _cli(console, "load", "wind-rose", folder=_STRANGER, environment=home)


def _cli(
    console: Console,
    *arguments: str,
    folder: Path = Path(),
    environment: dict[str, str] | None = None,
) -> None:
    command = [sys.executable, "-m", "artifact_plugins", *arguments]
    console.print(f"[bold]$ artifact-plugins {' '.join(arguments)}[/]", highlight=False)
    _run(console, command, environment or {}, folder)


def _run(
    console: Console, command: list[str], environment: dict[str, str], folder: Path = Path()
) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
    console.print((done.stdout + done.stderr).rstrip(), highlight=False, markup=False)
