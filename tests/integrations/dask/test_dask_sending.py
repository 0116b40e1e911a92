"""Steps that no worker can import reach it as they are: scripts, notebooks, lambdas, models."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = '''
from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Annotated

import pydantic

import artifact_plugins as ap
from shop_models import Order

FACTOR = 3


class Bill(pydantic.BaseModel):
    total: float


@dataclass
class Point:
    x: int


def helper(x: int) -> int:
    return x * FACTOR


@ap.step
def scaled(x: int) -> Annotated[int, "scaled"]:
    """Reaches a function and a constant of the script."""
    return helper(x)


def pick(x: int, key=lambda n: n + 1) -> int:
    return key(x)


@ap.step
def picked(x: int) -> int:
    return pick(x)


@ap.step
def keyed(x: int, key=lambda n: n + 1) -> int:
    return key(x)


@ap.step
def ordered(price: float) -> Order:
    return Order(price=price, lines=[1, 2])


@ap.step
def priced(order: Order) -> float:
    return Bill(total=order.price * Point(2).x).total


class Till:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    @ap.step
    def taxed(self, price: float) -> float:
        return price * self.rate


cell = {"ap": ap, "__name__": "__main__"}
exec("""
STEP = 10

@ap.step
def in_a_cell(x: int) -> int:
    return x + STEP
""", cell)


@ap.step
def pid() -> int:
    return os.getpid()


def closing(amount: int):
    @ap.step
    def closed(x: int) -> int:
        return x + amount

    return closed


store, runtime = sys.argv[1:]
settings = ap.Settings(
    store_url=store, ledger_url="sqlite://", durability="process", runtime=runtime
)
with ap.open_session(settings), ap.start_run("sent") as run:
    print(ap.value(scaled(2)))
    print(ap.value(picked(2)))
    print(ap.value(keyed(2)))  # a default is an input, and a function is pickled
    print(ap.value(priced(ordered(2.5))))
    print(ap.value(Till(1.5).taxed(10.0)))
    print(ap.value(cell["in_a_cell"](1)))
    print(ap.value(closing(100)(1)))
    print(ap.value(pid()) != os.getpid())
'''

MODELS = """
from __future__ import annotations

import pydantic


class Order(pydantic.BaseModel):
    price: float
    lines: list[int]
"""


def run_script(folder: Path, runtime: str) -> list[str]:
    """Run the script as a user would and return its lines."""
    (folder / "shop_models.py").write_text(textwrap.dedent(MODELS))
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(folder / "script.py"), str(folder / "store"), runtime],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


EXPECTED = ["6", "3", "3", "5.0", "15.0", "11", "101", "True"]


def test_a_script_sends_its_steps_to_processes(tmp_path):
    """What stands in the script goes by value, what stands in a module by name."""
    assert run_script(tmp_path, "processes:1") == EXPECTED


@pytest.mark.server
def test_a_script_sends_its_steps_to_a_cluster(own_cluster, tmp_path, monkeypatch):
    """The same script; its workers have the module of the models, as they must."""
    cluster = own_cluster(1, PYTHONPATH=str(tmp_path))

    assert run_script(tmp_path, cluster.url()) == EXPECTED


@pytest.mark.server
def test_a_module_of_the_models_that_workers_lack_is_named(own_cluster, tmp_path):
    """The script ends with an error that names the module."""
    cluster = own_cluster(1)

    with pytest.raises(AssertionError, match="StepNotSendableError.*'shop_models'"):
        run_script(tmp_path, cluster.url())
