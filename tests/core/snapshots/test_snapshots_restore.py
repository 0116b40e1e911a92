from __future__ import annotations

import copy
import enum
import inspect
import io
import pdb  # noqa: T100  # that it shows archived source is a claim below
import pickle
import subprocess
import sys
import traceback
import typing
from pathlib import Path

import pytest
from archived_projects import Project, opened, packed, restored

from artifact_plugins.errors import (
    EnvironmentMismatchError,
    NotSerializableError,
    PayloadClassNotFoundError,
)
from artifact_plugins.snapshots.again import captured_again
from artifact_plugins.snapshots.restoring import archived_origin, restore

ORDERS = """
    from dataclasses import dataclass, field

    @dataclass
    class Order:
        item: str
        lines: "list[Line]" = field(default_factory=list)

        def fail(self):
            raise RuntimeError("out of tea")

    @dataclass(frozen=True)
    class Line:
        count: int

    class Outer:
        class Inner:
            pass
"""


def shop(mark: str = "", **more: str):
    """Restore a package that no other test has."""
    init = f"MARK = {mark!r}\n"
    return restored({"shop/__init__.py": init, "shop/orders.py": ORDERS, **more})


def test_modules_have_private_names_and_keep_their_own_in_the_path():
    """A restored module has a private name, a readable file, and a spec that fits."""
    archive = shop("names")

    module = archive.module("shop.orders")

    name = f"artifact_plugins._snap.{archive.digest[7:23]}.shop.orders"
    assert module.__name__ == module.__spec__.name == name
    assert sys.modules[name] is module
    assert module.__package__ == module.__spec__.parent == name.rpartition(".")[0]
    assert module.__file__ == f"<snapshot {archive.digest[7:15]}>/shop/orders.py"
    assert module.__loader__ is module.__spec__.loader
    assert not hasattr(module, "__cached__")
    assert "shop" not in sys.modules


def test_the_same_archive_is_restored_once():
    """Restoring an archive again gives the same object and the same classes."""
    captured = packed({"shop/__init__.py": "MARK = 'once'\n", "shop/orders.py": ORDERS})

    one, other = (restore([opened(captured)])[0] for _ in range(2))

    assert one is other
    assert one.find("shop.orders:Order") is other.find("shop.orders:Order")


def test_nothing_is_executed_before_a_module_is_asked_for():
    """Restoring runs nothing; the first use does."""
    archive = restored({"boom.py": "raise RuntimeError('executed')\n"})

    with pytest.raises(RuntimeError, match="executed") as caught:
        archive.module("boom")

    assert "from the archive sha256:" in "".join(caught.value.__notes__)


def test_nothing_touches_the_disk_or_the_import_path(tmp_path: Path):
    """Restoring writes no file and no bytecode and leaves `sys.path` alone."""
    path, before = list(sys.path), sorted(tmp_path.rglob("*"))

    shop("disk").find("shop.orders:Order")

    assert sys.path == path
    assert sorted(tmp_path.rglob("*")) == before


def test_planted_files_change_nothing(tmp_path: Path):
    """E20, E21: neither bytecode nor a `json.py` in the archive or the folder is imported."""
    source = "import json\nfrom . import orders\nHAS_LOADS = hasattr(json, 'loads')\n"
    files = {"shop/__init__.py": source, "shop/orders.py": "WHO = 'archive'\n"}
    captured = packed(files)
    archive, members = opened(captured)
    label = f"<snapshot {archive.digest[7:15]}>"
    planted = tmp_path / label / "shop"
    (planted / "__pycache__").mkdir(parents=True)
    (planted / "orders.py").write_text("WHO = 'planted'\n")
    (planted / "late.py").write_text("WHO = 'planted'\n")
    (tmp_path / "json.py").write_text("WHO = 'planted'\n")
    members["json.py"] = b"WHO = 'planted'\n"
    members[f"shop/__pycache__/orders.{sys.implementation.cache_tag}.pyc"] = b"planted"
    found = restore([(archive, members)])[0]

    module = found.module("shop")

    assert module.HAS_LOADS and module.orders.WHO == "archive"
    assert "planted" not in inspect.getsource(module.orders)
    with pytest.raises(ModuleNotFoundError):
        __import__(f"{module.__name__}.late")


def test_a_module_that_fails_is_not_half_loaded_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
):
    """After a failed import no part of the circle stays, and a second attempt works."""
    files = {
        "shop/__init__.py": "from shop import one\n",
        "shop/one.py": "import os\nimport shop.two\nif 'BROKEN' in os.environ:\n"
        "    raise RuntimeError('broken')\nDONE = True\n",
        "shop/two.py": "import shop.one\ndef done():\n    return shop.one.DONE\n",
    }
    archive = restored(files)
    monkeypatch.setenv("BROKEN", "1")

    with pytest.raises(RuntimeError, match="broken"):
        archive.module("shop.two")
    left = [name for name in sys.modules if name.startswith(f"{archive.prefix}shop")]
    monkeypatch.delenv("BROKEN")

    assert left == []
    assert archive.find("shop.two:done")()


def test_what_was_imported_before_a_failure_is_imported_again(monkeypatch: pytest.MonkeyPatch):
    """A statement that worked inside an import that failed works the next time as well."""
    files = {
        "shop/__init__.py": "",
        "shop/one.py": "import os\nimport shop.use\nshop.use.run()\n"
        "if 'BROKEN' in os.environ:\n    raise RuntimeError('broken')\n",
        "shop/use.py": "import shop.one\ndef run():\n    import shop.late\n"
        "    from shop import late\n    return shop.late is late\n",
        "shop/late.py": "import shop.one\n",
    }
    archive = restored(files)
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(RuntimeError, match="broken"):
        archive.module("shop.one")
    monkeypatch.delenv("BROKEN")

    archive.module("shop.one")

    assert archive.find("shop.use:run")()
    assert archive.module("shop.late").shop.one is archive.module("shop.one")


def test_a_failed_import_keeps_what_does_not_depend_on_it():
    """A helper that was imported before the failure is the same object afterwards."""
    files = {
        "shop/__init__.py": "",
        "shop/optional.py": "import shop.table\nimport no_such_library\n",
        "shop/table.py": "ROWS = []\n",
        "shop/orders.py": "try:\n    import shop.optional\nexcept ImportError:\n    pass\n"
        "import shop.table as table\n",
    }
    archive = restored(files)

    orders = archive.module("shop.orders")

    assert orders.table is archive.module("shop.table")


def test_source_is_shown_in_tracebacks_and_by_inspect():
    """Tracebacks, `inspect.getsource` and pdb show the archived text."""
    archive = shop("shown")
    cls = archive.find("shop.orders:Order")

    try:
        cls("tea").fail()
    except RuntimeError:
        text = traceback.format_exc()

    assert f'File "<snapshot {archive.digest[7:15]}>/shop/orders.py"' in text
    assert 'raise RuntimeError("out of tea")' in text
    assert inspect.getsource(cls.fail).strip().startswith("def fail(self):")
    assert inspect.getsource(cls).startswith("@dataclass")
    assert "class Outer" in inspect.getsource(archive.module("shop.orders"))


def test_pdb_lists_the_archived_source():
    """A debugger that stops in archived code shows its lines."""
    archive = restored({"shop.py": "MARK = 'pdb'\ndef stop(debug):\n    debug()\n    return 1\n"})
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("up\nlist\ncontinue\n"), stdout=out, nosigint=True)
    debugger.use_rawinput = False

    archive.find("shop:stop")(lambda: debugger.set_trace())
    sys.settrace(None)

    assert "def stop(debug):" in out.getvalue()


def test_annotations_pickle_copy_and_nested_classes_work():
    """Forward references resolve; objects copy and pickle by reference in this process."""
    archive = shop("types")
    order, line = archive.find("shop.orders:Order"), archive.find("shop.orders:Line")
    value = order("tea", [line(2)])

    assert typing.get_type_hints(order)["lines"] == list[line]
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    assert archive.find("shop.orders:Outer.Inner").__qualname__ == "Outer.Inner"
    assert isinstance(archive.find("shop.orders:Outer"), type)


def test_a_class_knows_where_it_came_from():
    """`archived_origin` gives the path and the digest a class was archived with."""
    archive = shop("origin")

    assert archived_origin(archive.find("shop.orders:Outer.Inner")) == (
        "shop.orders:Outer.Inner",
        archive.digest,
    )
    assert archived_origin(archive.module("shop.orders").__name__) == (
        "shop.orders",
        archive.digest,
    )
    assert archived_origin(enum.Enum) is None
    assert archived_origin("artifact_plugins._snap.0000000000000000.shop") is None


def test_restored_code_is_captured_again_byte_for_byte():
    """The archive of restored code is the one it came from."""
    captured = packed({"shop/__init__.py": "import pydantic\n", "shop/x.json": "{}"})
    archive = restore([opened(captured)])[0]

    again = captured_again(archive.digest)

    assert again.data == captured.data and again.archive == captured.archive
    assert set(again.libraries) == {"pydantic"}


def test_what_the_archive_does_not_have_is_named():
    """A module or class that is not in the archive is a named error."""
    archive = shop("missing")

    with pytest.raises(PayloadClassNotFoundError, match=r"no module 'shop\.gone'"):
        archive.find("shop.gone:Order")
    with pytest.raises(PayloadClassNotFoundError, match="has no 'Gone'"):
        archive.find("shop.orders:Gone")
    with pytest.raises(PayloadClassNotFoundError, match="no module 'json'"):
        archive.find("json:loads")


def test_compiled_modules_are_refused_by_name():
    """Importing a compiled module that was left out names it, whoever asks."""
    files = {"shop/__init__.py": "", "shop/use.py": "from shop import _fast\n"}
    archive = restored(files, extensions=("shop._fast",))

    for name in ("shop._fast", "shop.use"):
        with pytest.raises(EnvironmentMismatchError, match=r"'shop\._fast' is compiled") as caught:
            archive.module(name)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert isinstance(caught.value, ImportError) and caught.value.name == "shop._fast"


def test_a_restored_archive_is_not_sent_to_another_process():
    """Pickling a restored archive says what to do instead."""
    with pytest.raises(NotSerializableError, match="load it there"):
        pickle.dumps(shop("sent"))


def test_another_process_says_what_is_missing():
    """A pickled archived object names the problem where the archive was not restored."""
    data = pickle.dumps(shop("worker").find("shop.orders:Order")("tea"))

    done = subprocess.run(
        [sys.executable, "-c", f"import pickle; pickle.loads({data!r})"],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "archived code that was not restored in this process" in done.stderr


def test_module_level_main_guards_do_not_run():
    """`if __name__ == "__main__"` is false, also in a `__main__.py`."""
    archive = restored(
        {
            "tool/__init__.py": "",
            "tool/__main__.py": "RAN = __name__ == '__main__'\nif RAN:\n    raise SystemExit\n",
        }
    )

    assert archive.module("tool.__main__").RAN is False


def test_source_in_another_encoding_keeps_its_letters():
    """A declared encoding is honoured, by the compiler and in tracebacks."""
    captured = packed({"shop.py": ""})
    archive, members = opened(captured)
    members["shop.py"] = "# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n".encode("latin-1")

    archive = archive.model_copy(update={"digest": f"sha256:{'ab' * 32}"})
    module = restore([(archive, members)])[0].module("shop")

    assert module.NAME == "café"
    assert "café" in inspect.getsource(module)


def test_a_module_may_put_something_else_in_its_place():
    """An archived module that replaces itself in `sys.modules` is replaced."""
    source = "import sys\nclass Lazy:\n    value = 4\nsys.modules[__name__] = Lazy()\n"
    archive = restored({"shop/__init__.py": "", "shop/lazy.py": source})

    assert archive.find("shop.lazy:value") == 4


def test_live_and_archived_classes_never_mix(project: Project):
    """Instances of live code are none of archived code, and registries do not leak."""
    files = {
        "shop/__init__.py": "MARK = 'mix'\nclass Base:\n    kinds = []\n"
        "    def __init_subclass__(cls):\n        Base.kinds.append(cls)\n",
        "shop/orders.py": "from shop import Base\nclass Order(Base):\n    pass\n",
    }
    project.write(files)
    archive = restored(files)

    live, old = project.live("shop.orders:Order"), archive.find("shop.orders:Order")

    assert not isinstance(live(), old) and not isinstance(old(), live)
    assert live.kinds == [live] and old.kinds == [old]
