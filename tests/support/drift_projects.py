"""Little projects that change after they wrote an artifact: one function for each kind of drift.

Each returns the tree that wrote a value and the tree that is there when the
value is loaded. Every old tree has a materializer at `Drift.writer`, a function
at `Drift.sample` that makes the value, and values that answer `facts()` with
plain data which depends on their code.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
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


@row
def helper_changed() -> Drift:
    """A function two imports away computes something else."""
    new = {"shop/helpers.py": "def price(count):\n    return -count\n"}
    return Drift(old(), old(new), ["tea", 20], ["tea", -2])


@row
def helper_removed() -> Drift:
    """A function that the old code imports is gone."""
    return Drift(old(), old({"shop/helpers.py": ""}), ["tea", 20])


@row
def class_renamed() -> Drift:
    """The class of the value has another name."""
    new = {
        "shop/orders.py": ORDERS.replace("Order", "Purchase"),
        "shop/materializer.py": MATERIALIZER.replace("Order", "Purchase"),
    }
    return Drift(old(), old(new), ["tea", 20], ["tea", 20])


@row
def module_moved() -> Drift:
    """The module of the materializer lies elsewhere."""
    new: dict[str, str | None] = {
        "shop/materializer.py": None,
        "shop/storage/__init__.py": "",
        "shop/storage/files.py": MATERIALIZER,
    }
    return Drift(old(), old(new), ["tea", 20], ["tea", 20])


@row
def data_type_moved() -> Drift:
    """The module of the data type lies elsewhere."""
    new: dict[str, str | None] = {
        "shop/orders.py": None,
        "shop/models.py": ORDERS.replace('"tea"', '"coffee"'),
        "shop/materializer.py": MATERIALIZER.replace("shop.orders", "shop.models"),
    }
    return Drift(old(), old(new), ["tea", 20], ["coffee", 20], new_sample="shop.models:sample")


@row
def package_renamed() -> Drift:
    """The whole package has another name."""
    new = moved(old(), "shop", "store")
    return Drift(old(), new, ["tea", 20], ["tea", 20], new_sample="store.orders:sample")


@row
def plugin_uninstalled() -> Drift:
    """Nothing of the package is left."""
    return Drift(old(), {}, ["tea", 20])


@row
def same_version_other_code() -> Drift:
    """The code changed, the version number did not."""
    version = {"shop/__init__.py": '__version__ = "1.0"\n'}
    new = {**version, "shop/helpers.py": "def price(count):\n    return count * 11\n"}
    return Drift(old(version), old(new), ["tea", 20], ["tea", 22])


@row
def format_changed_without_reader() -> Drift:
    """The new materializer writes another format and does not read the old one."""
    changed = MATERIALIZER.replace("order/1", "order/2").replace("order.json", "order2.json")
    return Drift(old(), old({"shop/materializer.py": changed}), ["tea", 20], ["tea", 20])


@row
def format_changed_with_reader() -> Drift:
    """The new materializer writes another format and reads the old one."""
    changed = MATERIALIZER.replace(
        'format = "order/1"', 'format = "order/2"\n        reads = ("order/1",)'
    )
    return Drift(old(), old({"shop/materializer.py": changed}), ["tea", 20], ["tea", 20])


@row
def new_dependency() -> Drift:
    """The new code needs a library that is not installed."""
    new = {"shop/helpers.py": "import no_such_library\nprice = no_such_library.price\n"}
    return Drift(old(), old(new), ["tea", 20])


@row
def field_gained() -> Drift:
    """The data type has one more field, without a default."""
    gained = ORDERS.replace("count: int", "count: int\n        shipped: bool").replace(
        'Order("tea", 2)', 'Order("tea", 2, True)'
    )
    return Drift(old(), old({"shop/orders.py": gained}), ["tea", 20], ["tea", 20])


@row
def field_lost() -> Drift:
    """The data type has one field less."""
    lost = ORDERS.replace("        count: int\n", "").replace("self.count", "1")
    lost = lost.replace('Order("tea", 2)', 'Order("tea")')
    return Drift(old(), old({"shop/orders.py": lost}), ["tea", 20], ["tea", 10])


@row
def dataclass_order_changed() -> Drift:
    """The fields of a dataclass that is stored by position changed places."""
    by_position = MATERIALIZER.replace("vars(value)", "list(vars(value).values())").replace(
        "data_type(**", "data_type(*"
    )
    swapped = ORDERS.replace(
        "        item: str\n        count: int\n", "        count: int\n        item: str\n"
    ).replace('Order("tea", 2)', 'Order(3, "tea")')
    before = old({"shop/materializer.py": by_position})
    return Drift(before, files(before, {"shop/orders.py": swapped}), ["tea", 20], ["tea", 30])


@row
def enum_member_renamed() -> Drift:
    """A member of an Enum that is stored by name has another name."""
    orders = """
        from enum import Enum

        class Order(Enum):
            OPEN = "open"
            CLOSED = "closed"

            def facts(self):
                return [self.name, self.value]

        def sample():
            return Order.OPEN
    """
    by_name = (
        MATERIALIZER.replace("vars(value)", "value.name")
        .replace("data_type(**", "data_type[")
        .replace("read_text())", "read_text()]")
    ).replace("read_text()])", "read_text())]")
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_name})
    after = {"shop/orders.py": textwrap.dedent(orders).replace("OPEN", "PENDING")}
    return Drift(before, files(before, after), ["OPEN", "open"], ["PENDING", "open"])


@row
def pydantic_model_changed() -> Drift:
    """A pydantic model with forward references forbids what it had."""
    orders = """
        from __future__ import annotations
        from pydantic import BaseModel, ConfigDict

        class Order(BaseModel):
            model_config = ConfigDict(extra="forbid")
            item: str
            lines: list[Line]
            next: Order | None = None

            def facts(self):
                return [self.item, [line.total() for line in self.lines], self.next is not None]

        class Line(BaseModel):
            count: int

            def total(self):
                return self.count * 10

        Order.model_rebuild()

        def sample():
            return Order(item="tea", lines=[Line(count=2)], next=Order(item="cup", lines=[]))
    """
    by_model = (
        MATERIALIZER.replace("json.dumps(vars(value))", "value.model_dump_json()")
        .replace("data_type(**json.loads((directory", "data_type.model_validate_json((directory")
        .replace("read_text()))", "read_text())")
    )
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_model})
    after = textwrap.dedent(orders).replace("lines: list[Line]", "rows: list[Line]")
    after = after.replace("self.lines", "self.rows").replace("lines=", "rows=")
    return Drift(
        before,
        files(before, {"shop/orders.py": after.replace("* 10", "* 9")}),
        ["tea", [20], True],
        ["tea", [18], True],
    )


@row
def attrs_class_changed() -> Drift:
    """An attrs class converts differently."""
    orders = """
        import attrs

        @attrs.define
        class Order:
            item: str = attrs.field(converter=str.upper)
            count: int = 2

            def facts(self):
                return [self.item, self.count]

        def sample():
            return Order("tea")
    """
    by_attrs = MATERIALIZER.replace("vars(value)", "attrs.asdict(value)").replace(
        "import json", "import json, attrs"
    )
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_attrs})
    after = {"shop/orders.py": textwrap.dedent(orders).replace("upper", "title")}
    return Drift(before, files(before, after), ["TEA", 2], ["Tea", 2])


@row
def named_tuple_changed() -> Drift:
    """A NamedTuple has its fields in another order."""
    orders = """
        from typing import NamedTuple

        class Order(NamedTuple):
            item: str
            count: int

            def facts(self):
                return [self.item, self.count]

        def sample():
            return Order("tea", 2)
    """
    by_position = MATERIALIZER.replace("vars(value)", "value").replace(
        "data_type(**", "data_type(*"
    )
    before = old({"shop/orders.py": orders, "shop/materializer.py": by_position})
    after = textwrap.dedent(orders).replace(
        "    item: str\n    count: int", "    count: int\n    item: str"
    )
    after = after.replace('"tea", 2', '2, "tea"')
    return Drift(before, files(before, {"shop/orders.py": after}), ["tea", 2], ["tea", 2])


@row
def plugin_and_data_type_changed() -> Drift:
    """Plugin and data type are two packages that import each other, and both changed."""
    plugin = {
        "shop_files/__init__.py": "from shop_files.materializer import OrderMaterializer\n",
        "shop_files/materializer.py": MATERIALIZER.replace("json.dumps(", "write(").replace(
            "import json", "import json\n    from shop_files.text import write"
        ),
        "shop_files/text.py": "import json\ndef write(found):\n    return json.dumps(found)\n",
    }
    orders = ORDERS.replace("def facts", "def facts_")
    before = old(
        {
            **plugin,
            "shop/materializer.py": None,
            "shop/orders.py": orders.replace(
                "def facts_(self):",
                "def facts(self):\n            import shop_files.text as text\n"
                "            assert text.write([1]) == '[1]'",
            ),
        }
    )
    after = files(
        before,
        {
            "shop_files/text.py": "def write(found):\n    return repr(found)\n",
            "shop/helpers.py": "def price(count):\n    return 0\n",
            "shop/orders.py": ORDERS.replace(
                "count: int", "count: int\n        paid: bool = False"
            ),
        },
    )
    return Drift(
        before,
        after,
        ["tea", 20],
        ["tea", 0],
        writer="shop_files.materializer:OrderMaterializer",
        roots=("shop_files",),
        project=("shop",),
    )


@row
def sub_package() -> Drift:
    """Classes lie in sub-packages of sub-packages that import upwards."""
    before = old(
        {
            "shop/deep/__init__.py": "from .deeper.prices import price\n",
            "shop/deep/deeper/__init__.py": "",
            "shop/deep/deeper/prices.py": "from ...helpers import price as whole\n"
            "def price(count):\n    return whole(count) + 1\n",
            "shop/orders.py": ORDERS.replace("shop.helpers", "shop.deep"),
        }
    )
    after = files(before, {"shop/deep/deeper/prices.py": "def price(count):\n    return 0\n"})
    return Drift(before, after, ["tea", 21], ["tea", 0])


@row
def namespace_package() -> Drift:
    """The package is a part of a namespace package without `__init__`."""
    before = moved(old(), "shop", "acme/shop")
    before = {name: text.replace("acme/shop.", "acme.shop.") for name, text in before.items()}
    after = {**before, "acme/shop/helpers.py": "def price(count):\n    return 0\n"}
    return Drift(
        before,
        {**after, "acme/other/__init__.py": "NAME = 'other'\n"},
        ["tea", 20],
        ["tea", 0],
        writer="acme.shop.materializer:OrderMaterializer",
        sample="acme.shop.orders:sample",
        new_sample="acme.shop.orders:sample",
        roots=("acme.shop",),
    )


def _importing(statement: str, use: str = "price(self.count)") -> Drift:
    """Return a project that reaches its helper in some way, and changes the helper."""
    orders = ORDERS.replace("from shop.helpers import price", statement)
    before = old({"shop/orders.py": orders.replace("price(self.count)", use)})
    after = files(before, {"shop/helpers.py": "def price(count):\n    return 0\n"})
    return Drift(before, after, ["tea", 20], ["tea", 0])


@row
def relative_import() -> Drift:
    """The old code imports its helper relatively."""
    return _importing("from .helpers import price")


@row
def module_from_package() -> Drift:
    """The old code says `from . import helpers`."""
    return _importing("from . import helpers", "helpers.price(self.count)")


@row
def absolute_import() -> Drift:
    """The old code says `import shop.helpers`."""
    return _importing("import shop.helpers", "shop.helpers.price(self.count)")


@row
def aliased_import() -> Drift:
    """The old code says `import shop.helpers as h`."""
    return _importing("import shop.helpers as h", "h.price(self.count)")


@row
def star_import() -> Drift:
    """The old code says `from shop.helpers import *`."""
    return _importing("from shop.helpers import *")


@row
def lazy_import() -> Drift:
    """The old code imports its helper inside a method, long after it was restored."""
    return _importing("", "(lambda: __import__('shop.helpers').helpers.price(self.count))()")


@row
def lazy_statement() -> Drift:
    """The old code has an import statement inside a method."""
    return _importing(
        "def price(count):\n        from shop.helpers import price\n        return price(count)"
    )


@row
def import_module_by_name() -> Drift:
    """The old code calls `importlib.import_module` with the name of its package."""
    return _importing(
        "import importlib", "importlib.import_module('shop.helpers').price(self.count)"
    )


@row
def import_module_kept() -> Drift:
    """The old code keeps `import_module` and calls it with a relative name later."""
    return _importing(
        "from importlib import import_module as load",
        "load('.helpers', __package__).price(self.count)",
    )


@row
def conditional_import() -> Drift:
    """The old code falls back when an import fails."""
    return _importing(
        "try:\n        from shop.fast_helpers import price\n"
        "    except ImportError:\n        from shop.helpers import price"
    )


@row
def module_getattr() -> Drift:
    """The package imports its parts when they are first named."""
    lazy = """
        def __getattr__(name):
            if name == "price":
                from shop.helpers import price
                return price
            raise AttributeError(name)
    """
    drift = _importing("import shop", "shop.price(self.count)")
    added = files({"shop/__init__.py": lazy})
    return Drift(drift.old | added, drift.new | added, drift.facts, drift.live)


@row
def circular_imports() -> Drift:
    """Two modules import each other."""
    before = old(
        {
            "shop/helpers.py": "import shop.orders\n\ndef price(count):\n    return count * 10\n\n"
            "def another():\n    return shop.orders.Order('cup', 1)\n",
            "shop/orders.py": ORDERS.replace(
                "from shop.helpers import price", "import shop.helpers"
            ).replace("price(self.count)", "shop.helpers.price(self.count)"),
        }
    )
    after = files(
        before, {"shop/helpers.py": "import shop.orders\n\ndef price(_):\n    return 0\n"}
    )
    return Drift(before, after, ["tea", 20], ["tea", 0])


@row
def init_with_side_effects() -> Drift:
    """The package counts its own imports in a table of its own."""
    before = old(
        {
            "shop/__init__.py": "from shop.helpers import SEEN\nSEEN.append('old')\n",
            "shop/helpers.py": "SEEN = []\n\ndef price(count):\n    return SEEN * count\n",
        }
    )
    after = files(
        before, {"shop/__init__.py": "from shop.helpers import SEEN\nSEEN.append('new')\n"}
    )
    return Drift(before, after, ["tea", ["old"] * 2], ["tea", ["new"] * 2])


@row
def compiled_with_fallback() -> Drift:
    """A compiled module was left out and the code has a slow one."""
    drift = _importing(
        "try:\n        from shop._fast import price\n"
        "    except ImportError:\n        from shop.helpers import price"
    )
    compiled = {f"shop/_fast{EXTENSION_SUFFIXES[0]}": "no machine runs this"}
    return Drift(drift.old | compiled, drift.new | compiled, drift.facts, drift.live)


@row
def entry_point_moved() -> Drift:
    """The package offers its materializer from another module."""
    before = old({"shop/__init__.py": "from shop.materializer import OrderMaterializer\n"})
    after = old(
        {
            "shop/__init__.py": "from shop.files import OrderMaterializer\n",
            "shop/materializer.py": None,
            "shop/files.py": MATERIALIZER,
        }
    )
    return Drift(before, after, ["tea", 20], ["tea", 20], writer="shop:OrderMaterializer")


@row
def data_file_changed() -> Drift:
    """A data file of the package says something else."""
    helpers = """
        import json, os, pkgutil
        from importlib import resources

        def price(count):
            one = json.loads(resources.files(__package__).joinpath("data/prices.json").read_text())
            two = json.loads(pkgutil.get_data("shop", "data/prices.json"))
            with open(os.path.join(os.path.dirname(__file__), "data", "prices.json")) as file:
                three = json.load(file)
            assert one == two == three
            return count * one["tea"]
    """
    before = old({"shop/helpers.py": helpers, "shop/data/prices.json": '{"tea": 10}'})
    after = files(before, {"shop/data/prices.json": '{"tea": 7}'})
    return Drift(before, after, ["tea", 20], ["tea", 14])


@row
def hierarchy_across_modules() -> Drift:
    """The data type inherits from a class in another module, with a protocol beside it."""
    base = """
        from abc import ABC, abstractmethod
        from typing import Protocol, runtime_checkable

        @runtime_checkable
        class Priced(Protocol):
            def price(self): ...

        class Thing(ABC):
            @abstractmethod
            def price(self): ...

            def facts(self):
                return [self.item, self.price(), isinstance(self, Priced)]
    """
    orders = ORDERS.replace("class Order:", "class Order(Thing):").replace(
        "from shop.helpers import price", "from shop.base import Thing"
    )
    orders = orders.replace(
        "def facts(self):\n            return [self.item, price(self.count)]",
        "def price(self):\n            return super().price() or self.count * 10",
    )
    before = old({"shop/base.py": base, "shop/orders.py": orders})
    after = files(before, {"shop/base.py": textwrap.dedent(base).replace("True", "False")})
    after["shop/base.py"] = after["shop/base.py"].replace("self.price(),", "-self.price(),")
    return Drift(before, after, ["tea", 20, True], ["tea", -20, True])


@row
def registered_by_decorator() -> Drift:
    """Classes enter a table of the package when they are defined."""
    helpers = """
        KINDS = {}

        def kind(cls):
            assert cls.__qualname__ not in KINDS, "registered twice"
            KINDS[cls.__qualname__] = cls
            return cls

        def price(count):
            return sorted(KINDS)
    """
    orders = ORDERS.replace("@dataclass\n", "@kind\n    @dataclass\n").replace(
        "import price", "import kind, price"
    )
    before = old({"shop/helpers.py": helpers, "shop/orders.py": orders})
    more = orders + "\n    @kind\n    class Refund:\n        pass\n"
    after = files(before, {"shop/orders.py": more})
    return Drift(before, after, ["tea", ["Order"]], ["tea", ["Order", "Refund"]])


@row
def module_state() -> Drift:
    """The package keeps a counter in a module."""
    helpers = """
        import itertools
        COUNTER = itertools.count()

        def price(count):
            return next(COUNTER) >= 0
    """
    before = old({"shop/helpers.py": helpers})
    after = files(
        before, {"shop/helpers.py": "COUNTER = None\n\ndef price(_):\n    return COUNTER\n"}
    )
    return Drift(before, after, ["tea", True], ["tea", None])


@row
def pickled_instance() -> Drift:
    """The old materializer pickles values whose class is gone."""
    before = old({"shop/materializer.py": PICKLING})
    return Drift(
        before, files(before, {"shop/orders.py": "", "shop/materializer.py": ""}), ["tea", 20]
    )


@row
def own_version_asked() -> Drift:
    """The package asks for the version of its own distribution, which is gone."""
    init = """
        from importlib.metadata import PackageNotFoundError, version
        try:
            __version__ = version("acme-shop")
        except PackageNotFoundError:
            __version__ = "unknown"
    """
    before = old({"shop/__init__.py": init})
    return Drift(before, {}, ["tea", 20])
