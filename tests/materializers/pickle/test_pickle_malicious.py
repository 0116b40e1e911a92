"""Programs in pickles: the safe loader runs none of them, and plain unpickling runs them all."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pickle_gadgets import GADGETS, NAMES_ONLY
from pickle_opcodes import call, make, name, pickle_of
from pickle_wraps import WRAPS, Hidden

from artifact_materializers.pickle.safe.listed import LISTED
from artifact_materializers.pickle.safe.reading import read_plain
from artifact_plugins.errors import UnsafeFormatError


def canary_of(folder: Path, number: int) -> str:
    # Some gadgets add an ending of their own, this one.
    return str(folder / f"canary-{number}.dat")


def refusal(hidden: Hidden) -> BaseException | None:
    try:
        read_plain(memoryview(hidden.data), [memoryview(data) for data in hidden.buffers])
    except BaseException as error:
        return error
    return None


def test_there_are_enough_of_them():
    """At least 60 gadgets, at least 360 cases."""
    assert len(GADGETS) >= 60
    assert len(GADGETS) * len(WRAPS) >= 360


@pytest.mark.parametrize("gadget", GADGETS)
def test_program_is_refused_wherever_it_hides(gadget, tmp_path):
    """Each case is `UnsafeFormatError`, and its canary is not there."""
    wrong = []
    for number, wrap in enumerate(WRAPS):
        canary = canary_of(tmp_path, number)

        error = refusal(WRAPS[wrap](GADGETS[gadget], canary))

        if type(error) is not UnsafeFormatError or os.path.lexists(canary):
            wrong.append((wrap, error))
    assert wrong == []


def run_for_real(pairs, folder):
    """Unpickle cases in another process; return those whose canary is not there then."""
    cases = {pair: canary_of(folder, number) for number, pair in enumerate(pairs)}
    hidden = [WRAPS[wrap](GADGETS[gadget], canary) for (gadget, wrap), canary in cases.items()]
    job = folder / "job.pickle"
    job.write_bytes(pickle.dumps([(case.loader, case.data, case.buffers) for case in hidden]))
    control = Path(__file__).with_name("pickle_control.py")
    subprocess.run(
        [sys.executable, "-W", "ignore", str(control), str(job)],
        cwd=folder,
        capture_output=True,
        timeout=100,
    )
    deadline = time.monotonic() + 60  # some programs started others that still run
    while time.monotonic() < deadline and not all(map(os.path.lexists, cases.values())):
        time.sleep(0.1)
    return [pair for pair, canary in cases.items() if not os.path.lexists(canary)]


def test_plain_unpickling_runs_every_program(tmp_path):
    """Negative control: each gadget makes its canary where nobody looks at it first."""
    assert run_for_real([(gadget, "payload") for gadget in GADGETS], tmp_path) == []


def test_plain_unpickling_runs_programs_in_every_place(tmp_path):
    """Negative control: no place to hide in breaks what it hides."""
    pairs = [(gadget, wrap) for gadget in ("os.mkdir", "builtins.exec") for wrap in WRAPS]

    assert run_for_real(pairs, tmp_path) == []


@pytest.mark.slow
def test_plain_unpickling_runs_every_case(tmp_path):
    """Negative control: all of the cases above, one by one."""
    pairs = [(gadget, wrap) for gadget in GADGETS for wrap in WRAPS]

    assert run_for_real(pairs, tmp_path) == []


@pytest.mark.parametrize(("module", "qualname"), NAMES_ONLY)
def test_name_of_an_advisory_is_refused(module, qualname):
    """A name off the list is refused as a call, as an object and as a mere value."""
    for body in (call(module, qualname, "x"), make(module, qualname), name(module, qualname)):
        error = refusal(Hidden(pickle_of(body)))

        assert type(error) is UnsafeFormatError


def test_list_names_nothing_that_finds_or_calls_other_things():
    """No `getattr`, no `operator`, no `functools`, no name with a dot."""
    assert not [name_ for _, name_ in LISTED if "." in name_]
    assert not {"getattr", "eval", "exec", "map", "type", "object"} & {name_ for _, name_ in LISTED}
    assert not {"operator", "functools", "os", "sys", "copyreg"} & {module for module, _ in LISTED}
