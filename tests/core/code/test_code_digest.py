from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import timeit
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from artifact_plugins.code import CodeDigest, digest_function, explain_difference

SOURCE = """
    import math

    LIMIT = 3

    def helper(x):
        return x + LIMIT

    def step(x, carrier="UA"):
        total = helper(x)
        return math.floor(total)
"""


def changed(digest, before: str, after: str, source: str = SOURCE) -> tuple[str, ...]:
    assert before in source
    return explain_difference(digest(source), digest(source.replace(before, after)))


def test_processes_and_folders_agree(digest):
    """Two processes with two hash seeds find the same parts in two folders."""
    first, second = digest(SOURCE), digest(SOURCE)

    assert first == second
    assert first.digest.startswith("sha256:")
    assert set(first.parts) == {"step", "mod:helper", "mod:LIMIT", "default carrier"}


def test_a_changed_helper_is_named(digest_here):
    """A helper that does something else is another digest, and is named."""
    assert changed(digest_here, "x + LIMIT", "x - LIMIT") == ("helper mod:helper changed",)


def test_a_changed_step_is_named(digest_here):
    """A step that does something else is another digest."""
    assert changed(digest_here, "math.floor", "math.ceil") == ("the source of the step changed",)


def test_a_changed_constant_is_shown(digest_here):
    """A constant with another value is named with both values."""
    assert changed(digest_here, "LIMIT = 3", "LIMIT = 4") == ("constant mod:LIMIT: 3 -> 4",)


def test_a_changed_default_is_shown(digest_here):
    """A default with another value is named with both values."""
    assert changed(digest_here, '"UA"', '"AA"') == ("default carrier: 'UA' -> 'AA'",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("total = helper(x)", "total = helper(x)  # the total"),
        ("total = helper(x)", "\n        total = helper(\n            x,\n        )"),
        ("total = helper(x)", '"""Say it."""\n        total = helper(x)'),
        ("total = helper(x)", "total: int = helper(x)"),
        ("total = helper(x)", "note: str\n        total = helper(x)"),
        ("total = helper(x)", "pass\n        ...\n        total = (helper((x)))"),
        ("return x + LIMIT", "return (x +\n            LIMIT)"),
        ("LIMIT = 3", "OTHER = 9\n    LIMIT = 2 + 1"),
        ("    def helper", "    def unused():\n        return 1\n\n    def helper"),
        ("total = helper(x)", 'print("total", x)\n        total = helper(x)'),
        ("total = helper(x)", 'print(f"{len(x)!r:>10} {x.shape}")\n        total = helper(x)'),
    ],
)
def test_what_does_not_count(digest_here, before, after):
    """Comments, formatting, docstrings, local annotations, prints and unused code do not count."""
    assert changed(digest_here, before, after) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("total = helper(x)", "total = helper(x) or 0"),
        ("total = helper(x)", "x = list(x)\n        total = helper(x)"),
        ("total = helper(x)", "print(x.pop())\n        total = helper(x)"),
        ("total = helper(x)", "print(*x)\n        total = helper(x)"),
        ("total = helper(x)", "print(x, file=x)\n        total = helper(x)"),
        ("total = helper(x)", "print([y for y in x])\n        total = helper(x)"),
        ("total = helper(x)", "print((x := 3))\n        total = helper(x)"),
        ("import math", "import math\n    def print(x): return x.pop()"),
    ],
)
def test_what_counts_beside_it(digest_here, before, after):
    """A print that does more than report still counts (the negative control of the above)."""
    source = SOURCE.replace("total = helper(x)", "print('x')\n        total = helper(x)")
    after = after.replace("total = helper(x)", "print('x')\n        total = helper(x)")
    before = before.replace("total = helper(x)", "print('x')\n        total = helper(x)")

    assert changed(digest_here, before, after, source) != ()


def test_the_name_of_the_step_does_not_count(digest_here):
    """A renamed step has the same digest, also when it calls itself."""
    source = """
        def NAME(n):
            return 1 if n < 2 else n * NAME(n - 1)
    """

    one = digest_here(source.replace("NAME", "step"))
    two = digest_here(source.replace("NAME", "factorial"), "mod:factorial")

    assert explain_difference(one, two) == ()


def test_options_of_the_step_do_not_count(digest_here):
    """Arguments of our decorator do not count; those of another decorator do."""
    source = """
        import artifact_plugins as ap

        def times(n):
            return lambda function: function

        @ap.step(retries=1)
        @times(2)
        def step(x: int) -> int:
            return x
    """
    plain = digest_here(source)

    other_options = digest_here(source.replace("retries=1", "name='other'"))
    other_decorator = digest_here(source.replace("times(2)", "times(3)"))

    assert explain_difference(plain, other_options) == ()
    assert explain_difference(plain, other_decorator) == ("the source of the step changed",)


def test_a_step_and_its_function_agree(digest_here):
    """A step has the digest of its function."""
    source = "import artifact_plugins as ap\ndef plain(x: int) -> int:\n    return x\nstep = ap.step(plain)"

    assert digest_here(source) == digest_here(source, "mod:plain")


def test_logging_does_not_count(digest_here):
    """Calls of loggers and of the logging module do not count, other calls named info do."""
    source = """
        import logging
        from logging import warning

        logger = logging.getLogger(__name__)

        class Door:
            def info(self, text): pass

        door = Door()

        def step(x):
            HERE
            return x
    """
    plain = digest_here(source.replace("HERE", "pass"))

    for call in (
        'logger.info("x is %s", x)',
        'logging.debug("x")',
        'warning("x")',
        'logging.getLogger("other").error("x")',
        'logger.log(10, "x", extra={"a": len(x)})',
    ):
        assert explain_difference(plain, digest_here(source.replace("HERE", call))) == ()
    counted = digest_here(source.replace("HERE", 'door.info("x")'))
    assert "the source of the step changed" in explain_difference(plain, counted)


def test_a_script_and_a_module_agree(digest, tmp_path):
    """The same file as the running script and as a module has one digest."""
    text = SOURCE + (
        "\n    if __name__ == '__main__':"
        "\n        from artifact_plugins.code import digest_function"
        "\n        print(digest_function(step).model_dump_json())\n"
    )
    imported = digest({"flights.py": text}, "flights:step")
    (script,) = tmp_path.rglob("flights.py")

    printed = run_file(script)

    assert CodeDigest(**json.loads(printed)) == imported


def run_file(script) -> str:
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    return done.stdout


def test_another_call_sees_what_changed_in_between():
    """A constant, default, closure, helper or code that is exchanged is seen by the next call."""
    names: dict[str, Any] = {}
    exec(
        "LIMIT, TABLE = 3, {'a': [1]}\n"
        "def helper(x): return x\n"
        "def make(scale):\n"
        "    def inner(x, y=1): return helper(x) * LIMIT * scale * len(TABLE)\n"
        "    return inner\n"
        "step = make(2)\nother = make(5)\ndef better(x): return x + 1",
        names,
    )
    step, other = names["step"], names["other"]
    seen = [digest_function(step)]

    for change in (
        lambda: names.update(LIMIT=4),
        lambda: names["TABLE"]["a"].append(2),
        lambda: names.update(helper=names["better"]),
        lambda: setattr(step, "__defaults__", (2,)),
        lambda: setattr(step.__closure__[0], "cell_contents", 7),
        lambda: setattr(names["better"], "__code__", (lambda x: x + 2).__code__),
        lambda: names.pop("LIMIT"),
    ):
        change()
        seen.append(digest_function(step))

    assert len({one.digest for one in seen}) == len(seen)
    assert digest_function(step) is seen[-1]
    assert digest_function(other).digest not in {one.digest for one in seen}


def test_threads_agree():
    """Several threads that ask at once get one digest."""
    found = []

    def ask() -> None:
        found.append(digest_function(json.dumps).digest)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_record_is_frozen():
    """A digest cannot be changed, and survives JSON."""
    made = digest_function(test_threads_agree)

    with pytest.raises(ValidationError):
        made.digest = "sha256:0"
    assert CodeDigest.model_validate_json(made.model_dump_json()) == made


def test_the_page_about_caching_tells_the_truth(tmp_path):
    """The example of the page prints what its comments say."""
    page = (Path(__file__).parents[3] / "docs/caching.md").read_text(encoding="utf-8")
    example = re.search(r'```python title="look.py"\n(.*?)```', page, flags=re.DOTALL)
    assert example is not None
    (tmp_path / "look.py").write_text(example[1])

    printed = run_file(tmp_path / "look.py").splitlines()

    assert printed == re.findall(r"^print.*  # (.*)$", example[1], flags=re.MULTILINE)


@pytest.mark.slow  # its figure is that of a quiet machine, with a wide margin
def test_a_second_look_is_cheap():
    """Asking again costs less than 200 microseconds, a twentieth of the first time or less."""
    names: dict[str, Any] = {}
    helpers = "".join(f"def f{n}(x): return x + K{n}\nK{n} = {n}\n" for n in range(10))
    calls = " + ".join(f"f{n}(x)" for n in range(10))
    exec(f"{helpers}def step(x): return {calls}", names)

    start = time.perf_counter()
    digest_function(names["step"])
    first = time.perf_counter() - start
    again = min(timeit.repeat(lambda: digest_function(names["step"]), number=10, repeat=20)) / 10

    assert again < min(200e-6, first / 20)
