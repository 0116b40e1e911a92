"""Values with classes of a script are pickled with their code, and load where they are not defined."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import json, sys, warnings
import artifact_plugins as ap
from artifact_plugins.errors import ArtifactPluginsError

def settings(**more):
    return ap.Settings(store_url="store", ledger_url="sqlite:///ledger.sqlite", **more)
"""

CLASSES = """
import dataclasses, enum, typing
import attrs, pydantic

class Plain:
    def __init__(self, n): self.n = n

@dataclasses.dataclass
class Point:
    n: int = dataclasses.field(default=1, metadata={"unit": "nm"})
    def double(self): return 2 * self.n

@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    n: int

class Colour(enum.Enum):
    RED = 3

class Row(typing.NamedTuple):
    n: int

class Model(pydantic.BaseModel):
    n: int

@attrs.define
class Attrs:
    n: int = attrs.field(metadata={"unit": "nm"})

class Holder:
    def __init__(self): self.point = Point(3)

class Uses:
    def made(self): return Point(3)

VALUES = {
    "plain": Plain(3), "dataclass": Point(3), "frozen": Frozen(3), "enum": Colour.RED,
    "namedtuple": Row(3), "model": Model(n=3), "attrs": Attrs(3), "holder": Holder(), "uses": Uses(),
    "list": [Point(3), Plain(3)], "dict": {"a": {"b": Colour.RED}}, "tuple": (1, Row(3)),
    "set": {Frozen(3)}, "keys": {Frozen(3): 3}, "table": [Point(n) for n in range(20)],
}
"""

SAVE = f"""{HEAD}{CLASSES}
with ap.open_session(settings()) as session:
    for name, value in VALUES.items():
        version = session.save(value, name)
        archives = session.snapshots(f"id == '{{version.plugin_snapshot}}'").items[0].archives
        roles = sorted(archive.role for archive in archives)
        print(json.dumps([name, version.materializer, version.data_type, roles]))
"""

LOAD = f"""{HEAD}
with ap.open_session(settings()) as session:
    for version in session.versions():
        try:
            print(json.dumps([version.artifact, repr(session.load(version))]))
        except ArtifactPluginsError as error:
            print(json.dumps([version.artifact, type(error).__name__]))
"""

SHOWN = {
    "dataclass": "Point(n=3)",
    "frozen": "Frozen(n=3)",
    "enum": "<Colour.RED: 3>",
    "namedtuple": "Row(n=3)",
    "model": "Model(n=3)",
    "attrs": "Attrs(n=3)",
    "dict": "{'a': {'b': <Colour.RED: 3>}}",
    "tuple": "(1, Row(n=3))",
    "set": "{Frozen(n=3)}",
    "keys": "{Frozen(n=3): 3}",
    "table": str([f"Point(n={n})" for n in range(20)]).replace("'", ""),
}


def run(folder: Path, text: str, *, home: str = "home") -> subprocess.CompletedProcess[str]:
    """Run a script as a process of its own, whose keys lie in `home`."""
    script = folder / "script.py"
    script.write_text(text)
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"XDG_CONFIG_HOME": str(folder / home), "PATH": "", "HOME": str(folder / home)},
    )


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, list]:
    """Return what a script printed, by its first word."""
    assert done.returncode == 0, done.stderr
    return {first: rest for first, *rest in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One script saved a value of every kind of class that it defines."""
    folder = tmp_path_factory.mktemp("script")
    return folder, run(folder, SAVE)


@pytest.fixture(scope="module")
def loaded(saved):
    """Another script, of the same owner, loaded them all."""
    return lines(run(saved[0], LOAD))


@pytest.fixture(scope="module")
def refused(saved):
    """A stranger's script tried to."""
    return lines(run(saved[0], LOAD, home="stranger"))


KINDS = [
    *("plain", "dataclass", "frozen", "enum", "namedtuple", "model", "attrs", "holder"),
    *("uses", "list", "dict", "tuple", "set", "keys", "table"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_class_of_a_script_is_pickled_and_pinned(saved, kind):
    """H18: alone or inside a container, the class is pinned as code that executes."""
    materializer, _, roles = lines(saved[1])[kind]

    assert materializer == "pickle.object"
    assert roles == ["main", "plugin"]


@pytest.mark.parametrize("kind", KINDS)
def test_class_of_a_script_loads_in_another_process(loaded, kind):
    """What the class is made of comes with the value."""
    assert loaded[kind][0] == SHOWN.get(kind, loaded[kind][0])
    assert not loaded[kind][0].endswith("Error")


@pytest.mark.parametrize("kind", KINDS)
def test_stranger_is_refused(refused, kind):
    """Loading executes the pickle, which needs trust in who wrote it."""
    assert refused[kind] == ["UntrustedKeyError"]


def test_stranger_who_pins_the_version_loads_it(saved):
    """Negative control: the pin that the refusal names is enough."""
    folder, _ = saved
    load = (
        f"{HEAD}\nwith ap.open_session(settings(trust_pins=PINS)) as session:\n"
        "    try: print(session.load('dataclass').double())\n"
        "    except ArtifactPluginsError as error: print(error)\n"
    )
    refused = run(folder, load.replace("PINS", "()"), home="stranger")
    pin = re.search(r"trust pin (sha256:[0-9a-f]{64})", refused.stdout)
    assert pin is not None, refused

    done = run(folder, load.replace("PINS", repr((pin[1],))), home="stranger")

    assert done.stdout == "6\n", done.stderr


def test_saving_says_once_that_it_pickles(saved):
    """One warning for each class."""
    told = [line for line in saved[1].stderr.splitlines() if "__main__:Point" in line]

    assert told == [
        "__main__:Point is saved as a pickle: loading it executes code and needs trust, "
        "which a materializer for it spares"
    ]


def test_loaded_class_works(saved):
    """Its methods are there, and two loads give one class."""
    done = run(
        saved[0],
        f"{HEAD}\nwith ap.open_session(settings()) as session:\n"
        "    one, two = session.load('dataclass'), session.load('dataclass')\n"
        "    print(json.dumps(['seen', one.double(), one == two]))\n",
    )

    assert lines(done) == {"seen": [6, True]}


REFUSED = f"""{HEAD}{CLASSES}
def refused(name, value, settings, **arguments):
    with ap.open_session(settings) as session:
        try:
            session.save(value, "it", **arguments)
        except ArtifactPluginsError as error:
            print(json.dumps([name, type(error).__name__, str(error), len(list(session.versions()))]))

for name in ("dataclass", "list", "dict", "namedtuple"):
    refused(name, VALUES[name], settings(allow_pickle=False))
refused("chosen", Point(3), settings(), materializer="python.document")
refused("stream", (Point(n) for n in range(3)), settings())
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What a script was told whose values may not be pickled, or cannot."""
    return lines(run(tmp_path_factory.mktemp("refused"), REFUSED))


@pytest.mark.parametrize("kind", ["dataclass", "list", "dict", "namedtuple"])
def test_allow_pickle_false_refuses_and_names_the_way_out(refusals, kind):
    """Nothing is pickled behind the setting, and nothing is kept."""
    error, said, kept = refusals[kind]

    assert (error, kept) == ("NotSerializableError", 0)
    assert "to a module and import it from there, or pickle it with Settings.allow_pickle" in said


def test_chosen_materializer_is_heeded(refusals):
    """Who names a materializer gets no pickle instead; the way out is named."""
    error, said, kept = refusals["chosen"]

    assert (error, kept) == ("NotSerializableError", 0)
    assert "materializer='pickle.object'" in said


def test_stream_of_a_script_class_is_refused(refusals):
    """What a generator yielded is gone; a list of the same is pickled."""
    error, said, kept = refusals["stream"]

    assert (error, kept) == ("NotSerializableError", 0)
    assert said.startswith("item 0")
    assert "hand in a list, which is pickled" in said


def test_veto_sees_the_pickle(tmp_path):
    """Whoever vetoes pickles is asked about this one."""
    (tmp_path / "no_pickles.py").write_text(
        "import artifact_plugins as ap\n"
        "@ap.hookimpl\n"
        "def before_artifact_saved(materializer):\n"
        "    if materializer == 'pickle.object': raise ValueError('no pickles here')\n"
    )
    done = run(
        tmp_path,
        f"{HEAD}{CLASSES}with ap.open_session(settings(plugins=('no_pickles',))) as session:\n"
        "    try: session.save([Point(3)], 'it')\n"
        "    except ValueError as error: print(error)\n"
        "    print(len(list(session.versions())))\n",
    )

    assert done.stdout == "no pickles here\n0\n", done.stderr


def test_code_too_large_to_pin_is_left_out(tmp_path):
    """The pickle holds it already; the value is worth more than a second copy."""
    done = run(
        tmp_path,
        f"{HEAD}\nimport numpy\nBIG = numpy.zeros(3_000_000)\n"
        "class Sums:\n    def sum(self): return float(BIG.sum())\n"
        "with ap.open_session(settings()) as session:\n"
        "    session.save(Sums(), 'sums')\n    print(session.load('sums').sum())\n",
    )

    assert done.stdout == "0.0\n", done.stderr
    assert "pinned without it" in done.stderr
