"""A shop that saves artifacts with code of its own, and processes that see other code later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import warm_processes
from drift_trees import files, write_tree

CANARY = """
import os
if "CANARY" in os.environ:
    with open(os.environ["CANARY"], "a") as seen:
        seen.write(__name__ + "\\n")
"""
HELPERS = "def price(count):\n    return count * 10\n"
ORDERS = """
from dataclasses import dataclass
from shop.helpers import price

@dataclass
class Order:
    item: str
    count: int

    def total(self):
        return price(self.count)

class Basket:
    def __init__(self, items):
        self.items = items

    def __reduce__(self):
        return (Basket, (self.items,))

    def __eq__(self, other):
        return type(other) is Basket and self.items == other.items
"""
MATERIALIZER = """
import json
from artifact_plugins import Materializer
from shop.orders import Order

class OrderMaterializer(Materializer[Order]):
    format = "order/1"

    def save(self, value, directory):
        (directory / "order.json").write_text(json.dumps(vars(value)))

    def load(self, directory, data_type):
        return data_type(**json.loads((directory / "order.json").read_text()))
"""
ACME = """
import artifact_plugins as ap

@ap.hookimpl
def register_materializers():
    return [
        ap.MaterializerOffer(
            key="acme.tea",
            target="acme.tea:TeaMaterializer",
            types=("acme.tea:Tea",),
            format="tea/1",
        )
    ]
"""
TEA = """
from dataclasses import dataclass
from pathlib import Path
from artifact_plugins import Materializer

@dataclass
class Tea:
    leaf: str

class TeaMaterializer(Materializer[Tea]):
    format = "tea/1"

    def save(self, value, directory):
        (directory / "tea.txt").write_text(value.leaf)

    def load(self, directory, data_type):
        return data_type((directory / "tea.txt").read_text())
"""
LISTENER = """
import os
from pathlib import Path
import artifact_plugins as ap

@ap.hookimpl
def after_artifact_loaded(decision):
    Path(os.environ["DECISION"]).write_text(decision.model_dump_json())
"""
SAVE = """
import artifact_plugins as ap
from acme.tea import Tea
from shop.materializer import OrderMaterializer
from shop.orders import Basket, Order

ap.save(Order("tea", 2), "order", materializer=OrderMaterializer)
ap.save(Order("tea", 2), "plain")
ap.save([Order("tea", 2)], "orders")
ap.save(Basket(["tea"]), "basket")
ap.save(Tea("green"), "tea")
ap.save({"a": 1}, "numbers")
"""
LOAD = """
import sys
import artifact_plugins as ap

value = ap.load(sys.argv[1])
"""
TREE: dict[str, str | None] = {
    "shop/__init__.py": CANARY,
    "shop/helpers.py": CANARY + HELPERS,
    "shop/orders.py": CANARY + ORDERS,
    "shop/materializer.py": CANARY + MATERIALIZER,
    "acme/__init__.py": CANARY + ACME,
    "acme/tea.py": CANARY + TEA,
}


class Shop:
    """A working folder with a store, and the code and the user that its processes have.

    Attributes:
        work: The working folder.
        canary: Names the modules of the shop that were executed since the last look.
    """

    def __init__(
        self,
        work: Path,
        code: Path,
        *,
        user: str = "alice",
        plugins: tuple[str, ...] = ("acme",),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.work = work
        self.code = code
        self.user = user
        self.plugins = plugins
        self.settings = dict(settings or {})
        self.canary = code.with_name(f"{code.name}.canary")

    def write(self, *trees: dict[str, str | None]) -> None:
        """Write the code; a file that is None is not there."""
        write_tree(self.code, files(*trees, {"listener.py": LISTENER}))

    def environment(self, *, plugins: tuple[str, ...] | None = None) -> dict[str, str]:
        """Return the environment of a process of this user with this code."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ARTIFACT_PLUGINS_")}
        plugins = self.plugins if plugins is None else plugins
        settings = {"plugins": list(plugins), "durability": "process", **self.settings}
        return {
            **{k: v for k, v in kept.items() if k not in ("COLUMNS", "LINES")},
            **{
                f"ARTIFACT_PLUGINS_{name.upper()}": value
                if isinstance(value, str)
                else json.dumps(value)
                for name, value in settings.items()
            },
            "PYTHONPATH": str(self.code),
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CONFIG_HOME": str(self.work.parent / self.user),
            "CANARY": str(self.canary),
        }

    def python(
        self, program: str, *arguments: str, code: int | None = 0, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program."""
        plugins = (*self.plugins, *(("listener",) if "DECISION" in extra else ()))
        done = warm_processes.run(
            program,
            *arguments,
            cwd=self.work,
            env={**self.environment(plugins=plugins), **extra},
        )
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done

    def cli(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the command line as a process."""
        script = Path(sys.executable).with_name("artifact-plugins")
        done = warm_processes.run(script, *arguments, cwd=self.work, env=self.environment())
        assert code in (None, done.returncode), done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        """Run the command line with `--json` and return the document."""
        return json.loads(self.cli(*arguments, "--json", code=code).stdout)

    def decision(self, name: str) -> Any:
        """Load a version in a process and return what its hook was told."""
        said = self.code.with_name(f"{self.code.name}.decision")
        self.python(LOAD, name, DECISION=str(said))
        return json.loads(said.read_text())

    def executed(self) -> list[str]:
        """Return the modules of the shop that were executed since the last call."""
        seen = self.canary.read_text().splitlines() if self.canary.exists() else []
        self.canary.unlink(missing_ok=True)
        return seen


def save_shop(root: Path) -> Path:
    """Save one artifact of each kind with the whole code, as alice; return the working folder."""
    work = root / "work"
    work.mkdir()
    shop = Shop(work, root / "old")
    shop.write(TREE)
    shop.python(SAVE)
    shop.executed()
    return work
