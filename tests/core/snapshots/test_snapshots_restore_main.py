from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap

import pytest
from archived_projects import opened, packed

from artifact_plugins.errors import LoadFailedError
from artifact_plugins.records import CodeArchive
from artifact_plugins.snapshots.archive import pack
from artifact_plugins.snapshots.restoring import archived_origin, restore

CAPTURE = """
import base64, sys
{source}
from artifact_plugins.snapshots.capture import capture_main
captured = capture_main([{classes}])
print(captured.archive.model_dump_json())
print(base64.b64encode(captured.data).decode())
"""


def captured_by_a_script(source: str, *classes: str, path: str = ""):
    """Run a script that archives its own classes; return what a reader gets."""
    import base64

    from artifact_plugins.snapshots.opening import open_archive

    script = CAPTURE.format(source=textwrap.dedent(source), classes=", ".join(classes))
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{script}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    record, data = done.stdout.split()
    archive = CodeArchive.model_validate_json(record)
    return archive, open_archive(base64.b64decode(data), archive)


POINT = """
    import math
    from dataclasses import dataclass
    from enum import Enum

    class Base:
        def where(self):
            return type(self).__name__

    class Colour(Enum):
        RED = 1

    @dataclass
    class Point(Base):
        x: float
        colour: Colour = Colour.RED

        class Inner:
            pass

        def root(self):
            return math.sqrt(self.x)
"""


def test_classes_of_a_script_are_restored():
    """A class of a script is found, works, pickles here and knows where it came from."""
    archive = restore([captured_by_a_script(POINT, "Point")])[0]

    cls = archive.find("__main__:Point")
    value = cls(4.0)

    assert (value.root(), value.where(), value.colour.name) == (2.0, "Point", "RED")
    assert pickle.loads(pickle.dumps(value)) == value
    assert archived_origin(cls) == ("__main__:Point", archive.digest)
    assert archive.find("__main__:Point.Inner") is cls.Inner
    assert archive.answers_for("__main__") and not archive.answers_for("shop")
    assert not hasattr(sys.modules["__main__"], "Point")


def test_nothing_is_unpickled_before_a_class_is_asked_for():
    """Restoring an archive of a script runs nothing; finding a class does."""
    data = b"cbuiltins\nexec\n(S'raise SystemError(\"executed\")'\ntR."
    captured = pack(
        {"__main__.pickle": data}, role="main", name="__main__", roots=["__main__"], libraries={}
    )

    archive = restore([opened(captured)])[0]

    with pytest.raises(LoadFailedError, match="executed"):
        archive.find("__main__:Point")


def test_a_script_s_imports_go_to_the_project_s_archive(tmp_path):
    """What a class of a script imports from the user's project comes from its archive."""
    (tmp_path / "rates.py").write_text("RATE = 3\ndef rate():\n    return RATE\n")
    source = """
        import rates
        from rates import rate

        class Order:
            def now(self):
                return rate()

            def module(self):
                return rates.RATE

            def later(self):
                import rates as again
                return again.RATE
    """
    main = captured_by_a_script(source, "Order", path=str(tmp_path))
    project = packed({"rates.py": "RATE = 5\ndef rate():\n    return RATE\n"})

    archive, _ = restore([main, opened(project)])
    order = archive.find("__main__:Order")()

    assert (order.now(), order.module(), order.later()) == (5, 5, 5)
    assert "rates" not in sys.modules
