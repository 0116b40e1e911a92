"""Projects that reach their code and data in unusual ways, which changed after they wrote."""

from __future__ import annotations

import textwrap
from importlib.machinery import EXTENSION_SUFFIXES

from drift_trees import MATERIALIZER, ORDERS, PICKLING, Drift, files, moved, old, row


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
