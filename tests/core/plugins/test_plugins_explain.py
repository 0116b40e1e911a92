import dataclasses
import sys
import types

import pytest

from artifact_plugins.errors import (
    AmbiguousMaterializerError,
    NoMaterializerError,
    PayloadClassNotFoundError,
    PluginError,
)
from artifact_plugins.plugins import Resolver

HERE = __name__


class Order:
    pass


@dataclasses.dataclass
class Point:
    x: int = 0


def test_the_walk_is_told_step_by_step(offer, monkeypatch):
    """The text has a line per step, marks the one that decided and ends with the result."""
    shop = types.ModuleType("shop")
    shop.Order = type("Order", (), {"__module__": "shop"})
    shop.Express = type("Express", (shop.Order,), {"__module__": "shop"})
    monkeypatch.setitem(sys.modules, "shop", shop)
    resolver = Resolver(
        [
            (offer("order", "shop:Order"), "shop-plugin"),
            (offer("any", "builtins:object", format="any/1", keeps_subclasses=True), "last"),
        ]
    )

    text = resolver.explain("shop.Express").text()

    assert text == (
        "shop:Express\n"
        "  1  output      shop:Express     an Output(materializer=...) or Output(task=...) would win\n"
        "  2  settings    shop:Express     no entry in Settings.materializers\n"
        "  3  class       shop:Express     no offer\n"
        "  4  base        shop:Order       "
        "'order' of plugin 'shop-plugin' does not keep subclasses\n"
        "* 5  any object  builtins:object  'any' of plugin 'last' is taken\n"
        "=> 'any' of plugin 'last', format any/1"
    )


def test_an_entry_of_another_name_is_shown():
    """A misspelt entry of the settings is told where the right one would have been taken."""
    resolver = Resolver([], overrides={f"{HERE}:Ordr": "order", "shop:Parcel": "order"})

    text = resolver.explain(Order).text()

    assert f"no entry in Settings.materializers, which has '{HERE}:Ordr'" in text


def test_a_wrong_name_says_how_one_of_yours_is_named(offer):
    """What is no key and like none is meant as a class."""
    resolver = Resolver([(offer("order", f"{HERE}:Order"), "shop-plugin")])

    with pytest.raises(NoMaterializerError, match="as 'module:Class'"):
        resolver.for_value(Order(), wanted="MoleculeMaterializer")
    with pytest.raises(PluginError, match=f"correct '{HERE}:Molecul' where it is named"):
        _ = resolver.for_value(Order(), wanted=f"{HERE}:Molecul").materializer_class


def test_an_explanation_is_data(offer):
    """Each step says what was considered; the choice is the one that saving takes."""
    resolver = Resolver([offer("doc", kinds=("dataclass",)), offer("x", f"{HERE}:Order")])

    explanation = resolver.explain(Point)

    last = explanation.steps[-1]
    assert (last.rule, last.subject, last.considered, last.is_taken) == (
        "kind",
        "dataclass",
        ("doc",),
        True,
    )
    assert explanation.choice is resolver.for_type(Point)
    assert explanation.error is None


def test_a_setting_is_a_step(offer):
    """An override is seen at its place, and the walk ends there."""
    resolver = Resolver([offer("a", f"{HERE}:Order"), offer("b")], overrides={f"{HERE}:Order": "b"})

    steps = resolver.explain(Order).steps

    assert [(step.rule, step.considered) for step in steps] == [
        ("output", ()),
        ("settings", ("b",)),
    ]


def test_a_tie_is_explained(offer):
    """A tie is the last step and the error that saving raises."""
    resolver = Resolver([offer("a", f"{HERE}:Order"), offer("b", f"{HERE}:Order")])

    explanation = resolver.explain(Order)

    assert explanation.steps[-1].outcome == "a tie: 'a', 'b'"
    assert isinstance(explanation.error, AmbiguousMaterializerError)
    assert "=> error[ambiguous-materializer]: 2 materializers claim" in explanation.text()


def test_a_wrong_setting_is_explained():
    """An override with an unknown key does not stop the explanation."""
    resolver = Resolver([], overrides={f"{HERE}:Order": "gone"})

    text = resolver.explain(Order).text()

    assert "=> error[no-materializer]: no plugin offers the materializer 'gone'" in text


@pytest.mark.parametrize("path", ["int", "builtins.int", "builtins:int"])
def test_a_type_may_be_named(offer, path):
    """People write types in several ways."""
    explanation = Resolver([offer("a", "builtins:int")]).explain(path)

    assert explanation.data_type == "builtins:int"
    assert explanation.choice.key == "a"


def test_a_type_that_does_not_exist_is_an_error():
    """A misspelt type is named; one without its module is told where that goes."""
    with pytest.raises(PayloadClassNotFoundError, match="'shop:Itn'"):
        Resolver([]).explain("shop:Itn")
    with pytest.raises(PayloadClassNotFoundError, match="write it as 'MODULE:Route'"):
        Resolver([]).explain("Route")
