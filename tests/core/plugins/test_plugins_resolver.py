"""The output's own choice wins, then the settings; where nobody chooses, the error says how to."""

import sys
import types
from pathlib import Path

import pytest
from resolved_types import Animal, Express, Order, Point, here

from artifact_plugins import Materializer, MaterializerOffer
from artifact_plugins.errors import NoMaterializerError, PluginError, SettingsError
from artifact_plugins.plugins import Resolver


class OrderMaterializer(Materializer[Order]):
    format = "order/1"
    reads = ("order/0",)

    def save(self, value: Order, directory: Path) -> None:
        (directory / "order").write_text("order")

    def load(self, directory: Path, data_type: type[Order]) -> Order:
        return data_type()


MATERIALIZER = here(OrderMaterializer)


# 1. the output's own choice


def test_the_outputs_own_key_wins(offer):
    """`wanted` names an offer, whatever the type is."""
    resolver = Resolver([offer("a", here(Order)), offer("b")], overrides={here(Order): "a"})

    choice = resolver.for_value(Order(), wanted="b")

    assert choice.key == "b"


def test_the_outputs_own_class_needs_no_plugin():
    """A class handed in is used as it is and recorded under its import path."""
    choice = Resolver([]).for_value(Order(), wanted=OrderMaterializer)

    assert choice.key == MATERIALIZER
    assert choice.materializer_class is OrderMaterializer
    assert choice.plugin is None
    assert choice.offer is None


def test_the_outputs_own_path_is_imported_at_use():
    """A `module:Class` path is the class itself."""
    choice = Resolver([]).for_value(Order(), wanted=MATERIALIZER)

    assert choice.materializer_class is OrderMaterializer


def test_a_class_that_a_plugin_offers_goes_by_its_key(offer):
    """Handing in an offered class records the key, so it is found without an import."""
    resolver = Resolver([offer("shop.order", target=MATERIALIZER)])

    choice = resolver.for_value(Order(), wanted=OrderMaterializer)

    assert choice.key == "shop.order"


def test_a_class_defined_again_replaces_the_first():
    """Two classes of one name (a notebook cell run twice) are not mixed up."""

    def cell():
        class Again(OrderMaterializer):
            pass

        return Again

    first, second = cell(), cell()
    resolver = Resolver([])

    choices = [resolver.for_value(Order(), wanted=cls) for cls in (first, second, first)]

    assert [choice.materializer_class for choice in choices] == [first, second, first]
    assert choices[0] != choices[1]


def test_a_wanted_key_that_nobody_offers_is_named(offer):
    """A misspelt key is answered with the nearest one."""
    resolver = Resolver([offer("pandas.frame")])

    with pytest.raises(NoMaterializerError) as caught:
        resolver.for_value(Order(), wanted="pandas.fram")

    assert str(caught.value) == (
        "no plugin offers the materializer 'pandas.fram', named in materializer=; "
        "the nearest is 'pandas.frame'"
    )


def test_a_wanted_class_must_be_a_materializer():
    """Handing in another class is refused by name."""
    with pytest.raises(PluginError, match="no subclass of Materializer"):
        Resolver([]).for_value(Order(), wanted=Order)


# 2. the settings


@pytest.mark.parametrize("value", ["chosen", MATERIALIZER])
def test_the_settings_win_over_offers(offer, value):
    """An override by type name beats an exact offer, as key or as class."""
    resolver = Resolver(
        [offer("exact", here(Order)), offer("chosen")], overrides={here(Order): value}
    )

    assert resolver.for_type(Order).key == value


def test_the_settings_name_exactly_one_class(offer):
    """An override of a base says nothing about its subclasses."""
    resolver = Resolver(
        [offer("exact", here(Express)), offer("chosen")], overrides={here(Order): "chosen"}
    )

    assert resolver.for_type(Express).key == "exact"


@pytest.mark.parametrize(
    "path", ["types:GeneratorType", "builtins:generator", "collections.abc:Generator"]
)
def test_the_settings_may_use_any_public_name(offer, path):
    """Every name that leads to the very class is understood, and no other."""
    resolver = Resolver([offer("stream", "types:GeneratorType"), offer("x")], overrides={path: "x"})

    key = resolver.for_value(n for n in ()).key

    assert key == ("stream" if path == "collections.abc:Generator" else "x")


def test_the_settings_must_name_a_class_path():
    """A type written with dots is refused with the right spelling."""
    with pytest.raises(SettingsError, match="write it as 'shop:Order'"):
        Resolver([], overrides={"shop.Order": "x"})


def test_a_key_in_the_settings_that_nobody_offers_is_named():
    """The error says which setting names the key."""
    resolver = Resolver([], overrides={here(Order): "shop.order"})

    with pytest.raises(NoMaterializerError, match=r"named in Settings\.materializers\['.*Order'\]"):
        resolver.for_type(Order)


def test_settings_are_not_imported_before_they_are_needed():
    """A broken import path in the settings hurts only the type it is for."""
    resolver = Resolver(
        [MaterializerOffer(key="a", target="a:B", format="a/1", types=(here(Order),))],
        overrides={here(Point): "not_there:Nothing"},
    )

    assert resolver.for_type(Order).key == "a"
    with pytest.raises(PluginError, match="No module named 'not_there'"):
        _ = resolver.for_type(Point).materializer_class


# 6. nobody


def test_nobody_is_an_error_that_says_what_to_do():
    """The error names the type and both ways to give it a materializer."""
    with pytest.raises(NoMaterializerError) as caught:
        Resolver([]).for_type(Animal)

    assert str(caught.value) == (
        f"no materializer handles {here(Animal)}; pass Output(materializer=YourMaterializer), "
        f"or name it in Settings.materializers={{'{here(Animal)}': 'module:YourMaterializer'}}"
    )
    assert isinstance(caught.value, TypeError)


def test_a_known_library_without_plugin_names_the_extra(monkeypatch):
    """A numpy value without the numpy plugin is answered with the extra to install."""
    cls = type("thing", (), {"__module__": "numpy"})

    with pytest.raises(NoMaterializerError, match=r"install artifact-plugins\[numpy\]"):
        Resolver([]).for_type(cls)


def test_a_broken_plugin_is_the_answer(installer):
    """When the plugin of the library is broken, the error says so and why."""
    installer.install(
        "shop-tools", "1.2", plugins={"materializers.lib": "bad"}, modules={"bad": "1 / 0"}
    )
    cls = type("Frame", (), {"__module__": "lib.core"})

    with pytest.raises(NoMaterializerError) as caught:
        Resolver(installer.load()).for_type(cls)

    assert (
        "plugin 'materializers.lib' from shop-tools==1.2 is broken: "
        "ZeroDivisionError: division by zero"
    ) in str(caught.value)


def test_a_disabled_plugin_is_the_answer(installer):
    """When the plugin of the library is switched off, the error says so."""
    cls = type("Frame", (), {"__module__": "lib.core"})
    registry = installer.load(disabled=("materializers.lib",))

    with pytest.raises(NoMaterializerError, match=r"'materializers\.lib' is switched off"):
        Resolver(registry).for_type(cls)


def test_a_failure_is_not_remembered(offer, monkeypatch):
    """A type is found once the public module of its library has been imported."""
    cls = type("Order", (), {"__module__": "shop_d.core"})
    resolver = Resolver([offer("a", "shop_d.api:Order")])
    with pytest.raises(NoMaterializerError):
        resolver.for_type(cls)
    module = types.ModuleType("shop_d.api")
    module.Order = cls

    monkeypatch.setitem(sys.modules, "shop_d.api", module)

    assert resolver.for_type(cls).key == "a"


def test_key_that_the_settings_switch_off_is_not_chosen_for_a_type(offer):
    """The walk says so, the error says which setting would; by its key it is still found."""
    last = offer("pickle.object", "builtins:object", format="pickle/1", keeps_subclasses=True)
    resolver = Resolver([last], not_saved_with=("pickle.object",))

    with pytest.raises(NoMaterializerError, match=r"Settings\.allow_pickle=True"):
        resolver.for_type(Order)
    assert "is switched off by Settings.allow_pickle" in resolver.explain(Order).text()
    assert resolver.by_key("pickle.object").key == "pickle.object"
    assert resolver.reader_for(Order, stored_format="pickle/1").key == "pickle.object"
    assert Resolver([last]).for_type(Order).key == "pickle.object"


def test_what_takes_any_object_does_not_come_near_a_format(offer):
    """The error about a missing reader does not name it."""
    last = offer("pickle.object", "builtins:object", format="pickle/1", keeps_subclasses=True)

    with pytest.raises(NoMaterializerError) as caught:
        Resolver([last]).reader_for(Order, stored_format="order/1")

    assert "pickle" not in str(caught.value)
