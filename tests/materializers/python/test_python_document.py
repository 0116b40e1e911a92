"""Values of Python's own types come back exactly, alone and inside each other."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import sys
import time as clock
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import pytest

from artifact_materializers.python.equality import deep_equal

PARIS = ZoneInfo("Europe/Paris")
ODD_NAN = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]

SCALARS = [
    None, True, False, 0, 1, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**18,
    10**4000, -(10**5000), 7**9000,
    0.0, -0.0, 1.5, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, 0.1 + 0.2,
    math.nan, ODD_NAN, math.inf, -math.inf,
    1j, complex(-0.0, math.nan), complex(math.inf, -0.0),
    "", "text", "NaN", "Infinity", "$", '{"$":"int"}', "é\u2028\x00\x7f", "😀", "0" * 40,
    "\ud83d", "\ud83d\ude00", "a\udcffb", "[" * 500, '"\\' * 300,
    b"", b"\x00\xff", b"x" * 100_000, bytearray(b"ab"), bytearray(100_000),
    ..., NotImplemented,
    range(3), range(0, 2**70, 2**65), slice(1, None, "a"), slice(2**70),
    datetime(2020, 2, 29, 12, 30, 1, 5), datetime(1, 1, 1), datetime.max,
    datetime(2021, 10, 31, 2, 30, tzinfo=PARIS), datetime(2021, 10, 31, 2, 30, fold=1, tzinfo=PARIS),
    datetime(2020, 1, 1, fold=1), datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30, seconds=7, microseconds=9))),
    datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=-1), "named\ud800")),
    time(1, 2, 3, 4), time(1, tzinfo=UTC, fold=1), time.max,
    date(2020, 2, 29), timedelta(-1, 1, 1), timedelta.max, UTC,
    timezone(timedelta(0), "Zulu"), PARIS, ZoneInfo("UTC"),
    Decimal("1.00"), Decimal("-0"), Decimal("NaN123"), Decimal("-sNaN"), Decimal("-Infinity"),
    Decimal("1E+999999"), Decimal("1." + "3" * 100),
    Fraction(-1, 3), Fraction(2**80, 3**80),
    UUID(int=5), UUID(int=2**128 - 1, is_safe=SafeUUID.safe),
    re.compile("a.b", re.IGNORECASE | re.DOTALL), re.compile(rb"(?i)x"), re.compile("(?x) \ud800"),
    PurePosixPath("/a/../b"), PurePosixPath("//x"), PureWindowsPath("C:\\a"),
]  # fmt: skip

CONTAINERS = [
    [], (), {}, set(), frozenset(), deque(), OrderedDict(), Counter(), defaultdict(),
    [[]], [()], ((),), [{}], {"a": {}}, (1, (2, (3,))), [1, "a", None, True, 2.5],
    {"$": 1}, {"$": "int", "v": "0x1"}, {"$x": 1}, {"a": {"$": []}}, {"\ud800": 1},
    {1: "a", None: "b", (1, 2): [3], b"k": 4, frozenset({1}): 5, 2.5: 6, "s": 7},
    {"b": 1, "a": 2}, {math.nan: 1}, {"k" * 100: 1},
    {1, 2, 3}, {"a", "b"}, {None, 1, "a", (1, 2), frozenset({2, 3}), b"x"}, {math.nan, math.inf},
    frozenset({frozenset({frozenset({1, "a"}), 2}), "x"}),
    deque([1, 2], maxlen=5), deque([[1]]), deque([], 0),
    OrderedDict([("b", 1), ("a", [2])]), Counter({"a": 2, (1,): -1}),
    defaultdict(list, {"a": [1]}), defaultdict(None, {1: 2}), defaultdict(OrderedDict),
    [math.nan, [math.inf], (2**70,)], {"title": "Metropolis", "year": 1927},
]  # fmt: skip


def shown(value: object) -> str:
    """Return a short name for a parametrized value."""
    return f"{type(value).__name__}-{ascii(str(type(value)))[:10]}"


@pytest.mark.parametrize("value", SCALARS + CONTAINERS, ids=shown)
def test_value_comes_back_equal_with_its_type(round_trip, value):
    """Every listed value loads as an equal value of the same type."""
    loaded = round_trip(value)

    assert deep_equal(loaded, value)


@pytest.mark.parametrize("value", SCALARS, ids=shown)
def test_scalar_comes_back_inside_every_container(round_trip, value):
    """Every scalar survives in a list, tuple, dict value, deque and, if hashable, as a key."""
    holders = [[value], (value, 1), {"k": value}, deque([value]), {1: value}]
    if type(value) not in (bytearray, slice) and not isinstance(value, Decimal):
        holders += [{value: 1}, {value}, frozenset([(value,)])]

    loaded = round_trip(holders)

    assert deep_equal(loaded, holders)


@pytest.mark.parametrize("left", CONTAINERS, ids=shown)
def test_containers_come_back_inside_each_other(round_trip, left):
    """Every container survives beside and inside every other one."""
    value = [(left, other, {"k": [left]}) for other in CONTAINERS]

    loaded = round_trip(value)

    assert deep_equal(loaded, value)


def test_comparison_tells_apart_what_python_calls_equal():
    """The comparison used by these tests is not the lax one of `==`."""
    pairs = [
        (1, True), (1, 1.0), (0.0, -0.0), (math.nan, ODD_NAN), ([1], (1,)), ({1}, frozenset({1})),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({1: 0}, {True: 0}), ({1}, {True}),
        (deque([1]), deque([1], 3)), (defaultdict(list), defaultdict(dict)),
        (Decimal("1.0"), Decimal("1.00")), (UTC, timezone(timedelta(0), "Zulu")),
        (datetime(2020, 1, 1), datetime(2020, 1, 1, fold=1)),
        (UUID(int=1), UUID(int=1, is_safe=SafeUUID.safe)),
        ([1], [1, 2]), ({1: [0]}, {1: [0.0]}), ((math.nan,), (1.0,)),
    ]  # fmt: skip

    assert [pair for pair in pairs if deep_equal(*pair)] == []


def test_plain_json_stays_plain(document, files):
    """What JSON can hold is written as JSON; nothing is tagged."""
    document.save_files({"a": [1, 2.5, None, True, "x"], "b": {"$ref": "y"}}, files)

    text = bytes(files.buffer("value.json"))

    assert text == b'{"value":{"a":[1,2.5,null,true,"x"],"b":{"$ref":"y"}}}'


@pytest.mark.parametrize("value", SCALARS + CONTAINERS, ids=shown)
def test_equal_values_have_equal_bytes(document, new_files, round_trip, value):
    """What was loaded is written as the very same bytes again."""
    first, second = new_files(), new_files()

    document.save_files(value, first)
    document.save_files(round_trip(value), second)

    assert first.content == second.content


def test_sets_have_the_same_bytes_in_every_process(samples_folder):
    """The order of a set is by content, not by hashes that change with the process."""
    code = (
        "from python_samples import *; from artifact_materializers.python.encode import *; from artifact_materializers.python.parts import NO_PARTS\n"
        "v = {'b', 'a', 3, None, Color.RED, Level.LOW, Pair(1, 'x'), frozenset({'q', Mode.FAST})}\n"
        "print(write_document([v, {'x': {('a', Color.BLUE), ('b', Level.HIGH)}}], NO_PARTS, None))"
    )

    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(samples_folder), "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(4)
    }

    assert len(printed) == 1


def test_long_bytes_lie_beside_the_document(document, files):
    """Bytes over 64 KiB are a file of their own, as they are."""
    value = {"a": b"x" * 70_000, "b": [bytearray(b"y" * 70_000)], "c": b"z"}

    document.save_files(value, files)

    assert files.names() == ("bytes/0.bin", "bytes/1.bin", "value.json")
    assert bytes(files.buffer("bytes/0.bin")) == value["a"]
    assert deep_equal(document.load_files(files, dict), value)


def test_value_loads_in_a_fresh_process(document, tmp_path, samples_folder):
    """A folder written here is read by a process that has seen nothing."""
    import python_samples as samples

    document.save([samples.Record(1, "a", 0.5), samples.Color.BLUE, {2: math.nan}], tmp_path)
    code = (
        "from pathlib import Path\n"
        "from artifact_materializers.python.document import DocumentMaterializer\n"
        f"print(DocumentMaterializer().load(Path({str(tmp_path)!r}), list))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(samples_folder)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == (
        "[Record(ident=1, name='a', score=0.5, tags=[], extra={}), <Color.BLUE: 'blue'>, {2: nan}]"
    )


def test_many_small_objects_are_one_small_file_and_quick(document, new_files):
    """W7: 200 objects are one file of under 20 kB, saved and loaded in milliseconds."""
    from python_samples import Record

    value = [
        Record(i, f"name-{i}", i / 7, ["a", "b", str(i)], {"k": i, "v": i * 0.5})
        for i in range(200)
    ]
    files = new_files()
    document.save_files(value, files)
    document.load_files(files, list)
    times = []

    for _ in range(10):
        start = clock.process_time()
        document.save_files(value, fresh := new_files())
        loaded = document.load_files(fresh, list)
        times.append(clock.process_time() - start)

    assert fresh.names() == ("value.json",)
    assert len(fresh.buffer("value.json")) < 20_000
    assert deep_equal(loaded, value)
    # 0.6 ms on a quiet machine; the bound only catches a lost fast path.
    assert min(times) < 0.015


def test_saving_changes_nothing(document, files):
    """`save` leaves the value as it was, cached attributes included."""
    from python_samples import Computed

    value = [Computed(3), {"a": [1]}, defaultdict(list, {"x": [1]})]
    before = [dict(value[0].__dict__), {"a": [1]}, dict(value[2])]

    document.save_files(value, files)

    assert [value[0].__dict__, value[1], dict(value[2])] == before


def test_memory_stays_near_the_size_of_the_text(document, files):
    """A list of a million numbers is written with a few times its text in memory."""
    value = list(range(1_000_000))
    tracemalloc.start()

    document.save_files(value, files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 6 * len(files.buffer("value.json"))


def test_file_in_a_folder_is_the_document(document, tmp_path: Path):
    """`save` into a folder writes the same document that `save_files` does."""
    document.save({"a": 1}, tmp_path)

    assert (tmp_path / "value.json").read_bytes() == b'{"value":{"a":1}}'
    assert document.load(tmp_path, dict) == {"a": 1}
