"""Parsing beside other threads, and source that nobody can parse."""

from __future__ import annotations

import ast
import gc
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifact_plugins.syntax import parse

SOURCE = "\n".join(f"x = {'(' * 20}{n}{' + 1)' * 20}" for n in range(40))


@pytest.fixture
def taking_turns():
    """Threads take turns in the middle of building a tree: whenever objects are collected."""

    def turn(phase, info):
        time.sleep(0.0002)

    thresholds = gc.get_threshold()
    gc.callbacks.append(turn)
    gc.set_threshold(50, 1000, 1000)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(turn)


def deeper(function, depth):
    """Parse at another depth of calls than other threads."""
    return deeper(function, depth - 1) if depth else function(SOURCE)


def failures(function):
    """The kinds of errors of four threads that parse."""

    def one(number):
        try:
            deeper(function, number)
        except SystemError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(4) as pool:
        return {found for found in pool.map(one, range(12)) if found is not None}


def test_threads_parse_at_once(taking_turns):
    """No thread fails, however often they take turns."""
    assert failures(parse) == set()


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="cpython issue 106905 is mended there")
def test_bare_threads_fail(taking_turns):
    """Negative control: `ast.parse` alone fails for one of them."""
    assert any("recursion depth mismatch" in text for text in failures(ast.parse))


def test_a_thread_that_does_not_wait(taking_turns):
    """Threads that call `ast.parse` themselves only make ours try again."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: failures(ast.parse))
        found = [parse("f(x)[0]", "eval") for _ in range(20)]
        other.result()
    assert {ast.dump(tree.body) for tree in found} == {ast.dump(ast.parse("f(x)[0]").body[0].value)}


DEEP = {"brackets": "(" * 5000 + ")" * 5000, "sums": "+".join(["1"] * 100_000), "signs": "-" * 90_000 + "1"}  # fmt: skip


@pytest.mark.parametrize("kind", DEEP)
def test_what_is_nested_too_deeply_is_refused(kind):
    """One of the two documented errors, and the next source is parsed."""
    with pytest.raises((SyntaxError, ValueError)):
        parse(DEEP[kind], "eval")
    assert isinstance(parse("1", "eval").body, ast.Constant)


def test_null_bytes_are_refused():
    """Also where Python calls them a syntax error."""
    with pytest.raises((SyntaxError, ValueError)):
        parse(b"x = 1\0")


def test_a_child_parses_though_its_parent_was_parsing(taking_turns):
    """A lock that another thread held in the moment of the fork is not the child's."""
    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(parse, SOURCE) for _ in range(4)]
        child = os.fork()
        if child == 0:
            os._exit(0 if parse("1", "eval") else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert all(one.result() for one in busy)
