"""Plugins offer runtimes by URL scheme: loaded, checked, never claimed twice, chosen by setting."""

from __future__ import annotations

import sys

import pytest

import artifact_plugins as ap
from artifact_plugins.errors import PluginConflictError, PluginError, SettingsError
from artifact_plugins.runtimes import make_runtime

RUNTIME = """
from concurrent.futures import Future

class Runtime:
    name = "far"
    workers = 1
    is_local = True

    def __init__(self, setting):
        self.setting = setting
        self.calls = 0

    def submit(self, function, /, *args):
        self.calls += 1
        future = Future()
        future.set_result(function(*args))
        return future

    def close(self):
        self.is_closed = True
"""


def plugin(*offers: str) -> str:
    """Source of a plugin that offers runtimes written as `scheme target`."""
    listed = ", ".join(
        f"RuntimeOffer(scheme={scheme!r}, target={target!r})"
        for scheme, target in (offer.split(" ") for offer in offers)
    )
    return f"@hookimpl\ndef register_runtimes(): return [{listed}]"


def test_runtimes_of_plugins_are_known_by_scheme(installer):
    """Each plugin may offer several; nothing that an offer names is imported."""
    installer.install(
        "shop",
        plugins={"far": "far_mod", "near": "near_mod"},
        modules={
            "far_mod": plugin("far far_runtime:Runtime", "far+tls far_runtime:Runtime"),
            "near_mod": plugin("near nowhere:Runtime"),
        },
    )

    registry = installer.load()

    assert {scheme: offer.target for scheme, offer in registry.runtimes.items()} == {
        "far": "far_runtime:Runtime",
        "far+tls": "far_runtime:Runtime",
        "near": "nowhere:Runtime",
    }
    assert [[o.scheme for o in p.runtimes] for p in registry.plugins] == [
        ["far", "far+tls"],
        ["near"],
    ]
    assert not {"far_runtime", "nowhere"} & set(sys.modules)


def test_a_plugin_may_offer_materializers_and_runtimes(installer):
    """Both kinds of offers of one plugin count."""
    source = (
        plugin("far far_runtime:Runtime")
        + "\n\n@hookimpl\ndef register_materializers():\n"
        + "    return [MaterializerOffer(key='k', target='a:B', format='x/1')]"
    )
    installer.install("shop", plugins={"both": "both_mod"}, modules={"both_mod": source})

    registry = installer.load()

    assert list(registry.runtimes) == ["far"]
    assert [offer.key for offer, _ in registry.offers] == ["k"]


def test_second_claim_on_a_scheme_is_refused(installer):
    """Two plugins with one runtime scheme stop the load and are both named."""
    installer.install(
        "shop",
        plugins={"first": "one", "second": "two"},
        modules={"one": plugin("far a:B"), "two": plugin("far c:D")},
    )

    with pytest.raises(PluginConflictError) as caught:
        installer.load()

    assert str(caught.value) == (
        "plugins 'first' and 'second' both offer the runtime scheme 'far'; "
        "uninstall one or name it in Settings.disabled_plugins"
    )
    assert caught.value.plugins == ("first", "second")
    assert installer.load(disabled=("second",)).runtimes["far"].target == "a:B"


def test_a_scheme_offered_twice_by_one_plugin_is_refused(installer):
    """The plugin is named once."""
    installer.install("shop", plugins={"far": "one"}, modules={"one": plugin("far a:B", "far a:B")})

    with pytest.raises(
        PluginConflictError, match="plugin 'far' offers the runtime scheme 'far' tw"
    ):
        installer.load()


BROKEN = {
    "raises": ("@hookimpl\ndef register_runtimes(): return 1 / 0", "division by zero"),
    "text": ("@hookimpl\ndef register_runtimes(): return 'far'", "answered str, not a list"),
    "strings": (
        "@hookimpl\ndef register_runtimes(): return ['far']",
        "register_runtimes answered a str; answer a list of RuntimeOffer",
    ),
    "materializer": (
        "@hookimpl\ndef register_runtimes():\n"
        "    return [MaterializerOffer(key='k', target='a:B', format='x/1')]",
        "register_runtimes answered a MaterializerOffer",
    ),
    "no scheme": (
        "@hookimpl\ndef register_runtimes(): return [RuntimeOffer(scheme='', target='a:B')]",
        "an offer has scheme=''",
    ),
    "no text": (
        "@hookimpl\ndef register_runtimes(): return [RuntimeOffer(scheme='far', target=len)]",
        "target is a text",
    ),
    "url": (plugin("far:// a:B"), "the scheme 'far://'; write it as in 'dask'"),
    "capital": (plugin("Far a:B"), "the scheme 'Far'"),
    "ours": (plugin("threads a:B"), "inline, threads and processes are ours"),
    "dotted": (plugin("far a.B"), "offer 'far' names 'a.B'; write it as 'module:Class'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_offer_is_named_and_the_others_work(installer, case):
    """A plugin that answers nonsense keeps its reason; the next one's runtimes are there."""
    source, reason = BROKEN[case]
    installer.install(
        "shop",
        plugins={"bad": "bad_mod", "good": "good_mod"},
        modules={"bad_mod": source, "good_mod": plugin("near a:B")},
    )

    registry = installer.load()

    bad, good = registry.plugins
    assert reason in bad.error
    assert not bad.runtimes
    assert good.is_working
    assert list(registry.runtimes) == ["near"]


def test_no_answer_is_no_runtime(installer):
    """A plugin may answer None."""
    source = "@hookimpl\ndef register_runtimes(): return None"
    installer.install("shop", plugins={"far": "far_mod"}, modules={"far_mod": source})

    registry = installer.load()

    assert registry.runtimes == {}
    assert registry.plugins[0].is_working


def test_the_setting_chooses_a_runtime_by_its_scheme(installer):
    """The target gets the whole setting; an unknown scheme is named with those there are."""
    installer.write({"far_runtime": RUNTIME})
    installer.install(
        "shop", plugins={"far": "far_mod"}, modules={"far_mod": plugin("far far_runtime:Runtime")}
    )
    runtimes = installer.load().runtimes

    assert make_runtime("far://host:1/x?y=2", runtimes).setting == "far://host:1/x?y=2"
    for wrong in ("near://host", "far", "far:8"):
        with pytest.raises(SettingsError, match=r"'far://\.\.\.'"):
            make_runtime(wrong, runtimes)


def test_a_runtime_that_cannot_be_imported_is_named(installer):
    """The error says where it should have been."""
    installer.install(
        "shop", plugins={"far": "far_mod"}, modules={"far_mod": plugin("far not_there_at_all:R")}
    )

    with pytest.raises(PluginError, match="not_there_at_all"):
        make_runtime("far://host", installer.load().runtimes)


def test_steps_run_on_a_runtime_of_a_plugin(installer, tmp_path):
    """`Settings.runtime` with the scheme of a plugin runs the steps there, and it is closed."""
    installer.write({"far_runtime": RUNTIME, "far_mod": plugin("far far_runtime:Runtime")})
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url="sqlite://",
        plugins=("far_mod",),
        runtime="far://host",
    )

    with ap.open_session(settings) as session:
        with ap.start_run("far"):
            assert ap.value(double(double(2))) == 8
        runtime = session.runtime

    assert runtime.calls == 2
    assert runtime.is_closed


@ap.step
def double(x: int) -> int:
    return 2 * x
