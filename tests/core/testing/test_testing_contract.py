"""A good materializer passes the contract; each broken one fails the test that names its fault."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

from artifact_plugins.testing import MaterializerContract

SUITE = '''
"""One good materializer and many broken ones, each with one fault."""

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import artifact_plugins as ap
from artifact_plugins.errors import NotSerializableError
from artifact_plugins.testing import MaterializerContract
from pydantic import BaseModel


class Sensor:
    def __init__(self, name, readings):
        self.name = name
        self.readings = readings

    def __eq__(self, other):
        return (self.name, self.readings) == (other.name, other.readings)

    __hash__ = None


class OtherSensor(Sensor):
    pass


class Options(BaseModel):
    indent: int = 0


class Good(ap.Materializer):
    format = "sensor/1"
    Options = Options

    def save(self, value, directory):
        if not all(isinstance(reading, int) for reading in value.readings):
            raise NotSerializableError("a reading is not a number")
        text = json.dumps([value.name, value.readings], indent=self.options.indent)
        (directory / "sensor.json").write_text(text)

    def load(self, directory, data_type):
        return data_type(*json.loads((directory / "sensor.json").read_text()))

    def describe(self, value):
        return {"readings": len(value.readings)}

    def preview(self, value):
        return [ap.Preview(kind="text", content=value.name)]


class Direct(Good):
    def save_files(self, value, files):
        with files.open("sensor.json") as sink:
            sink.write(json.dumps([value.name, value.readings]).encode())

    def load_files(self, files, data_type):
        return data_type(*json.loads(bytes(files.buffer("sensor.json"))))


class Lossy(Good):
    def save(self, value, directory):
        super().save(type(value)(value.name, value.readings[:2]), directory)


class WrongType(Good):
    def load(self, directory, data_type):
        return super().load(directory, OtherSensor)


class Impure(Good):
    def save(self, value, directory):
        value.readings.append(0)
        super().save(value, directory)


class Spilling(Good):
    def save(self, value, directory):
        super().save(value, directory)
        (directory.parent.parent / "spilled.txt").write_text("here")


class Unstable(Good):
    def save(self, value, directory):
        super().save(value, directory)
        (directory / "note.txt").write_text(str(random.random()))


class HashOrdered(Good):
    def save(self, value, directory):
        super().save(value, directory)
        (directory / "letters.txt").write_text(repr(set("abcdefghij")))


class KeepsInProcess(Good):
    kept = {}

    def save(self, value, directory):
        key = value.name
        self.kept[key] = list(value.readings)
        (directory / "sensor.json").write_text(json.dumps(key))

    def load(self, directory, data_type):
        key = json.loads((directory / "sensor.json").read_text())
        return data_type(key, list(self.kept[key]))


class BadFormat(Good):
    format = "Sensor v1"


class BadMetadata(Good):
    def describe(self, value):
        return {"when": {1, 2}}


class HugePreview(Good):
    def preview(self, value):
        return [ap.Preview(kind="text", content="x" * 70_000)]


class OptionsWithState(BaseModel):
    indent: int = 0

    def __eq__(self, other):
        return self is other


class BadOptions(Good):
    Options = OptionsWithState


class AcceptsAll(Good):
    exact = True  # so it says, and the session does not read back

    def save(self, value, directory):
        text = json.dumps([value.name, [int(reading) for reading in value.readings]])
        (directory / "sensor.json").write_text(text)


class IgnoresDamage(Good):
    def save(self, value, directory):
        super().save(value, directory)
        text = json.dumps([value.name, value.readings])
        (directory / "padding.bin").write_bytes(bytes(1000))


class Contract(MaterializerContract):
    materializer = Good

    def values(self):
        return [Sensor("north", [1, 2, 3]), Sensor("", [])]

    def refused(self):
        return [Sensor("x", ["7"])]


class TestGood(Contract):
    pass


class TestGoodWithOptions(Contract):
    options = {"indent": 2}


class TestDirect(Contract):
    materializer = Direct

    def refused(self):
        return []


class TestNoValues(Contract):
    def values(self):
        return []


class TestRandomValues(Contract):
    def values(self):
        return [Sensor("a", [random.randrange(10**9)])]
'''

# What is broken, and every contract test that must notice. The session reads
# small values back, so what does not come back equal is refused there too.
BROKEN = {
    "Lossy": {"round_trip_is_equal", "session_gives_an_equal_value"},
    "WrongType": {
        "round_trip_is_equal",
        "round_trip_keeps_the_type",
        "session_gives_an_equal_value",
    },
    "Impure": {"round_trip_is_equal", "save_leaves_the_value_alone"},
    "Spilling": {"save_touches_only_its_folder"},
    "Unstable": {"equal_values_have_equal_bytes", "loads_in_a_fresh_process"},
    "HashOrdered": {"loads_in_a_fresh_process"},
    "KeepsInProcess": {"loads_in_a_fresh_process", "refused_values_leave_nothing"},
    "BadFormat": {"format_has_a_name_and_a_version"},
    "BadMetadata": {"description_is_small_json"},
    "HugePreview": {"preview_is_bounded"},
    "BadOptions": {"options_round_trip_as_json"},
    "AcceptsAll": {"refused_values_leave_nothing"},
    "IgnoresDamage": {"truncated_file_is_noticed"},
    "NoValues": {"values_come_fresh_and_equal"},
    "RandomValues": {"values_come_fresh_and_equal"},
}
# Consequences of a fault in other tests, which may or may not show.
ALSO = {
    "Impure": {
        "equal_values_have_equal_bytes",
        "loads_in_a_fresh_process",
        "session_gives_an_equal_value",
        "truncated_file_is_noticed",
    },
    "Unstable": {"truncated_file_is_noticed"},
    "HashOrdered": {"truncated_file_is_noticed"},
    "RandomValues": {test.removeprefix("test_") for test in vars(MaterializerContract)},
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Failure messages by class and test name; "" when the test passed."""
    folder = tmp_path_factory.mktemp("suite")
    own_class = {"NoValues", "RandomValues"}
    classes = "".join(
        f"\n\nclass Test{name}(Contract):\n    materializer = {name}\n"
        for name in BROKEN
        if name not in own_class
    )
    (folder / "test_suite.py").write_text(textwrap.dedent(SUITE) + classes)
    report = folder / "report.xml"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            "--import-mode=importlib",
            f"--junitxml={report}",
            "-k",
            # A new process costs most: only where it matters.
            "not fresh_process or Good or Direct or Impure or Unstable or HashOrdered or KeepsInProcess",
            "test_suite.py",
        ],
        cwd=folder,
        capture_output=True,
        timeout=110,
        check=False,
    )
    found: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("classname", "").rpartition(".Test")[2]
        failed = case.find("failure")
        error = failed if failed is not None else case.find("error")
        message = "" if error is None else f"{error.get('message')} {error.text}"
        found.setdefault(name, {})[case.get("name", "").removeprefix("test_")] = message
    return found


@pytest.mark.parametrize("name", ["Good", "GoodWithOptions", "Direct"])
def test_good_materializer_passes(outcomes: dict[str, dict[str, str]], name: str) -> None:
    """A materializer without faults passes every test of the contract."""
    assert len(outcomes[name]) == 14
    assert {test: why for test, why in outcomes[name].items() if why} == {}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_materializer_fails_the_test_of_its_fault(
    outcomes: dict[str, dict[str, str]], name: str
) -> None:
    """Each fault is found by the tests that claim its absence, and by no others."""
    failed = {test for test, why in outcomes[name].items() if why}

    assert BROKEN[name] <= failed
    assert failed <= BROKEN[name] | ALSO.get(name, set())


@pytest.mark.parametrize(
    ("name", "test", "message"),
    [
        ("Lossy", "round_trip_is_equal", r"value-0-Sensor comes back different: .*'readings'"),
        ("WrongType", "round_trip_keeps_the_type", "comes back as .*:OtherSensor"),
        ("Impure", "save_leaves_the_value_alone", "value-0-Sensor was changed by save"),
        ("Spilling", "save_touches_only_its_folder", r"touched \['.*spilled.txt'\]"),
        ("Unstable", "equal_values_have_equal_bytes", r"other bytes in \['note.txt'\]"),
        ("HashOrdered", "loads_in_a_fresh_process", r"other bytes in \['letters.txt'\]"),
        ("KeepsInProcess", "loads_in_a_fresh_process", "does not load in a new process.*KeyError"),
        ("BadFormat", "format_has_a_name_and_a_version", "'Sensor v1' is not like 'name/1'"),
        ("HugePreview", "preview_is_bounded", "70000 bytes, over 65536"),
        ("AcceptsAll", "refused_values_leave_nothing", "saving refused-0 gave None"),
        ("IgnoresDamage", "truncated_file_is_noticed", "from half of its file 'padding.bin'"),
        ("NoValues", "values_come_fresh_and_equal", "nothing is tested"),
    ],
)
def test_failure_says_what_is_wrong(
    outcomes: dict[str, dict[str, str]], name: str, test: str, message: str
) -> None:
    """The message of a failed contract test names the value and the fault."""
    assert re.search(message, outcomes[name][test], re.DOTALL)


def test_every_contract_test_has_a_claim_and_a_negative_control() -> None:
    """Each test of the contract says what it claims, and some broken materializer fails it."""
    tests = {name: test for name, test in vars(MaterializerContract).items() if "test_" in name}
    controlled = {f"test_{name}" for names in BROKEN.values() for name in names}

    assert all(test.__doc__ for test in tests.values())
    assert set(tests) == controlled


class TestClassInsideAFunction:
    def test_is_named(self, tmp_path: Path) -> None:
        """A materializer that no other process can find is named as such."""

        class Contract(MaterializerContract):
            materializer = _local_materializer()

            def values(self) -> list[int]:
                return [1]

        with pytest.raises(AssertionError, match="defined inside a function"):
            Contract().test_loads_in_a_fresh_process(tmp_path)


def _local_materializer() -> type:
    import artifact_plugins as ap

    class Local(ap.Materializer[int]):
        format = "local/1"

        def save(self, value: int, directory: Path) -> None:
            (directory / "n").write_text(str(value))

        def load(self, directory: Path, data_type: type[int]) -> int:
            return int((directory / "n").read_text())

    return Local
