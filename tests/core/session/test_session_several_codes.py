"""One value with classes of two plugins, of the project and of the script, and what is left of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import warm_processes
from store_attacks import Place

PLUGIN = """
import artifact_plugins as ap


@ap.hookimpl
def register_materializers():
    return [
        ap.MaterializerOffer(
            key="NAME.cup", target="NAME.cups:CupMaterializer",
            types=("NAME.cups:Cup",), format="NAME/1",
        )
    ]
"""
CUPS = """
from artifact_plugins import Materializer
from .labels import LABEL


class Cup:
    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return type(other) is type(self) and other.size == self.size

    def label(self):
        return f"{LABEL} {self.size}"


class CupMaterializer(Materializer[Cup]):
    format = "NAME/1"

    def save(self, value, directory):
        (directory / "size.txt").write_text(str(value.size))

    def load(self, directory, data_type):
        return data_type(int((directory / "size.txt").read_text()))
"""
ORDERS = """
from dataclasses import dataclass
from shop.rates import RATE


@dataclass
class Order:
    count: int

    def label(self):
        return f"order {self.count * RATE}"


def bill(count):
    return f"bill {count * RATE}"
"""
SAVE = """
import json, sys
import artifact_plugins as ap
import coffee.cups, tea.cups, shop.orders


class Mine:
    def __init__(self, order):
        self.order = order

    def __eq__(self, other):
        return type(other) is type(self) and other.order == self.order

    def label(self):
        return f"mine {self.order.label()}"


order = shop.orders.Order(3)
theirs = [tea.cups.Cup(1), coffee.cups.Cup(2), order]
with ap.open_session(ap.Settings(**json.loads(sys.argv[1]))) as session:
    session.save(theirs, "theirs")
    session.save([*theirs, Mine(order)], "all")
    session.save([shop.orders.bill], "functions")
    session.save(({"cup": cup} for cup in theirs[:2]), "stream")
"""
HEARD = """
import artifact_plugins as ap

decisions = []


@ap.hookimpl
def after_artifact_loaded(decision):
    decisions.append(decision)
"""
LOAD = """
import json, sys
import artifact_plugins as ap
import heard

NAMES = ("theirs", "all", "functions", "stream")
settings = ap.Settings(**json.loads(sys.argv[1]), plugins=["heard"])


def used(decision):
    return [decision.code, decision.data_type]


with ap.open_session(settings) as session:
    which = {name: f"{name}{sys.argv[2]}" for name in NAMES}
    explained = {name: session.explain_load(found) for name, found in which.items()}
    values = {name: session.load(found) for name, found in which.items()}
    values["stream"] = list(values["stream"])
    labels = {name: [one.label() for one in values[name]] for name in ("theirs", "all")}
    print(json.dumps({
        "labels": {
            **labels,
            "functions": [function(2) for function in values["functions"]],
            "stream": [item["cup"].label() for item in values["stream"]],
        },
        "modules": [type(one).__module__ for one in values["all"]],
        "explained": [used(found.decision) for found in explained.values()],
        "used": [used(decision) for decision in heard.decisions],
        "reason": explained["all"].decision.reason,
        "facts": explained["all"].facts,
    }))
    if sys.argv[3:]:
        for name in ("theirs", "all"):
            session.save(values[name], name)
"""
EXPECTED = {
    "theirs": ["tea 1", "coffee 2", "order 30"],
    "all": ["tea 1", "coffee 2", "order 30", "mine order 30"],
    "functions": ["bill 20"],
    "stream": ["tea 1", "coffee 2"],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store with the value, saved by a script."""
    tmp_path = tmp_path_factory.mktemp("shop")
    place = Place(tmp_path)
    for name in ("tea", "coffee"):
        write(tmp_path / "site" / name / "__init__.py", PLUGIN.replace("NAME", name))
        write(tmp_path / "site" / name / "cups.py", CUPS.replace("NAME", name))
        write(tmp_path / "site" / name / "labels.py", f"LABEL = {name!r}\n")
        info = tmp_path / "site" / f"{name}-1.0.dist-info"
        write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        write(info / "entry_points.txt", f"[artifact_plugins]\n{name} = {name}\n")
        write(info / "RECORD", "".join(f"{name}/{one}.py,,\n" for one in ("__init__", "cups")))
    write(tmp_path / "project/shop/orders.py", ORDERS)
    write(tmp_path / "project/shop/rates.py", "RATE = 10\n")
    write(tmp_path / "project/save.py", SAVE)
    write(tmp_path / "hooks/heard.py", HEARD)
    run(place, tmp_path / "project/save.py", folders=("site", "project"))
    return place


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(place: Place, program: str | Path, *arguments: str, folders: Sequence[str] = ()) -> str:
    path = os.pathsep.join(str(place.folder / folder) for folder in ("hooks", *folders))
    done = warm_processes.run(
        program,
        json.dumps(place.given("alice")),
        *arguments,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_of_it_loads_without_any_of_the_code(place):
    """A plugin whose class was pickled is archived as one whose materializer wrote an element."""
    found = json.loads(run(place, LOAD, "@1", "and save it again"))
    again = json.loads(run(place, LOAD, ""))

    assert found["labels"] == again["labels"] == EXPECTED
    assert [module.rpartition(".")[2] for module in found["modules"]] == [
        "cups", "cups", "orders", "__main__",
    ]  # fmt: skip
    assert found["explained"] == found["used"]
    assert found["used"] == [
        ["archive", "archive"], ["compatible", "archive"], ["compatible", "archive"],
        ["archive", "archive"],
    ]  # fmt: skip
    assert "only a load shows whether its classes still fit" in found["reason"]
    assert "its script or notebook classes bring their code with them" in found["reason"]
    assert "elements: may be of plugin 'tea'" in found["facts"]
    assert (
        "elements: may be of shop.orders, shop.rates; only a load reads their classes"
        in (found["facts"])
    )


def test_all_of_it_loads_with_the_code_here(place):
    """Negative control: where the code is here, no class comes from an archive."""
    found = json.loads(run(place, LOAD, "@1", folders=("site", "project")))

    assert found["labels"] == EXPECTED
    assert found["modules"] == ["tea.cups", "coffee.cups", "shop.orders", "__main__"]
    assert found["explained"] == found["used"] == [["installed", "installed"]] * 4
