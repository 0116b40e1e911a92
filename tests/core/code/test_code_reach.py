"""A change of anything that a function reaches is another digest; of anything else it is not."""

from __future__ import annotations

import pytest

from artifact_plugins.code import explain_difference

PACKAGE = {
    "pack/__init__.py": "VERSION = 1\n",
    "pack/utils.py": """
        from pack import deep

        LIMIT = 4

        def clean(x):
            return rough(x)

        def rough(x):
            return clean(x) if x else deep.below(x)

        def unused(x):
            return x
        """,
    "pack/deep.py": "def below(x):\n    return x - 1\n\ndef late(x):\n    return x * 2\n",
    "pack/shapes.py": """
        import dataclasses
        import enum
        import functools

        class Base:
            FACTOR = 2

            def grow(self):
                return self.FACTOR

        class Shape(Base):
            kinds: list = []

            def __init__(self, size):
                self.size = size
                self._lock = __import__("threading").Lock()

            @property
            def area(self):
                return self.size ** 2

            @staticmethod
            def unit():
                return 1

            @functools.cached_property
            def slow(self):
                return self.area * 100

            def __private(self):
                return 5

            def secret(self):
                return self.__private()

        class Color(enum.Enum):
            RED = 1

            def shown(self):
                return self.name.upper()

        @dataclasses.dataclass
        class Point:
            x: int = 0
            tags: list = dataclasses.field(default_factory=list)
        """,
    "pack/mod.py": """
        from __future__ import annotations

        import functools

        import pack.utils
        from pack import shapes, utils
        from pack.deep import below as under
        from pack.utils import clean as scrub

        def timed(times):
            def around(function):
                @functools.wraps(function)
                def wrapper(*args):
                    return [function(*args) for _ in range(times)]
                return wrapper
            return around

        def by_name(x): return scrub(x)
        def by_module(x): return utils.clean(x)
        def by_path(x): return pack.utils.clean(x)
        def by_alias(x):
            here = utils
            return here.clean(x)
        def by_import(x):
            from .deep import late
            import pack.deep as deeper
            return late(x) + deeper.below(x)
        def by_constant(x): return pack.utils.LIMIT + pack.VERSION
        def by_class(x): return shapes.Shape(x).area
        def by_annotation(x: shapes.Point) -> "shapes.Color": return x
        def by_nested(x):
            def inner(y):
                return [under(z) for z in y]
            return inner(x)

        TABLE = {"a": scrub, "b": lambda x: under(x)}
        def by_table(x): return TABLE["a"](x)

        half = functools.partial(scrub, 1)
        def by_partial(): return half()

        @functools.lru_cache(maxsize=2)
        def memo(x): return under(x)
        def by_cache(x): return memo(x)

        @timed(3)
        def by_wrapper(x): return under(x)
        def by_wrapped(x): return by_wrapper(x)

        @functools.singledispatch
        def sized(x): return 1
        @sized.register
        def _(x: int): return under(x)
        def by_dispatch(x): return sized(x)

        shape = shapes.Shape(3)
        by_method = shape.secret
        def by_object(x): return shape.size

        class Scaler:
            def __init__(self, k): self.k = k
            def __call__(self, x): return under(x) * self.k
        by_callable = Scaler(2)

        async def by_async(x): return under(x)
        def by_generator(x): yield under(x)
        by_lambda = lambda x: under(x)
        pair = (lambda x: x + 1, lambda x: under(x))
        def by_pair(x): return pair[1](x)

        def maker(scale, fn):
            def made(x): return fn(x) * scale
            return made
        by_closure = maker(2, under)

        def by_missing(x): return not_there(x)
        def by_default(x, fn=under): return fn(x)
    """,
}


def edited(name: str, before: str, after: str) -> dict[str, str]:
    assert before in PACKAGE[name]
    return {**PACKAGE, name: PACKAGE[name].replace(before, after)}


UNDER = ("pack/deep.py", "return x - 1", "return x - 2", "helper pack.deep:below changed")
CLEAN = ("pack/utils.py", "return rough(x)", "return rough(-x)", "helper pack.utils:clean changed")


@pytest.mark.parametrize(
    ("target", "name", "before", "after", "phrase"),
    [
        ("by_name", *CLEAN),
        ("by_name", *UNDER),  # through a mutual recursion
        ("by_module", *CLEAN),
        ("by_path", *CLEAN),
        ("by_alias", *CLEAN),
        ("by_import", *UNDER),
        ("by_import", "pack/deep.py", "x * 2", "x * 3", "helper pack.deep:late changed"),
        ("by_constant", "pack/utils.py", "= 4", "= 5", "constant pack.utils:LIMIT: 4 -> 5"),
        ("by_constant", "pack/__init__.py", "= 1", "= 2", "constant pack:VERSION: 1 -> 2"),
        ("by_class", "pack/shapes.py", "** 2", "** 3", "helper pack.shapes:Shape.area changed"),
        (
            "by_class",
            "pack/shapes.py",
            "return 1",
            "return 2",
            "helper pack.shapes:Shape.unit changed",
        ),
        ("by_class", "pack/shapes.py", "* 100", "* 10", "helper pack.shapes:Shape.slow changed"),
        (
            "by_class",
            "pack/shapes.py",
            "return 5",
            "return 6",
            "helper pack.shapes:Shape.__private changed",
        ),
        (
            "by_class",
            "pack/shapes.py",
            "self.FACTOR",
            "-self.FACTOR",
            "helper pack.shapes:Base.grow changed",
        ),
        (
            "by_class",
            "pack/shapes.py",
            "FACTOR = 2",
            "FACTOR = 3",
            "constant pack.shapes:Base.FACTOR: 2 -> 3",
        ),
        (
            "by_annotation",
            "pack/shapes.py",
            "upper()",
            "lower()",
            "helper pack.shapes:Color.shown changed",
        ),
        (
            "by_annotation",
            "pack/shapes.py",
            "RED = 1",
            "RED = 2",
            "helper pack.shapes:Color changed",
        ),
        (
            "by_annotation",
            "pack/shapes.py",
            "x: int = 0",
            "y: int = 0",
            "helper pack.shapes:Point changed",
        ),
        ("by_annotation", "pack/shapes.py", "=list)", "=dict)", "helper pack.shapes:Point changed"),
        ("by_nested", *UNDER),
        ("by_table", *CLEAN),
        ("by_table", *UNDER),
        ("by_partial", *CLEAN),
        ("by_partial", "pack/mod.py", "scrub, 1", "scrub, 2", None),
        ("by_cache", *UNDER),
        ("by_wrapper", *UNDER),
        ("by_wrapper", "pack/mod.py", "timed(3)", "timed(4)", None),
        ("by_wrapper", "pack/mod.py", "range(times)", "range(times + 1)", None),
        ("by_wrapped", *UNDER),
        ("by_wrapped", "pack/mod.py", "timed(3)", "timed(4)", None),
        ("by_dispatch", *UNDER),
        (
            "by_method",
            "pack/shapes.py",
            "return 5",
            "return 6",
            "helper pack.shapes:Shape.__private changed",
        ),
        ("by_method", "pack/mod.py", "Shape(3)", "Shape(4)", None),
        ("by_object", "pack/mod.py", "Shape(3)", "Shape(4)", None),
        ("by_callable", *UNDER),
        ("by_callable", "pack/mod.py", "Scaler(2)", "Scaler(3)", None),
        ("by_async", *UNDER),
        ("by_generator", *UNDER),
        ("by_lambda", *UNDER),
        ("by_lambda", "pack/mod.py", "by_lambda = lambda x: ", "by_lambda = lambda x: -", None),
        ("by_pair", *UNDER),
        ("by_pair", "pack/mod.py", "x + 1", "x + 2", None),
        ("by_closure", *UNDER),
        ("by_closure", "pack/mod.py", "maker(2", "maker(3", "closure scale: 2 -> 3"),
        (
            "by_missing",
            "pack/mod.py",
            "import pack.utils\n",
            "import pack.utils\n        not_there = 1\n",
            None,
        ),
        ("by_default", *UNDER),
    ],
)
def test_what_is_reached_counts(digest_here, target, name, before, after, phrase):
    """A change of anything that a function reaches is another digest, and is named."""
    old = digest_here(PACKAGE, f"pack.mod:{target}")
    same = digest_here(PACKAGE, f"pack.mod:{target}")
    new = digest_here(edited(name, before, after), f"pack.mod:{target}")

    told = explain_difference(old, new)

    assert old == same
    assert told != ()
    assert phrase is None or phrase in told


@pytest.mark.parametrize("target", ["by_name", "by_module", "by_path", "by_class", "by_lambda"])
def test_what_is_not_reached_does_not_count(digest_here, target):
    """A change of a function that nobody calls changes no digest."""
    files = edited(
        "pack/utils.py",
        "def unused(x):\n            return x",
        "def unused(x):\n            return 1",
    )

    assert digest_here(PACKAGE, f"pack.mod:{target}") == digest_here(files, f"pack.mod:{target}")


def test_a_module_handed_around_counts_whole(digest_here):
    """What takes a whole module reaches everything in it."""
    found = digest_here(PACKAGE, "pack.mod:by_alias")

    assert {"pack.utils:unused", "pack.utils:LIMIT"} <= set(found.parts)


def test_every_process_agrees(digest):
    """Everything reachable has the same parts under another hash seed, in another folder."""
    source = {
        **PACKAGE,
        "every.py": "from pack import mod\n"
        "NAMES = {'x', 'y', ('z', 1)}\n"
        "def step(x): return [f for f in (mod, NAMES)]\n",
    }

    first, second = digest(source, "every:step"), digest(source, "every:step")

    assert first == second
    assert len(first.parts) > 40
    assert not any(
        "/" in text or "0x" in text for text in [*first.values.values(), *first.unfollowed]
    )


def test_two_ends_of_a_recursion_agree_on_the_rest(digest_here):
    """Parts of a mutual recursion are the same whichever function is asked for."""
    source = """
        def one(x): return two(x)
        def two(x): return one(x) + three(x)
        def three(x): return two(x)
        def first(x): return one(x)
        def last(x): return three(x) or one(x)
    """
    first, last = digest_here(source, "mod:first"), digest_here(source, "mod:last")

    names = {"mod:one", "mod:two", "mod:three"}
    assert {n: first.parts[n] for n in names} == {n: last.parts[n] for n in names}


def test_exchanged_names_count(digest_here):
    """Two helpers imported under each other's name are another digest."""
    source = "from pack.deep import below as a, late as b\ndef step(x): return a(x) - b(x)"
    swapped = "from pack.deep import below as b, late as a\ndef step(x): return a(x) - b(x)"

    one = digest_here({**PACKAGE, "mod.py": source})
    two = digest_here({**PACKAGE, "mod.py": swapped})

    assert one.digest != two.digest


def test_a_step_reached_by_another_counts(digest_here):
    """A step that calls a step reaches its function; the options still do not count."""
    source = """
        import artifact_plugins as ap

        @ap.step(retries=1)
        def inner(x: int) -> int:
            return x + 1

        fixed = inner.partial(x=3)

        def step(x):
            return inner(x) + fixed()
    """
    plain = digest_here(source)

    assert plain == digest_here(source.replace("retries=1", "retries=2"))
    assert explain_difference(plain, digest_here(source.replace("x + 1", "x + 2"))) == (
        "helper mod:inner changed",
    )
    assert plain.digest != digest_here(source.replace("x=3", "x=4")).digest


def test_a_method_reaches_its_class(digest_here):
    """A step on a method reaches the other methods of its class."""
    source = """
        class Model:
            def fit(self, x):
                return self.other(x)

            def other(self, x):
                return x
    """
    one = digest_here(source, "mod:Model.fit")
    two = digest_here(source.replace("return x", "return -x"), "mod:Model.fit")

    assert explain_difference(one, two) == ("helper mod:Model.other changed",)
