"""Capture follows every way to import a module of the user, and ends at libraries and Python."""

from __future__ import annotations

import sys
import types

import pytest
from archived_projects import Project
from captured_projects import SHOP, captured, members

# How app.py reaches shop/orders.py; what the archive holds besides app.py.
WAYS = {
    "import": ("import shop.orders", {"shop/__init__.py", "shop/orders.py"}),
    "import as": ("import shop.orders as o", {"shop/__init__.py", "shop/orders.py"}),
    "from import": ("from shop.orders import Order", {"shop/__init__.py", "shop/orders.py"}),
    "from package": ("from shop import orders", {"shop/__init__.py", "shop/orders.py"}),
    "several": ("import json, shop.orders as o, os", {"shop/__init__.py", "shop/orders.py"}),
    "in a function": ("def f():\n    import shop.orders", {"shop/__init__.py", "shop/orders.py"}),
    "in a method": (
        "class A:\n    def f(self):\n        from shop.orders import Order",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "in a lambda": (
        "f = lambda: __import__('shop.orders')",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "for type checkers": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.orders import Order",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "try": (
        "try:\n    import nowhere_at_all\nexcept ImportError:\n    import shop.orders",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "else": (
        "import sys\nif sys.platform == 'none':\n    import shop.orders",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "import_module": (
        "import importlib\nm = importlib.import_module('shop.orders')",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "import_module by name": (
        "from importlib import import_module as load, import_module\nm = import_module('shop.orders')",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "relative import_module": (
        "import importlib\nm = importlib.import_module('.orders', 'shop')",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "relative import_module with a word": (
        "import importlib\nm = importlib.import_module('.orders', package='shop')",
        {"shop/__init__.py", "shop/orders.py"},
    ),
    "star": ("from shop.orders import *", {"shop/__init__.py", "shop/orders.py"}),
    "only the package": ("import shop", {"shop/__init__.py"}),
    "an attribute": ("from shop import nothing", {"shop/__init__.py"}),
    "in a comment": ("# import shop.orders", set()),
    "in a text": ("TEXT = 'import shop.orders'", set()),
    "nothing": ("import os, json.decoder\nfrom pathlib import Path", set()),
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_way_to_import_is_followed(way: str, project: Project):
    """A module is reached however it is imported, with the packages around it."""
    text, expected = WAYS[way]
    project.write({"app.py": text + "\n", **SHOP})

    assert members("app") == {"app.py", *expected}


def test_relative_imports_are_followed(project: Project):
    """One dot, two dots, names and modules: relative imports reach what Python would import."""
    project.write(
        {
            "shop/__init__.py": "from .base import Base\n",
            "shop/base.py": "class Base: ...\n",
            "shop/a/__init__.py": "from . import one\n",
            "shop/a/one.py": "from .. import b\nfrom ..b.two import Two\n",
            "shop/b/__init__.py": "",
            "shop/b/two.py": "from ... import outside\nclass Two: ...\n",
            "shop/b/three.py": "",
        }
    )

    assert members("shop.a") == {
        "shop/__init__.py",
        "shop/a/__init__.py",
        "shop/a/one.py",
        "shop/b/__init__.py",
        "shop/b/two.py",
        "shop/base.py",
    }


def test_circles_end(project: Project):
    """Modules that import each other are captured once."""
    project.write(
        {"one.py": "import two\n", "two.py": "import three\n", "three.py": "import one, two\n"}
    )

    assert captured("two").archive.roots == ("one", "three", "two")


def test_star_import_reaches_what_all_names(project: Project):
    """`from package import *` imports the submodules that `__all__` names."""
    project.write(
        {
            "app.py": "from shop import *\n",
            "shop/__init__.py": "__all__ = ['orders', 'NAME']\nNAME = 1\n",
            "shop/orders.py": "",
            "shop/other.py": "",
        }
    )

    assert members("app") == {"app.py", "shop/__init__.py", "shop/orders.py"}


def test_computed_imports_reach_the_modules_beside(project: Project):
    """A package that imports by computed names reaches all modules in it, a script nothing."""
    project.write(
        {
            "shop/__init__.py": "import importlib\n"
            "def load(name): return importlib.import_module(f'{__name__}.{name}')\n",
            "shop/one.py": "",
            "shop/two/__init__.py": "",
            "script.py": "import importlib\ndef load(name): return importlib.import_module(name)\n",
            "beside.py": "",
        }
    )

    assert members("shop") == {"shop/__init__.py", "shop/one.py", "shop/two/__init__.py"}
    assert members("script") == {"script.py"}


def test_libraries_are_named_not_captured(project: Project):
    """Of libraries the distribution and version count, of Python nothing."""
    project.write({"app.py": "import numpy.linalg, json\nfrom pydantic import BaseModel\n"})

    found = captured("app")

    assert [file.path for file in found.archive.files] == ["app.py"]
    assert set(found.libraries) == {"numpy", "pydantic"}
    assert found.libraries["numpy"] == sys.modules["numpy"].__version__


def test_what_is_not_installed_counts_for_nothing(project: Project):
    """An import that would fail is neither a member nor a library."""
    project.write({"app.py": "try:\n    import nowhere_at_all\nexcept ImportError: ...\n"})

    assert captured("app").libraries == {}


def test_namespace_packages_have_no_init(project: Project):
    """Below a folder without `__init__` the modules are members, and the roots are theirs."""
    project.write({"acme/one.py": "from acme.two import X\n", "acme/two.py": "X = 1\n"})

    found = captured("acme.one").archive

    assert [file.path for file in found.files] == ["acme/one.py", "acme/two.py"]
    assert found.roots == ("acme.one", "acme.two")


def test_a_broken_module_is_captured_unread(project: Project):
    """A module that is no Python is a member all the same; nothing is reached through it."""
    project.write({"app.py": "import broken\n", "broken.py": "def f(:\n", "other.py": ""})

    assert members("app") == {"app.py", "broken.py"}


def test_compiled_modules_are_listed(project: Project):
    """An extension is left out and named."""
    project.write({"shop/__init__.py": "from shop import _fast\n"})
    (project.root / "shop/_fast.so").write_bytes(b"\x7fELF")
    suffix = next(s for s in __import__("importlib.machinery").machinery.EXTENSION_SUFFIXES)
    (project.root / f"shop/_fast{suffix}").write_bytes(b"\x7fELF")

    found = captured("shop").archive

    assert found.extensions == ("shop._fast",)
    assert [file.path for file in found.files] == ["shop/__init__.py"]


def test_of_a_script_only_its_imports_are_captured(project: Project, monkeypatch):
    """`__main__` is read for what it imports, and is no member itself."""
    project.write({"script.py": "import shop.orders\n", **SHOP})
    script = types.ModuleType("__main__")
    script.__file__ = str(project.root / "script.py")
    monkeypatch.setitem(sys.modules, "__main__", script)

    assert members("__main__") == {"shop/__init__.py", "shop/orders.py"}


def test_source_that_python_warns_about_is_read(project: Project):
    """Where warnings are errors, a wrong escape in a text hides no import."""
    project.write({"app.py": "import shop.orders\nTEXT = '\\d'\n", **SHOP})

    assert members("app") == {"app.py", "shop/__init__.py", "shop/orders.py"}
