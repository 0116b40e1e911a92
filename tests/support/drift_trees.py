"""Trees of files before and after a drift, their table, and the shop that most start from."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Files = dict[str, str]


@dataclass(frozen=True)
class Drift:
    """A project before and after.

    Attributes:
        old: Files that wrote the value, by path.
        new: Files that are there when it is loaded.
        facts: What `facts()` of the value says with the old code.
        live: What `facts()` of a fresh value of the new tree says; None when
            the new code cannot make one.
        writer: Import path of the materializer in the old tree.
        sample: Import path of the function that makes the value, in the old tree.
        new_sample: The same in the new tree.
        roots: Packages of the plugin; those of `project` are the user's own.
        project: Packages of the data type, when they are not the plugin's.
    """

    old: Files
    new: Files
    facts: Any
    live: Any = None
    writer: str = "shop.materializer:OrderMaterializer"
    sample: str = "shop.orders:sample"
    new_sample: str = "shop.orders:sample"
    roots: tuple[str, ...] = ("shop",)
    project: tuple[str, ...] = ()


ROWS: dict[str, Callable[[], Drift]] = {}


def row(make: Callable[[], Drift]) -> Callable[[], Drift]:
    """Add a kind of drift to the table."""
    ROWS[make.__name__] = make
    return make


def write_tree(root: Path, files: Files) -> None:
    """Write the files of a tree below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def files(*trees: dict[str, str | None], **_: object) -> Files:
    """Merge trees; None takes a file away."""
    merged: dict[str, str | None] = {}
    for tree in trees:
        merged |= tree
    return {name: textwrap.dedent(text) for name, text in merged.items() if text is not None}


ORDERS = """
    from dataclasses import dataclass
    from shop.helpers import price

    @dataclass
    class Order:
        item: str
        count: int

        def facts(self):
            return [self.item, price(self.count)]

    def sample():
        return Order("tea", 2)
"""
MATERIALIZER = """
    import json
    from artifact_plugins import Materializer
    from shop.orders import Order

    class OrderMaterializer(Materializer[Order]):
        types = (Order,)
        format = "order/1"

        def save(self, value, directory):
            (directory / "order.json").write_text(json.dumps(vars(value)))

        def load(self, directory, data_type):
            return data_type(**json.loads((directory / "order.json").read_text()))
"""
BASE: dict[str, str | None] = {
    "shop/__init__.py": "",
    "shop/helpers.py": "def price(count):\n    return count * 10\n",
    "shop/orders.py": ORDERS,
    "shop/materializer.py": MATERIALIZER,
}
PICKLING = """
    import pickle
    from artifact_plugins import Materializer
    from shop.orders import Order

    class OrderMaterializer(Materializer[Order]):
        types = (Order,)
        format = "order-pickle/1"

        def save(self, value, directory):
            (directory / "order.bin").write_bytes(pickle.dumps(value))

        def load(self, directory, data_type):
            with (directory / "order.bin").open("rb") as file:
                return pickle.load(file)
"""


def old(changes: dict[str, str | None] | None = None) -> Files:
    """Return the old tree with some changes."""
    return files(BASE, changes or {})


def moved(tree: Files, before: str, after: str) -> Files:
    """Return a tree whose package has another name, everywhere."""
    return {
        name.replace(f"{before}/", f"{after}/"): text.replace(f"{before}.", f"{after}.")
        for name, text in tree.items()
    }
