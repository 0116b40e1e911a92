from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import pytest

from artifact_plugins.errors import NotSerializableError
from artifact_plugins.snapshots import capture_main, make_snapshot, open_archive, read_statement
from artifact_plugins.snapshots.statement import statement_bytes

SCRIPT = """
import dataclasses, enum, numpy
from artifact_plugins.snapshots import capture_main

def rate(): return numpy.float64(2)

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Order:
    n: int = 3
    color: Color = Color.RED
    class Line:
        pass
    def total(self): return self.n * rate()
    def again(self): return Order(self.n)

found = capture_main([Order, Order.Line, Color])
print(found.archive.digest, found.archive.role, found.archive.roots, sorted(found.libraries))
import sys
sys.stdout.flush()
sys.stdout.buffer.write(found.data)
"""


def run(script: str) -> tuple[list[str], bytes]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    line, _, data = done.stdout.partition(b"\n")
    return line.decode().split(maxsplit=1), data


def test_classes_of_a_script_are_pickled_by_value():
    """Another process, which never saw the script, gets its classes from the archive."""
    (digest, rest), data = run(SCRIPT)
    loader = (
        "import pickle, sys\n"
        f"data = {data!r}\n"
        "start = data.index(b'__main__.pickle') + 15\n"
        "classes = pickle.loads(data[start:])\n"
        "Order = classes['Order']\n"
        "assert sorted(classes) == ['Color', 'Order']\n"
        "assert Order().again().total() == 6 and Order.Line.__name__ == 'Line'\n"
        "assert Order().color is classes['Color'].RED\n"
    )

    done = subprocess.run([sys.executable, "-c", loader], capture_output=True, text=True)

    assert done.stderr == ""
    assert digest.startswith("sha256:")
    assert rest == "main ('__main__',) ['cloudpickle', 'numpy']"


def test_same_script_is_the_same_archive():
    """Two processes that run one script pin it under one digest."""
    assert run(SCRIPT)[0] == run(SCRIPT)[0]


def test_archive_of_a_script_goes_through_its_statement(monkeypatch: pytest.MonkeyPatch):
    """A snapshot with classes of a script is stated, read and opened like any other."""
    monkeypatch.setattr(sys.modules["__main__"], "Own", Own, raising=False)
    monkeypatch.setattr(Own, "__module__", "__main__")
    captured = capture_main([Own])
    assert captured is not None

    snapshot = make_snapshot(plugin="p", entry_object="a:B", captured=[captured])
    archive = read_statement(statement_bytes(snapshot)).archives[0]

    assert archive.role == "main"
    found = pickle.loads(open_archive(captured.data, archive)["__main__.pickle"])
    assert found["Own"] is not Own
    assert found["Own"]().x() == 1


def test_classes_of_modules_are_passed_over():
    """Only classes of the script are pickled."""
    assert capture_main([dict, Own]) is None
    assert capture_main([]) is None


def test_what_cannot_be_pickled_is_named(monkeypatch: pytest.MonkeyPatch):
    """A class that holds a lock is refused with its name and the reason."""
    monkeypatch.setattr(sys.modules["__main__"], "Own", Own, raising=False)
    monkeypatch.setattr(Own, "__module__", "__main__")
    monkeypatch.setattr(Own, "lock", threading.Lock(), raising=False)

    with pytest.raises(NotSerializableError, match=r"\['Own'\] of the running script"):
        capture_main([Own])


class Own:
    """A class that pretends to belong to the script."""

    def x(self) -> int:
        return 1
