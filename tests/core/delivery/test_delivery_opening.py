"""From the URLs of the settings to backends, and which are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from little_registry import TOKEN_VARIABLE

import artifact_plugins as ap
from artifact_plugins.contracts.offers import BackendOffer
from artifact_plugins.delivery import open_backends
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendError,
    BackendUnavailableError,
    PluginError,
    SettingsError,
)

OFFERS = {"little": BackendOffer(scheme="little", target="little_registry:LittleBackend")}


def test_names_are_schemes_while_they_are_unique():
    """One backend of a scheme is called by it, several by scheme and host, else by their URLs."""
    other = {"other": BackendOffer(scheme="other", target="little_registry:LittleBackend")}
    urls = ["little+http://a:1", "little+http://b:2/", "other+https://c", "little+http://b:2/x"]

    found = open_backends(urls, OFFERS | other)

    assert list(found) == [
        "little@a:1",
        "little+http://b:2/",
        "other",
        "little+http://b:2/x/",
    ]


def test_a_backend_keeps_its_number_in_the_ledger(tmp_path):
    """What an earlier release registered in another spelling is the same backend, with what waits for it."""
    settings = {
        "store_url": str(tmp_path / "store"),
        "ledger_url": f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        "plugins": ("little_registry",),
        "delivery": "background",
        "flush_seconds": 0.0,
    }
    with ap.open_session(ap.Settings(**settings)) as session:
        number = session.ledger.register_backend("little+http://no-such-host.invalid:80/?a=1&b=2")
        session.ledger.register_backend("an older form")

    url = "little+http://NO-such-host.invalid?b=2&a=1"
    with ap.open_session(ap.Settings(**settings, backends=(url,))) as session:
        version = session.save(1, "numbers")
        rows = session.ledger.outbox.page(number, state=None)

    assert [row.record_id for row in rows] == [version.id]
    assert len(session.ledger.registered_backends()) == 2


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        (["little+http://user:hunter2@host"], "holds credentials"),
        (["little+http://host/?password=hunter2"], "holds a credential"),
        (["little+http://host", "little+http://host/"], "named twice"),
        (["little+http://host", "little+http://HOST:80"], "named twice"),
        (["unknown+http://host"], "no plugin offers a backend 'unknown'"),
        (["http://host"], "begins with 'http'"),
        (["little+ftp://host"], "begins with 'little+ftp'"),
        (["little+http://"], "begins with 'little+http'"),
        (["little+http://ho st"], "no host"),
        ([""], "begins with ''"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(urls, message):
    """A URL with credentials, another form or an unknown scheme is a SettingsError that keeps secrets."""
    with pytest.raises(SettingsError) as caught:
        open_backends(urls, OFFERS)

    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_option_that_an_offer_does_not_name_is_refused():
    """What a plugin says of its options is held when a session opens, and nothing is imported."""
    offer = BackendOffer(
        scheme="little", target="no_such_module:X", options=("shelf",), credentials=("token",)
    )
    good = "little+http://host/?shelf=a&token=env:X"

    assert list(open_backends([good], {"little": offer})) == ["little"]
    for option in ("shelves=a", "tokken=env:X"):
        with pytest.raises(SettingsError, match="is it '(shelf|token)'"):
            open_backends([f"little+http://host/?{option}"], {"little": offer})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kfp+http://h/?passwort=env:X", "'token', 'username'"),
        ("zenml+http://h/?api_keyy=env:X", "is it 'api_key'"),
        ("mlte+http://h/?auth=file:/x", "there are ['password', 'username']"),
        ("dioptra+http://h/?mlflow=http://h&token=env:X", "'password', 'queue', 'username'"),
    ],
)
def test_our_own_backends_name_their_credentials(places, url, told):
    """A credential that none of the four systems asks for stops the session, and the others are named."""
    with pytest.raises(SettingsError) as caught:
        ap.Session(ap.Settings(**places | {"backends": (url,)}))

    assert told in str(caught.value)


def test_the_known_schemes_are_named():
    """An unknown scheme is answered with those that there are."""
    with pytest.raises(SettingsError, match=r"little\+http"):
        open_backends(["zenmi+http://host"], OFFERS)


def test_a_session_refuses_bad_urls_before_it_opens_anything(tmp_path):
    """With a URL that cannot be used neither store nor ledger are made."""
    with pytest.raises(SettingsError):
        ap.Session(
            ap.Settings(
                store_url=str(tmp_path / "store"),
                ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
                backends=("nobody+http://host",),
            )
        )

    assert not (tmp_path / "ledger.sqlite").exists()


def test_backends_are_never_read_from_pyproject(tmp_path):
    """A stranger's checkout cannot name the server that gets the credentials of the environment."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.artifact_plugins]\nbackends = ["little+http://evil"]\n'
    )

    with pytest.raises(SettingsError, match="backends is not taken from pyproject.toml"):
        ap.Settings()


def test_backends_are_read_from_the_environment(monkeypatch):
    """The environment may name them, as JSON."""
    monkeypatch.setenv("ARTIFACT_PLUGINS_BACKENDS", '["little+http://host"]')

    assert ap.Settings().backends == ("little+http://host",)


def test_what_offers_no_backend_is_refused_when_it_is_used():
    """An offer that names something else is a PluginError, and only when the backend is asked for."""
    offers = {"odd": BackendOffer(scheme="odd", target="pathlib:Path")}
    found = open_backends(["odd+http://host"], offers)

    assert list(found) == ["odd"]
    with pytest.raises(PluginError, match="is no Backend"):
        found["odd"]


def test_an_unknown_name_lists_the_others(session):
    """Asking for a backend that is not configured names those that are."""
    with pytest.raises(KeyError, match="little"):
        session.backends["zenml"]


def test_opening_a_session_imports_no_backend(places, tmp_path):
    """With backends configured, neither their code nor an HTTP library is imported at opening."""
    (tmp_path / "lazy.py").write_text(
        "import artifact_plugins as ap\n"
        "@ap.hookimpl\n"
        "def register_backends():\n"
        "    return [ap.BackendOffer(scheme='little', target='little_registry:LittleBackend')]\n"
    )
    script = (
        "import sys, artifact_plugins as ap\n"
        f"session = ap.Session(ap.Settings(**{places | {'plugins': ('lazy',)}!r}))\n"
        "assert list(session.backends) == ['little']\n"
        "found = {'urllib3', 'little_registry'} & set(sys.modules)\n"
        "assert not found, found\n"
        "session.close()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_session_without_backends_imports_no_delivery(tmp_path):
    """A session without backends, and a save in it, load nothing of delivery or HTTP."""
    script = (
        "import sys, artifact_plugins as ap\n"
        f"session = ap.Session(ap.Settings(store_url={str(tmp_path / 's')!r}, "
        f"ledger_url='sqlite:///{tmp_path / 'l.sqlite'}'))\n"
        "session.save(1, 'numbers')\n"
        "found = [name for name in sys.modules if name.startswith("
        "('artifact_plugins.delivery', 'artifact_plugins.transport', 'urllib3'))]\n"
        "assert not found, found\n"
        "session.close()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_strict_looks_at_every_backend_when_it_opens(places, registry, monkeypatch):
    """With `strict` delivery a backend that refuses, is away or is something else stops the opening."""
    strict = places | {"delivery": "strict"}
    registry.token = "right"
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong")
    with pytest.raises(BackendAuthError):
        ap.Session(ap.Settings(**strict))

    registry.token = None
    away = strict | {"backends": (registry.url, "little+http://127.0.0.1:1/")}
    with pytest.raises(BackendUnavailableError):
        ap.Session(ap.Settings(**away))

    monkeypatch.setattr("little_registry._act", lambda registry, asked: (200, {"x": 1}))
    with pytest.raises(BackendContractError):
        ap.Session(ap.Settings(**strict))


def test_background_opens_without_its_backends(places):
    """With `background` delivery a backend that is away stops nothing."""
    away = places | {"backends": ("little+http://127.0.0.1:1/",), "flush_seconds": 0.0}

    with ap.Session(ap.Settings(**away)) as session:
        assert session.save(1, "numbers").version == 1
        assert not session.deliverer.flush(0.1)
        assert session.deliverer.status()[0].pending == 1


def test_errors_of_backends_are_one_family():
    """Whoever catches BackendError catches what a backend does wrong."""
    assert issubclass(BackendUnavailableError, BackendError)
