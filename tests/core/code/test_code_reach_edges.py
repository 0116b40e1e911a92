"""What cannot be followed, written out or kept has its place in a digest too, or is listed."""

from __future__ import annotations

import functools
import gc
import threading
import weakref

import pytest

from artifact_plugins.code import digest_function


def test_what_cannot_be_followed_is_listed(digest_here):
    """Locks, open files, large data and code made at run time are listed and do not count."""
    source = """
        import io, threading
        lock = threading.Lock()
        file = io.StringIO()
        table = list(range(20_000))
        setting = {"lock": threading.Lock(), "k": 1}
        def step(x):
            with lock:
                file.write(str(table[0]))
                return eval("x") + setting["k"]
    """
    found = digest_here(source)
    other = digest_here(source.replace("20_000", "30_000"))
    counted = digest_here(source.replace('"k": 1', '"k": 2'))

    assert found.unfollowed == (
        "eval (code made at run time)",
        "mod:file (_io:StringIO)",
        "mod:lock (_thread:lock)",
        "mod:setting (_thread:lock)",
        "mod:table (builtins:list, large)",
    )
    assert found == other
    assert found.digest != counted.digest


def test_a_default_that_is_no_data_counts_as_written(digest_here):
    """A default that cannot be digested counts by its source."""
    source = "import threading\ndef step(x, lock=threading.Semaphore(1)): return x"

    one, two = digest_here(source), digest_here(source.replace("(1)", "(2)"))

    assert one.digest != two.digest
    assert one.unfollowed == ("default lock (threading:Semaphore)",)


def test_an_object_that_hides_its_state_does_not_fail():
    """An object whose attributes raise is listed; the digest is made."""

    class Closed:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    closed = Closed()

    def step(x):
        return closed if x else threading

    assert any("closure closed" in item for item in digest_function(step).unfollowed)


@pytest.mark.parametrize(
    "thing", [len, int, "x".upper, functools.partial(len, ""), print, dict.get]
)
def test_builtins_have_a_digest(thing):
    """A callable without Python code has a digest, the same each time."""
    assert digest_function(thing) == digest_function(thing)


def test_builtins_differ():
    """Two builtins are two digests."""
    assert digest_function(len).digest != digest_function(max).digest
    assert digest_function("x".upper).digest != digest_function("y".upper).digest


def test_notes_on_secrets_are_not_kept(digest_here):
    """The text of a constant that is called a secret is not in the record."""
    found = digest_here("API_KEY = 'abc123'\ndef step(x): return API_KEY")

    assert found.values["mod:API_KEY"] == "(not shown)"
    assert "abc123" not in found.model_dump_json()


def test_a_function_that_is_gone_is_not_kept():
    """What is remembered about a function does not keep it, or its closure, alive."""

    class Big:
        pass

    def make():
        big = Big()

        def step(x):
            return big, x

        return step, weakref.ref(big), weakref.ref(step)

    step, big, function = make()
    digest_function(step)
    del step
    gc.collect()

    assert function() is None
    assert big() is None


def test_an_upgrade_of_ours_changes_no_step(digest_here):
    """The version of artifact_plugins is no part of what a step does."""
    source = """
        from typing import Annotated

        import artifact_plugins as ap

        @ap.step
        def step(x: int) -> Annotated[int, ap.Output("n")]:
            ap.log_metadata({"x": x})
            return x
    """
    assert set(digest_here(source).parts) == {"step"}


def test_long_integers_have_a_digest(digest_here):
    """An integer whose decimal digits Python refuses to print is a constant."""
    source = f"BIG = 0x{'f' * 9000}\ndef step(x): return BIG + 0x{'e' * 9000}"

    found = digest_here(source)

    assert found.unfollowed == ()
    assert found.digest != digest_here(source.replace("BIG = 0xf", "BIG = 0xe")).digest
    assert found.digest != digest_here(source.replace("+ 0xe", "+ 0xf")).digest
