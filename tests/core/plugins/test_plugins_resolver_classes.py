"""Among offers the nearest class wins, then the kind, then any object; a tie is refused."""

import enum
import gc
import itertools
import subprocess
import sys
import textwrap
import types
import weakref

import pytest
from resolved_types import Animal, Colour, Duck, Express, Fragile, Order, Point, Whole, here

from artifact_plugins import MaterializerOffer
from artifact_plugins.errors import (
    AmbiguousMaterializerError,
    NoMaterializerError,
    PluginConflictError,
)
from artifact_plugins.plugins import Resolver

# 3. the classes of the MRO


def test_an_exact_offer_is_taken(offer):
    """The offer that names the class handles it."""
    resolver = Resolver([offer("a", here(Order)), offer("b", here(Animal))])

    assert resolver.for_value(Order()).key == "a"


def test_the_nearest_class_wins(offer):
    """Between two bases the one nearer in the MRO decides."""
    resolver = Resolver(
        [
            offer("far", here(Order), keeps_subclasses=True),
            offer("near", here(Express), keeps_subclasses=True),
        ]
    )

    assert resolver.for_type(Fragile).key == "near"


def test_the_order_of_bases_decides(offer):
    """With two bases the MRO of the class decides, as for its methods."""
    resolver = Resolver(
        [
            offer("order", here(Order), keeps_subclasses=True),
            offer("animal", here(Animal), keeps_subclasses=True),
        ]
    )

    assert resolver.for_type(Duck).key == "animal"


def test_a_nearer_base_that_is_not_kept_is_passed_by(offer):
    """A base whose materializer drops subclasses does not hide one that keeps them."""
    resolver = Resolver(
        [offer("plain", here(Express)), offer("keeper", here(Order), keeps_subclasses=True)]
    )

    assert resolver.for_type(Fragile).key == "keeper"


def test_a_subclass_is_refused_when_it_would_come_back_as_its_base(offer):
    """H23: a subclass of a supported type is not silently made a plain one."""
    resolver = Resolver([offer("shop.order", here(Order))])

    with pytest.raises(NoMaterializerError) as caught:
        resolver.for_type(Express)

    assert (
        f"no materializer handles {here(Express)}: it is a subclass of {here(Order)}, and "
        f"'shop.order' would load it back as a plain {here(Order)}"
    ) in str(caught.value)
    assert resolver.for_type(Order).key == "shop.order"


@pytest.mark.parametrize("value", [Whole(3), type("Text", (str,), {})("a")])
def test_a_subclass_of_a_builtin_is_refused(offer, value):
    """`class Whole(int)` is no int for a materializer that does not keep it."""
    resolver = Resolver([offer("python.document", "builtins:int", "builtins:str")])

    with pytest.raises(NoMaterializerError, match=r"subclass of builtins:(int|str)"):
        resolver.for_value(value)


def test_the_standard_library_is_one_library(offer):
    """`types:GeneratorType` is found although it calls itself builtins.generator."""
    resolver = Resolver([offer("stream", "types:GeneratorType"), offer("re", "re:Pattern")])

    assert resolver.for_value(n for n in ()).key == "stream"


def test_any_public_name_of_a_class_will_do(offer, monkeypatch):
    """A class is recognised by identity, so a re-export under another name is fine."""
    shop, core = types.ModuleType("shop_a"), types.ModuleType("shop_a.core")
    core.Order = shop.PublicOrder = type("Order", (), {"__module__": "shop_a.core"})
    monkeypatch.setitem(sys.modules, "shop_a", shop)
    monkeypatch.setitem(sys.modules, "shop_a.core", core)

    resolver = Resolver([offer("a", "shop_a:PublicOrder")])

    assert resolver.for_type(core.Order).key == "a"


def test_a_namesake_is_not_the_class(offer, monkeypatch):
    """A class that only calls itself like a supported one is not taken."""
    shop = types.ModuleType("shop_b")
    shop.Order = type("Order", (), {"__module__": "shop_b"})
    monkeypatch.setitem(sys.modules, "shop_b", shop)
    impostor = type("Order", (), {"__module__": "shop_b"})
    resolver = Resolver([offer("a", "shop_b:Order")])

    assert resolver.for_type(shop.Order).key == "a"
    with pytest.raises(NoMaterializerError):
        resolver.for_type(impostor)


def test_a_lazily_exported_name_is_found(offer, monkeypatch):
    """A package that exports names at first use is asked for the class's own name only."""
    asked = []
    shop = types.ModuleType("shop_c")
    cls = type("Order", (), {"__module__": "shop_c.core"})

    def lazy(name):
        asked.append(name)
        return cls if name == "Order" else pytest.fail("loaded something else")

    shop.__getattr__ = lazy
    monkeypatch.setitem(sys.modules, "shop_c", shop)
    resolver = Resolver([offer("a", "shop_c:Order"), offer("b", "shop_c:Heavy")])

    assert resolver.for_type(cls).key == "a"
    assert asked == ["Order"]


def test_looking_imports_nothing(offer):
    """An offer for a library that is not loaded stays unloaded."""
    resolver = Resolver(
        [offer("x", "wave:Wave_read", "not_installed:Thing"), offer("i", "builtins:int")]
    )
    before = set(sys.modules)

    resolver.for_type(int)

    assert set(sys.modules) == before


def test_an_unhashable_class_is_resolved_each_time(offer):
    """A metaclass without a hash costs the cache, not the answer."""

    class Meta(type):
        __hash__ = None

    cls = Meta("Odd", (Order,), {})
    resolver = Resolver([offer("a", here(Order), keeps_subclasses=True)])

    assert resolver.for_type(cls).key == "a"
    assert resolver.for_type(cls).key == "a"


def test_something_that_is_no_class_is_refused(offer):
    """A generic alias in place of a class is a named error."""
    with pytest.raises(NoMaterializerError, match=r"list\[int\] is no class"):
        Resolver([offer("a", "builtins:list")]).for_type(list[int])


# 4. kinds, and 5. any object


def test_a_kind_is_asked_after_the_classes(offer):
    """A dataclass of nobody's goes to the offer for dataclasses."""
    resolver = Resolver([offer("doc", kinds=("dataclass", "enum"))])

    assert resolver.for_value(Point()).key == "doc"


def test_an_exact_offer_beats_the_kind(offer):
    """Who names the class wins over who takes all of its kind."""
    resolver = Resolver([offer("doc", kinds=("dataclass",)), offer("point", here(Point))])

    assert resolver.for_value(Point()).key == "point"


def test_a_str_enum_reaches_its_kind(offer):
    """An enum of strings is no string for a materializer of plain strings."""
    resolver = Resolver([offer("text", "builtins:str"), offer("doc", kinds=("enum",))])

    assert resolver.for_value(Colour.RED).key == "doc"


def test_only_the_first_kind_counts(offer):
    """An enum is never saved as the dataclass that is mixed into it."""

    class Mixed(Point, enum.Enum):
        A = 1

    resolver = Resolver([offer("doc", kinds=("dataclass",))])

    with pytest.raises(NoMaterializerError, match="kind 'enum', which no plugin offers"):
        resolver.for_type(Mixed)


def test_an_offer_for_object_comes_last(offer):
    """A materializer of anything does not hide the kinds."""
    resolver = Resolver(
        [
            offer("any", "builtins:object", keeps_subclasses=True),
            offer("doc", kinds=("dataclass",)),
            offer("order", here(Order)),
        ]
    )

    assert resolver.for_type(Point).key == "doc"
    assert resolver.for_type(Order).key == "order"
    assert resolver.for_type(Animal).key == "any"


# ties, order, unions, memory


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (Order, {"types": (here(Order),)}),
        (Express, {"types": (here(Order),), "keeps_subclasses": True}),
        (Point, {"kinds": ("dataclass",)}),
    ],
)
def test_a_tie_is_refused(cls, fields):
    """Two claims at one place name both keys and plugins, and the setting that decides."""
    offers = [
        (MaterializerOffer(key=key, target="m:C", format="x/1", **fields), f"plugin-{key}")
        for key in "ab"
    ]

    with pytest.raises(AmbiguousMaterializerError) as caught:
        Resolver(offers).for_type(cls)

    assert "'a' of plugin 'plugin-a', 'b' of plugin 'plugin-b'" in str(caught.value)
    assert f"Settings.materializers={{'{here(cls)}': 'a'}}" in str(caught.value)
    assert Resolver(offers, overrides={here(cls): "b"}).for_type(cls).key == "b"


def test_a_tie_with_a_stranger_names_his_distribution(installer):
    """E23: an unknown distribution cannot take over a type; the error says who it is."""
    source = """
    @hookimpl
    def register_materializers():
        return [MaterializerOffer(key={key!r}, target="m:C", format="x/1", types=({path!r},))]
    """
    for owner, version, key in [("trusted", "1.0", "ours"), ("evil", "6.6", "theirs")]:
        module = f"{owner}_mod"
        installer.install(
            owner,
            version,
            plugins={owner: module},
            modules={module: source.format(key=key, path=here(Order))},
        )

    with pytest.raises(AmbiguousMaterializerError) as caught:
        Resolver(installer.load()).for_type(Order)

    assert "'theirs' of plugin 'evil' (evil==6.6)" in str(caught.value)


def test_two_offers_with_one_key_are_refused(offer):
    """A key means one materializer."""
    with pytest.raises(PluginConflictError, match="key 'a'"):
        Resolver([offer("a"), offer("a")])


def test_the_order_of_plugins_changes_nothing(offer):
    """Every order of the same offers gives the same choices and the same errors."""
    offers = [
        offer("a", here(Order), keeps_subclasses=True),
        offer("b", here(Express), keeps_subclasses=True),
        offer("c", here(Animal), kinds=("enum",), keeps_subclasses=True),
        offer("d", here(Animal), kinds=("dataclass",), keeps_subclasses=True),
        offer("e", "builtins:object", keeps_subclasses=True),
    ]

    outcomes = {
        tuple(
            Resolver(order).explain(cls).text()
            for cls in (Order, Express, Fragile, Animal, Duck, Point, Colour, Whole)
        )
        for order in itertools.permutations(offers)
    }

    assert len(outcomes) == 1


def test_the_order_of_imports_changes_nothing(tmp_path):
    """Whatever library is imported first, each value finds the same materializer."""
    for name in ("lib_a", "lib_b", "lib_c"):
        (tmp_path / f"{name}.py").write_text("class Base: pass\nclass Thing(Base): pass\n")
    script = textwrap.dedent("""
        import sys, importlib
        from artifact_plugins import MaterializerOffer
        from artifact_plugins.plugins import Resolver
        names = sys.argv[1:]
        offers = [MaterializerOffer(key=key, target="m:C", format="x/1", types=types,
                                    keeps_subclasses=True)
                  for key, types in {"a": ("lib_a:Thing", "lib_b:Base"),
                                     "b": ("lib_b:Thing", "lib_a:Base"),
                                     "c": ("lib_c:Base",)}.items()]
        resolver = Resolver(offers)
        found = {}
        for name in names:
            module = importlib.import_module(name)
            found[name] = resolver.for_value(module.Thing()).key, resolver.for_type(module.Base).key
        print(sorted(found.items()))
    """)

    printed = {
        subprocess.run(
            [sys.executable, "-c", script, *order],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        ).stdout
        for order in [("lib_a", "lib_b", "lib_c"), ("lib_c", "lib_b", "lib_a")]
    }

    assert printed == {"[('lib_a', ('a', 'b')), ('lib_b', ('b', 'a')), ('lib_c', ('c', 'c'))]\n"}


def test_each_member_of_a_union_is_chosen_by_its_own_type(offer):
    """For `int | Order | None` the value alone decides; nothing is tried in turn."""
    resolver = Resolver(
        [offer("doc", "builtins:int", "types:NoneType"), offer("order", here(Order))]
    )

    keys = [resolver.for_value(value).key for value in (3, Order(), None)]

    assert keys == ["doc", "order", "doc"]


def test_a_choice_is_made_once_per_type(offer):
    """The second look at a type returns the very same choice."""
    resolver = Resolver([offer("a", here(Order))])

    assert resolver.for_value(Order()) is resolver.for_value(Order())


def test_resolved_classes_can_be_collected(offer):
    """Remembering a choice does not keep a class of a function or notebook alive."""
    resolver = Resolver([offer("a", here(Order), keeps_subclasses=True)])
    cls = type("Temporary", (Order,), {})
    alive = weakref.ref(cls)
    resolver.for_type(cls)

    del cls
    gc.collect()

    assert alive() is None
