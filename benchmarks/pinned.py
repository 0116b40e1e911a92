"""What pinning costs: capture, publish, restore and trust, each beside its bare counterpart.

    pinned.py [--reps 5] [--json FILE]

A plugin of 30 files writes a version; then its folder is gone and the version
is loaded from the archive. Each measurement is a fresh process; the best of the
repetitions counts. Bare: reading and hashing the same files, importing the same
package without bytecode, verifying one ed25519 signature.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import workloads as w
from rich.console import Console
from rich.table import Table
from run import measure, shown

import artifact_plugins as ap

MODULES = 28
REPEATS = 200
_LINES = "\n".join(f"def helper_{n}(x):\n    return [x, {n}, 'text {n}']\n" for n in range(20))
_PLUGIN = """
import json
from pathlib import Path
import artifact_plugins as ap
{imports}

class Box:
    def __init__(self, content):
        self.content = content
    def __eq__(self, other):
        return type(other) is Box and self.content == other.content
    __hash__ = None

class BoxMaterializer(ap.Materializer):
    format = "box/1"
    def save(self, value, directory):
        (directory / "box.json").write_text(json.dumps(value.content))
    def load(self, directory, data_type):
        return data_type(json.loads((directory / "box.json").read_text()))
"""


def write_plugin(folder: Path) -> Path:
    """Write the package and put it on the path."""
    package = folder / "code" / "boxes"
    package.mkdir(parents=True)
    for number in range(MODULES):
        (package / f"part_{number}.py").write_text(_LINES)
    imports = "\n".join(f"from boxes import part_{number}" for number in range(MODULES))
    (package / "core.py").write_text(_PLUGIN.format(imports=imports))
    (package / "__init__.py").write_text(
        "import artifact_plugins as ap\n\n"
        "@ap.hookimpl\n"
        "def register_materializers():\n"
        "    return [ap.MaterializerOffer(key='boxes.box', format='box/1',\n"
        "        target='boxes.core:BoxMaterializer', types=('boxes.core:Box',))]\n"
    )
    sys.path.insert(0, str(package.parent))
    return package


def settings(folder: Path, *plugins: str) -> ap.Settings:
    """Return settings whose values always get files, so that they have a manifest."""
    return ap.Settings(plugins=plugins, inline_max_bytes=0, trust_home=folder / "home")


def capture(folder: Path) -> dict[str, float]:
    """Capture the package for the first time in a process, and again."""
    from artifact_plugins.snapshots import capture_plugin

    write_plugin(folder)
    seconds = []
    for _ in range(2):
        started = w.now()
        capture_plugin("boxes", plugin="boxes", distribution=None, distribution_version=None)
        seconds.append(w.now() - started)
    return {"capture, first": seconds[0], "capture, after": seconds[1]}


def restore(folder: Path) -> dict[str, float]:
    """Load from the archive for the first time in a process, and again."""
    _saved_elsewhere(folder)
    with ap.open_session(settings(folder)) as session:
        version = session.find("box")
        reading = session.deciding.reading(version, allow_unsafe=False, archive_first=True)
        started = w.now()
        code = reading.code()
        code.find("boxes.core:BoxMaterializer")
        first = w.now() - started
        started = w.now()
        for _ in range(REPEATS):
            code.find("boxes.core:Box")
        after = (w.now() - started) / REPEATS
        started = w.now()
        for _ in range(REPEATS):
            session.deciding.reading(version, allow_unsafe=False).vouch()
        trust = (w.now() - started) / REPEATS
        started = w.now()
        for _ in range(20):
            assert session.load(version).content == {"a": 1}
        load = (w.now() - started) / 20
    return {
        "restore, first": first,
        "find, after": after,
        "trust check of a load": trust,
        "load from the archive, after": load,
    }


def _saved_elsewhere(folder: Path) -> None:
    """Save with the plugin in a process of its own, and take the plugin away."""
    import subprocess

    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path; import pinned, artifact_plugins as ap\n"
        "folder = Path(sys.argv[1]); pinned.write_plugin(folder)\n"
        "with ap.open_session(pinned.settings(folder, 'boxes')):\n"
        "    from boxes.core import Box\n"
        "    ap.save(Box({'a': 1}), 'box')\n"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, str(folder), here], check=True, cwd=folder)
    shutil.rmtree(folder / "code")


def bare(folder: Path) -> dict[str, float]:
    """Read and hash, import, verify: what the machine needs for the like."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    package = write_plugin(folder)
    started = w.now()
    for path in sorted(package.glob("*.py")):
        hashlib.sha256(path.read_bytes()).hexdigest()
    read = w.now() - started
    sys.dont_write_bytecode = True
    started = w.now()
    __import__("boxes.core")
    imported = w.now() - started
    key = Ed25519PrivateKey.generate()
    signature, public = key.sign(b"x" * 1000), key.public_key()
    started = w.now()
    for _ in range(REPEATS):
        public.verify(signature, b"x" * 1000)
    return {"read": read, "import": imported, "verify": (w.now() - started) / REPEATS}


JOBS: dict[str, Callable[[Path], dict[str, float]]] = {
    job.__name__: job for job in (capture, restore, bare)
}
# Figure, its bare counterpart, target in seconds.
ROWS = (
    ("capture, first", "read", 0.050),
    ("capture, after", "read", 0.001),
    ("restore, first", "import", 0.100),
    ("find, after", "import", 50e-6),
    ("trust check of a load", "verify", 0.001),
    ("load from the archive, after", "verify", None),
)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    chosen = parser.parse_args()
    best: dict[str, float] = {}
    for name in JOBS:
        for _ in range(chosen.reps):
            for key, seconds in measure("pinned.py", "--one", name).items():
                best[key] = min(seconds, best.get(key, seconds))
    table = Table("pinning, a plugin of 30 files", "bare", "ours", "ours / bare", "target")
    for title, other, target in ROWS:
        ratio = f"{best[title] / best[other]:.2f} of {other}"
        aim = "-" if target is None else shown(target)
        table.add_row(title, shown(best[other]), shown(best[title]), ratio, aim)
    Console(width=120).print(table, f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if chosen.json:
        chosen.json.write_text(json.dumps(best, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        w.report(JOBS[sys.argv[2]](Path(sys.argv[3])))
    else:
        main()
