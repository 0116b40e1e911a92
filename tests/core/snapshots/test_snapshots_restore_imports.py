from __future__ import annotations

import importlib
import json
import sys
import threading
from typing import Any

import pytest
from archived_projects import Project, opened, packed, restored

from artifact_plugins.snapshots.restoring import restore

LIVE = {
    "shop/__init__.py": "",
    "shop/helpers.py": "WHO = 'live'\n",
    "shop/deep/__init__.py": "",
    "shop/deep/more.py": "WHO = 'live'\n",
}
ARCHIVED = {name: text.replace("live", "archive") for name, text in LIVE.items()}

WAYS = {
    "import": "import shop.helpers\nfound = shop.helpers",
    "as": "import shop.helpers as found",
    "from": "from shop import helpers as found",
    "relative": "from . import helpers as found",
    "relative deep": "from .deep import more as found",
    "attribute": "import types\nfrom shop.helpers import WHO\nfound = types.SimpleNamespace(WHO=WHO)",
    "import_module": "import importlib\nfound = importlib.import_module('shop.helpers')",
    "import_module deep": "import importlib\nfound = importlib.import_module('shop.deep.more')",
    "import_module relative": "from importlib import import_module as i\nfound = i('.helpers', 'shop')",
    "import_module package": "from importlib import import_module as i\nfound = i('.helpers', __package__)",
    "import_module private": "from importlib import import_module as i\nfound = i(__package__ + '.helpers')",
    "dunder import": "found = __import__('shop.helpers').helpers",
    "dunder import from": "found = __import__('shop.helpers', fromlist=['WHO'])",
    "dunder import level": "found = __import__('helpers', globals(), None, ['WHO'], 1)",
    "importlib dunder": "import importlib\nfound = importlib.__import__('shop.helpers').helpers",
    "util": "import importlib.util\nspec = importlib.util.find_spec('shop.helpers')\n"
    "found = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(found)",
    "exec": "space = {}\nexec('import shop.helpers as found', space)\nfound = space['found']",
    "resolve_name": "import pkgutil\nfound = pkgutil.resolve_name('shop.helpers')",
    "resolve_name object": "import pkgutil, types\n"
    "found = types.SimpleNamespace(WHO=pkgutil.resolve_name('shop.helpers:WHO'))",
    "iter_modules": "import pkgutil, importlib\nfrom shop import __path__ as where\n"
    "names = [m.name for m in pkgutil.iter_modules(where)]\n"
    "assert names == ['deep', 'helpers', 'way'], names\n"
    "found = importlib.import_module(f'shop.{names[1]}')",
    "walk_packages": "import pkgutil, shop, sys\n"
    "names = [m.name for m in pkgutil.walk_packages(shop.__path__, 'shop.')]\n"
    "assert 'shop.deep.more' in names, names\nfrom shop import helpers as found",
    "pickle": "import pickle, types\n"
    "found = types.SimpleNamespace(WHO=pickle.loads(b'cshop.helpers\\nWHO\\n.'))",
}


@pytest.mark.parametrize("when", ["at once", "later"])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_imports_of_the_own_package_stay_in_the_archive(way: str, when: str, project: Project):
    """However archived code imports its own package, at once or later, it gets the archive's."""
    project.write(LIVE)
    project.live("shop.helpers")
    source = WAYS[way]
    if when == "later":
        body = source.replace("\n", "\n    ")
        source = f"def later():\n    {body}\n    return found\n"
    archive = restored({**ARCHIVED, "shop/way.py": f"WAY = {way!r}\n{source}\n"})

    module = archive.module("shop.way")
    found = module.later() if when == "later" else module.found

    assert found.WHO == "archive"
    assert sys.modules["shop.helpers"].WHO == "live"


def test_a_star_brings_the_names_and_the_submodules_of_all():
    """`from shop import *` brings what `__all__` lists, submodules included."""
    init = "__all__ = ['helpers', 'NAME']\nNAME = 'shop'\nHIDDEN = 1\n"
    source = "from shop import *\nfrom shop.helpers import *\n"
    archive = restored({**ARCHIVED, "shop/__init__.py": init, "stars.py": source})

    module = archive.module("stars")

    assert (module.NAME, module.helpers.WHO, module.WHO) == ("shop", "archive", "archive")
    assert not hasattr(module, "HIDDEN")


def test_other_imports_are_the_process_s_own():
    """Libraries and Python itself are shared with the process, by whatever import."""
    source = "import json, os.path, importlib.abc\nfrom importlib import import_module\n"
    archive = restored({"shop.py": source + "again = import_module('json')\n"})

    module = archive.module("shop")

    assert module.json is module.again is json
    assert module.importlib.abc is importlib.abc
    assert module.importlib.machinery is importlib.machinery


def test_a_missing_module_does_not_come_from_the_live_package(project: Project):
    """What the archive does not have is missing, though the live package has it."""
    project.write({**LIVE, "shop/new.py": ""})
    archive = restored({**ARCHIVED, "shop/use.py": "import shop.new\n"})

    with pytest.raises(ModuleNotFoundError, match=r"No module named 'shop\.new' in the archive"):
        archive.module("shop.use")


def test_names_that_a_package_does_not_have_are_import_errors():
    """`from shop import nothing` and a relative import above the top say so."""
    archive = restored(
        {**ARCHIVED, "shop/a.py": "from shop import nothing\n", "shop/b.py": "from ... import x\n"}
    )

    with pytest.raises(ImportError, match="nothing"):
        archive.module("shop.a")
    with pytest.raises(ImportError, match="beyond top-level"):
        archive.module("shop.b")


def test_top_level_modules_of_a_script_folder_find_each_other():
    """Modules in no package import each other absolutely, and relatively where they try that."""
    source = "try:\n    from . import rates\nexcept ImportError:\n    import rates\nR = rates.R\n"
    archive = restored({"prices.py": source, "rates.py": "R = 3\n"})

    assert archive.module("prices").R == 3


def test_a_namespace_package_joins_archived_and_installed_parts(project: Project):
    """One part of a namespace package is archived; the others are the installed ones."""
    project.write({"acme/tax/__init__.py": "RATE = 7\n", "acme/shop/__init__.py": "WHO = 'live'\n"})
    use = """
        import acme.shop.helpers
        import acme.tax
        from acme import tax, shop
        WHO = acme.shop.helpers.WHO
        RATES = (acme.tax.RATE, tax.RATE)
    """
    files = {
        "acme/shop/__init__.py": "",
        "acme/shop/helpers.py": "WHO = 'archive'\n",
        "acme/shop/use.py": use,
    }
    archive = restored(files, "acme.shop")

    module = archive.module("acme.shop.use")

    assert (module.WHO, module.RATES) == ("archive", (7, 7))
    assert module.shop is archive.module("acme.shop")
    assert module.tax is project.live("acme.tax")
    assert not hasattr(module.acme, "nothing")


def linked(rate: int, plugin: str = "import shop.rates\ndef rate():\n    return shop.rates.RATE\n"):
    """Return a plugin and a project that import each other."""
    return (
        packed({"shop_files/__init__.py": plugin}, role="plugin"),
        packed(
            {
                "shop/__init__.py": "",
                "shop/rates.py": f"RATE = {rate}\n",
                "shop/orders.py": "import shop_files\ndef rate():\n    return shop_files.rate()\n",
            }
        ),
    )


def test_archives_of_one_snapshot_import_each_other():
    """Plugin and project of a snapshot reach each other, whoever comes first."""
    for rate, step in ((3, 1), (4, -1)):
        parts = restore([opened(part) for part in linked(rate)[::step]])[::step]

        assert [parts[0].find("shop_files:rate")(), parts[1].find("shop.orders:rate")()] == [
            rate
        ] * 2


def test_one_plugin_beside_two_projects_does_not_mix_them():
    """A plugin whose code imports the project is restored once for each project."""
    worlds = [restore([opened(part) for part in linked(rate)]) for rate in (5, 6)]

    found = [
        [
            part.find(path)()
            for part, path in zip(world, ("shop_files:rate", "shop.orders:rate"), strict=True)
        ]
        for world in worlds
    ]

    assert found == [[5, 5], [6, 6]]
    assert worlds[0][0] is not worlds[1][0]


def test_a_plugin_that_does_not_import_the_project_is_restored_once():
    """A plugin that names no project is shared by all snapshots."""
    alone = "def rate(workshop=0):\n    # sells what the shop has\n    return 'a shop' and 0\n"

    worlds = [restore([opened(part) for part in linked(rate, plugin=alone)]) for rate in (7, 8)]

    assert worlds[0][0] is worlds[1][0]
    assert worlds[0][1] is not worlds[1][1]


@pytest.mark.parametrize(
    "source",
    [
        "from importlib import import_module\ndef rate():\n"
        "    return import_module('shop.rates').RATE\n",
        "def rate():\n    import os, shop.rates\n    return shop.rates.RATE\n",
        "def rate(): from shop import rates; return rates.RATE\n",
    ],
)
def test_a_plugin_that_imports_the_project_in_any_way_is_not_shared(source: str):
    """By name in a text, behind other modules or on a line with others: each has its own world."""
    found = [restore([opened(part) for part in linked(rate, plugin=source)])[0] for rate in (9, 10)]

    assert [plugin.find("shop_files:rate")() for plugin in found] == [9, 10]


def test_parts_of_one_package_in_two_archives_join():
    """A plugin inside the user's own package sees the rest of it in the project's archive."""
    tree = {
        "shop/__init__.py": "NAME = 'shop'\n",
        "shop/rates.py": "RATE = 9\n",
        "shop/files/__init__.py": "from ..rates import RATE\nimport shop.rates\n"
        "AGAIN = shop.rates.RATE\nNAME = shop.NAME\n",
        "shop/orders.py": "import shop.files\nRATE = shop.files.RATE\n",
    }
    plugin = packed(tree, "shop.files", role="plugin")
    rest = packed({k: v for k, v in tree.items() if "files" not in k}, "shop")

    files, shop = restore([opened(plugin), opened(rest)])

    assert files.module("shop.files").AGAIN == 9 and files.module("shop.files").NAME == "shop"
    assert shop.module("shop.orders").RATE == 9


def test_init_with_side_effects_runs_once_for_many_threads():
    """Sixteen threads that restore and import at the same time run each module once."""
    files = {
        "shop/__init__.py": "import time\nRAN = []\nRAN.append(1)\ntime.sleep(0.05)\n"
        "from shop.a import A\n",
        **{
            f"shop/{name}.py": f"import time\nimport shop.{other}\ntime.sleep(0.01)\n"
            f"class {name.upper()}:\n    def other(self):\n        return shop.{other}.{other.upper()}\n"
            for name, other in zip("abcd", "bcda", strict=True)
        },
    }
    captured = packed(files)
    start = threading.Barrier(16)
    found: list[Any] = []

    def work(number: int) -> None:
        start.wait()
        try:
            archive = restore([opened(captured)])[0]
            name = "abcd"[number % 4]
            cls = archive.find(f"shop.{name}:{name.upper()}")
            found.append((cls, cls().other(), len(archive.module("shop").RAN)))
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [each for each in found if isinstance(each, BaseException)] == []
    assert len({cls for cls, _, _ in found}) == 4
    assert {ran for _, _, ran in found} == {1}


def test_threads_that_come_by_the_private_name_do_not_lock_each_other_out():
    """An import by pickle's way and one by ours of the same circle both end."""
    files = {
        "ring/__init__.py": "",
        "ring/a.py": "import time\ntime.sleep(0.05)\nimport ring.b\n",
        "ring/b.py": "import time\ntime.sleep(0.05)\nimport ring.a\n",
    }
    archive = restored(files)
    ends: list[str] = []

    def by_private_name() -> None:
        importlib.import_module(f"{archive.prefix}ring.a")
        ends.append("private")

    threads = [
        threading.Thread(target=by_private_name, daemon=True),
        threading.Thread(
            target=lambda: ends.append(archive.module("ring.b").__name__), daemon=True
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert len(ends) == 2
