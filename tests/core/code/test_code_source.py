from __future__ import annotations

import ast
import linecache
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact_plugins.code import digest_function, explain_difference

LINES = """
import math
LIMIT = 3


def helper(x):
    return x + LIMIT


def step(x, y=1):
    total = helper(x)
    if total > LIMIT:
        total = [math.floor(v) for v in (total, "a # b")]
    for item in total:
        total = item
    return {"total": total, "y": y}
"""
# What may be put between any two lines of a body: it never counts.
FILLERS = [
    "",
    "# a comment",
    "pass",
    '"a text"',
    "print('here', x)",
    "print(f'{x:>3}', len(str(x)))",
]


def compiled(text: str, filename: str):
    """Run source that is registered like a notebook cell; return its names."""
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    names = {"__name__": "cell"}
    exec(compile(text, filename, "exec"), names)
    return names


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FILLERS), st.booleans()), min_size=12, max_size=12))
def test_formatting_never_counts(fillers):
    """However comments, blank lines, no-ops, prints and line breaks are put in, the digest stays."""
    lines, left = [], list(fillers)
    for line in LINES.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if indent and left:
            filler, broken = left.pop()
            lines.append(f"{indent}{filler}")
            lines.append(line.replace("(x)", "(\n   x  # here\n )") if broken else line)
        else:
            lines.append(line)

    changed = compiled("\n".join(lines) + "\n", "<cell changed>")["step"]
    plain = compiled(LINES, "<cell plain>")["step"]

    assert explain_difference(digest_function(plain), digest_function(changed)) == ()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_no_formatting_always_counts(data):
    """Any constant, operator or name in the step that is exchanged is another digest."""
    tree = ast.parse(LINES)
    nodes = [
        n
        for n in ast.walk(tree.body[-1])
        if isinstance(n, ast.Constant) or (isinstance(n, ast.Name) and n.id in ("total", "x"))
    ]
    node = data.draw(st.sampled_from(nodes))
    if isinstance(node, ast.Constant):
        node.value = data.draw(st.sampled_from([None, 17, "other", 2.5, b"x", True]))
    else:
        node.id = "other_name"

    changed = compiled(ast.unparse(tree), "<cell changed>")["step"]
    plain = compiled(LINES, "<cell plain>")["step"]

    assert digest_function(plain).digest != digest_function(changed).digest


@pytest.mark.parametrize(
    "text",
    [
        "lambda x: x + 1",
        "[lambda x: x + 1, lambda x: x + 2][0]",
        "(lambda y: (lambda x: x + 1))(0)",
    ],
)
def test_lambdas_on_one_line_are_told_apart(text):
    """Of several lambdas on a line, the one that is meant counts."""
    one = compiled(f"step = {text}\n", "<cell one>")["step"]
    other = compiled(f"step = {text.replace('1', '9')}\n", "<cell other>")["step"]
    padded = compiled(f"step = ({text}  # comment\n  )\n", "<cell padded>")["step"]

    assert digest_function(one).digest == digest_function(padded).digest
    assert digest_function(one).digest != digest_function(other).digest


def test_code_without_source_has_a_digest():
    """Functions made by exec have one digest; what counts, counts there too."""

    def made(text: str):
        names: dict[str, object] = {"__name__": "typed"}
        exec(text, names)
        return digest_function(names["step"])

    plain = "K = 2\nclass C:\n    def m(self): return K\ndef helper(x): return x\ndef step(x):\n    return helper(C().m())"

    assert made(plain) == made("\n\n" + plain)
    for before, after in (("K = 2", "K = 3"), ("return x", "return -x"), ("return K", "return -K")):
        assert made(plain).digest != made(plain.replace(before, after)).digest


def test_an_interpreter_without_files_agrees_with_itself():
    """Functions of `python -c` have the same digest under two hash seeds."""
    text = (
        "K = {'a', 'b'}\ndef helper(x): return x in {'c', 'd', 'e'} or K\n"
        "def step(x):\n    import json\n    return helper(json.dumps(x))\n"
        "from artifact_plugins.code import digest_function\nprint(digest_function(step).digest)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", text],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }

    assert len(found) == 1


def test_a_file_edited_after_its_import_is_not_taken_for_the_code(tmp_path, monkeypatch):
    """What runs counts, not what the file says by now; an edit elsewhere does not matter."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "edited_later.py"
    path.write_text("def step(x):\n    return x + 1\n")
    import edited_later

    before = digest_function(edited_later.step)
    del sys.modules["edited_later"]
    import edited_later as again

    path.write_text("# a line more\ndef step(x):\n    return x + 1\n")
    linecache.checkcache(str(path))
    moved = digest_function(again.step)
    del sys.modules["edited_later"]
    path.write_text("def step(x):\n    return x + 1\n")
    import edited_later as third

    path.write_text("def step(x):\n    return x + 2222\n")
    linecache.checkcache(str(path))
    stale = digest_function(third.step)
    del sys.modules["edited_later"]
    import edited_later as fresh

    assert moved == before
    assert stale.digest not in (before.digest, digest_function(fresh.step).digest)


def test_source_in_an_archive_is_read(tmp_path, digest_here):
    """A module in a zip file has the digest of the same module in a folder."""
    import zipfile

    text = "def helper(x):\n    # one\n    return x\ndef step(x):\n    return helper(x)\n"
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("zipped.py", text)
    sys.path.insert(0, str(tmp_path / "code.zip"))
    try:
        from zipped import step

        found = digest_function(step)
    finally:
        sys.path.pop(0)
        sys.modules.pop("zipped", None)

    assert found == digest_here({"zipped.py": text.replace("# one", "# two")}, "zipped:step")


def test_a_definition_in_branches_is_told_apart(digest_here):
    """Of two functions with one name in two branches, the one that exists counts."""
    source = "import sys\nif sys:\n    def step(x): return 1\nelse:\n    def step(x): return 2\n"

    one = digest_here(source)

    assert one == digest_here(source.replace("return 2", "return 3"))
    assert one.digest != digest_here(source.replace("return 1", "return 3")).digest


def test_long_expressions_do_not_fail():
    """A sum of five hundred terms in a function has a digest."""
    terms = " + ".join(["x"] * 500)
    step = compiled(f"def step(x):\n    return {terms}\n", "<cell long>")["step"]
    other = compiled(f"def step(x):\n    return {terms} + 1\n", "<cell longer>")["step"]

    assert digest_function(step).digest != digest_function(other).digest


def test_optimised_processes_agree(digest):
    """`python -O` finds the digest that `python` finds."""
    source = "def step(x):\n    'doc'\n    assert x\n    return x"

    assert digest(source) == digest(source, flags=("-O",))
    assert digest(source) == digest(source, flags=("-OO",))
