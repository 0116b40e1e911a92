import importlib
import sys
import textwrap

import pytest

PACKAGE = """
from artifact_plugins.late import late_names

__all__, __getattr__, __dir__ = late_names(globals(), {"tools": ("saw",), "a.b": ("nail",)})
"""


@pytest.fixture
def shed(tmp_path, monkeypatch):
    """A package with late names."""
    for name, text in {
        "shed/__init__.py": PACKAGE,
        "shed/tools.py": "def saw():\n    return 1\n",
        "shed/a/__init__.py": "",
        "shed/a/b.py": "nail = 2\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("shed")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shed"]:
        del sys.modules[name]


def test_a_late_name_is_imported_when_it_is_asked_for(shed):
    """Nothing is imported with the package; a name imports its module, once."""
    assert "shed.tools" not in sys.modules

    assert shed.saw() == 1 and shed.nail == 2

    assert "shed.tools" in sys.modules and vars(shed)["saw"] is shed.saw


def test_all_late_names_are_listed(shed):
    """`dir()` and `import *` know every name, and no other."""
    found: dict[str, object] = {}

    exec("from shed import *", found)

    assert dir(shed) == shed.__all__ == ["nail", "saw"]
    assert found.keys() - {"__builtins__"} == {"nail", "saw"}


def test_an_unknown_late_name_is_an_attribute_error(shed):
    """A name that nobody has is missed as in any module."""
    with pytest.raises(AttributeError, match="module 'shed' has no attribute 'axe'"):
        _ = shed.axe
