import importlib.metadata
import sys

import pytest

from artifact_plugins.errors import PluginConflictError, PluginError

OFFER = "MaterializerOffer(key={key!r}, target='nowhere:M', format='x/1', types=('shop:Order',))"


def plugin(key):
    """Source of a plugin with one offer."""
    return f"""
    @hookimpl
    def register_materializers():
        return [{OFFER.format(key=key)}]
    """


def test_installed_plugins_are_loaded_in_order_of_their_names(installer):
    """Plugins are loaded by name, with the distribution and version that brought them."""
    installer.install(
        "shop-b", "2.0", plugins={"zeta": "zeta_mod"}, modules={"zeta_mod": plugin("z")}
    )
    installer.install(
        "shop-a", "1.5", plugins={"alpha": "alpha_mod"}, modules={"alpha_mod": plugin("a")}
    )

    registry = installer.load()

    assert [p.name for p in registry.plugins] == ["alpha", "zeta"]
    assert [p.source for p in registry.plugins] == ["shop-a==1.5", "shop-b==2.0"]
    assert [(o.key, name) for o, name in registry.offers] == [("a", "alpha"), ("z", "zeta")]
    assert all(p.is_working and p.origin == "entry point" for p in registry.plugins)


def test_second_claim_on_a_name_is_refused(installer):
    """Two distributions with one plugin name stop the load and are both named."""
    installer.install("acme-tools", "9.9", plugins={"polars": "acme"}, modules={"acme": ""})
    installer.install("other-polars", "0.3", plugins={"polars": "other"}, modules={"other": ""})

    with pytest.raises(PluginConflictError) as caught:
        installer.load()

    assert str(caught.value) == (
        "2 installed distributions claim the plugin name 'polars': acme-tools==9.9, "
        "other-polars==0.3; uninstall one, or add 'polars' to Settings.disabled_plugins"
    )
    assert "acme" not in sys.modules


def test_switching_a_name_off_settles_its_conflict(installer):
    """A disabled name is neither imported nor compared, and everything else loads."""
    installer.install("acme-tools", plugins={"polars": "acme"}, modules={"acme": ""})
    installer.install(
        "other-polars",
        plugins={"polars": "other", "fine": "fine"},
        modules={"other": "", "fine": plugin("fine")},
    )

    registry = installer.load(disabled=("polars",))

    assert [p.name for p in registry.plugins] == ["fine"]
    assert not {"acme", "other"} & set(sys.modules)


def test_one_distribution_found_twice_is_one(installer):
    """A distribution on two places of the path (editable and wheel) is no conflict."""
    installer.install(
        "Shop_Tools", "1.0", plugins={"shop": "shop_mod"}, modules={"shop_mod": ""}, site="back"
    )
    installer.install(
        "shop-tools", "2.0", plugins={"shop": "shop_mod"}, modules={"shop_mod": ""}, site="front"
    )

    registry = installer.load()

    assert [p.source for p in registry.plugins] == ["shop-tools==2.0"]


def test_a_shadowed_distribution_offers_nothing(installer):
    """A copy further back on the path brings no plugin that the front copy gave up."""
    modules = {"shop_mod": plugin("old")}
    installer.install("shop", "1.0", plugins={"shop": "shop_mod"}, modules=modules, site="back")
    installer.install("shop", "2.0", plugins={}, site="front")

    registry = installer.load()

    assert registry.plugins == ()


def test_two_targets_for_one_name_in_one_distribution_are_refused(installer):
    """A distribution that claims a name for two modules is named with both."""
    info = installer.install("shop", plugins={"shop": "one"}, modules={"one": "", "two": ""})
    with (info / "entry_points.txt").open("a") as file:
        file.write("shop = two\n")

    with pytest.raises(PluginConflictError, match="'shop' for 'one' and 'two'"):
        installer.load()


def test_second_claim_on_an_offer_key_is_refused(installer):
    """Two plugins with one materializer key stop the load and are both named."""
    installer.install(
        "shop",
        plugins={"first": "one", "second": "two"},
        modules={"one": plugin("same.key"), "two": plugin("same.key")},
    )

    with pytest.raises(PluginConflictError, match="plugins 'first' and 'second' both offer"):
        installer.load()


BROKEN = {
    "import": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "missing": ("import not_there_at_all", "No module named 'not_there_at_all'"),
    "syntax": ("def broken(:", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "answer": (
        "@hookimpl\ndef register_materializers(): return 1 / 0",
        "ZeroDivisionError: division by zero",
    ),
    "strings": (
        "@hookimpl\ndef register_materializers(): return ['pandas.frame']",
        "register_materializers answered a str; answer a list of MaterializerOffer",
    ),
    "text": ("@hookimpl\ndef register_materializers(): return 'abc'", "answered str, not a list"),
    "arguments": (
        "@hookimpl\ndef after_run(run, colour): pass",
        "PluginValidationError",
    ),
    "unknown": (
        "@hookimpl\ndef after_step(task): pass",
        "'after_step', which is no hook; the nearest is 'after_step_run'",
    ),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef after_run(run):\n    return (yield)",
        "'after_run' as a wrapper; write a plain function",
    ),
    "types": (
        "@hookimpl\ndef register_materializers():\n"
        "    return [MaterializerOffer(key='k', target='a:B', format='x/1', types='a:B')]",
        "has types='a:B'",
    ),
    "dotted": (
        "@hookimpl\ndef register_materializers():\n"
        "    return [MaterializerOffer(key='k', target='a.B', format='x/1')]",
        "names 'a.B'; write it as 'module:Class'",
    ),
    "kind": (
        "@hookimpl\ndef register_materializers():\n"
        "    return [MaterializerOffer(key='k', target='a:B', format='x/1', kinds=('table',))]",
        "unknown kinds ['table']",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_named_and_the_others_work(installer, case):
    """A plugin that fails in any way keeps its reason; the next one is loaded as usual."""
    source, reason = BROKEN[case]
    installer.install(
        "shop",
        plugins={"bad": "bad_mod", "good": "good_mod"},
        modules={"bad_mod": source, "good_mod": plugin("good")},
    )

    registry = installer.load()

    bad, good = registry.plugins
    assert reason in bad.error
    assert not bad.is_working
    assert not bad.offers
    assert good.is_working
    assert [offer.key for offer, _ in registry.offers] == ["good"]


def test_a_broken_plugin_observes_nothing(installer):
    """A plugin that fails when asked for its offers gets no other hook either."""
    source = """
    calls = []

    @hookimpl
    def register_materializers():
        raise ValueError("half alive")

    @hookimpl
    def after_run(run):
        calls.append(run)
    """
    installer.install("shop", plugins={"bad": "bad_mod"}, modules={"bad_mod": source})

    registry = installer.load()
    registry.call("after_run", run="run")

    assert not registry.listens("after_run")
    assert sys.modules["bad_mod"].calls == []


def test_unreadable_entry_points_are_a_broken_plugin(installer):
    """A distribution whose entry_points.txt has no "=" is named instead of stopping the rest."""
    info = installer.install("shop-tools", plugins={})
    (info / "entry_points.txt").write_text("[artifact_plugins]\nnonsense\n")
    installer.install("good", plugins={"good": "good_mod"}, modules={"good_mod": ""})

    registry = installer.load()

    broken = [p for p in registry.plugins if p.error]
    assert [p.distribution for p in broken] == ["shop-tools"]
    assert "good" in {p.name for p in registry.plugins if p.is_working}


def test_a_distribution_without_metadata_is_still_listed(installer):
    """A damaged installation loads under an unknown name and version."""
    info = installer.install("shop", plugins={"shop": "shop_mod"}, modules={"shop_mod": ""})
    (info / "METADATA").unlink()

    registry = installer.load()

    assert [(p.name, p.source) for p in registry.plugins] == [("shop", "unknown==unknown")]


def test_a_strangers_damaged_distribution_is_passed_by(installer):
    """Undecodable entry points of a distribution that is not ours change nothing."""
    info = installer.install("stranger", plugins={})
    (info / "entry_points.txt").write_bytes(b"\xff\xfe[console_scripts]")
    installer.install("good", plugins={"good": "good_mod"}, modules={"good_mod": ""})

    registry = installer.load()

    assert [p.name for p in registry.plugins] == ["good"]


def test_modules_of_the_settings_come_after_the_installed_ones(installer):
    """A module named in the settings is a plugin of its own, loaded last."""
    installer.install("shop", plugins={"zeta": "zeta_mod"}, modules={"zeta_mod": plugin("z")})
    installer.write({"my_plugins": plugin("mine")})

    registry = installer.load(modules=("my_plugins",))

    last = registry.plugins[-1]
    assert (last.name, last.origin, last.source) == (
        "my_plugins",
        "settings",
        "Settings.plugins",
    )
    assert [offer.key for offer in last.offers] == ["mine"]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_module_of_the_settings_is_an_error(installer, case):
    """What was asked for by name fails the load, with module and reason."""
    source, reason = BROKEN[case]
    installer.write({"my_plugins": source})

    with pytest.raises(PluginError, match="plugin module 'my_plugins' cannot be used") as caught:
        installer.load(modules=("my_plugins",))

    assert reason in str(caught.value)


def test_a_missing_module_of_the_settings_is_an_error(installer):
    """A misspelt module is named."""
    with pytest.raises(PluginError, match="No module named 'my_plugin_s'"):
        installer.load(modules=("my_plugin_s",))


def test_an_installed_module_named_in_the_settings_is_loaded_once(installer):
    """Naming an installed plugin's module again changes nothing."""
    installer.install("shop", plugins={"shop": "shop_mod"}, modules={"shop_mod": plugin("k")})

    registry = installer.load(modules=("shop_mod", "shop_mod"))

    assert [p.name for p in registry.plugins] == ["shop"]


def test_a_module_of_the_settings_cannot_take_an_installed_name(installer):
    """A settings module with the name of an installed plugin is a conflict."""
    installer.install("shop", "3.1", plugins={"my_plugins": "shop_mod"}, modules={"shop_mod": ""})
    installer.write({"my_plugins": ""})

    with pytest.raises(PluginConflictError, match=r"shop==3\.1"):
        installer.load(modules=("my_plugins",))


def test_two_names_for_one_module_are_not_two_plugins(installer):
    """The second name of a module is listed as broken and names the first."""
    installer.install(
        "shop", plugins={"one": "shop_mod", "two": "shop_mod"}, modules={"shop_mod": plugin("k")}
    )

    registry = installer.load()

    assert [p.error for p in registry.plugins] == [
        None,
        "PluginError: it is the same module as plugin 'one'",
    ]


def test_our_own_plugins_use_the_same_door():
    """The built-in plugins are entry points of the distribution, like anybody's."""
    points = importlib.metadata.entry_points(group="artifact_plugins")

    owners = {point.dist.name for point in points if point.name.startswith("materializers.")}

    assert owners == {"artifact-plugins"}
