from __future__ import annotations

import pytest

from artifact_plugins.errors import BackendAuthError, SettingsError
from artifact_plugins.transport import BackendUrl, Credentials


def test_a_url_is_taken_apart():
    """System, base and options are what they look like."""
    url = BackendUrl.parse("zenml+https://Host.org:8443/zen/?project=a%20b&password=env:PW")

    assert (url.system, url.base, url.host) == (
        "zenml",
        "https://host.org:8443/zen",
        "host.org:8443",
    )
    assert url.options == {"project": "a b", "password": "env:PW"}
    assert url.identity == "zenml+https://host.org:8443/zen/?project=a+b"


def test_one_backend_has_one_identity():
    """Order of options, a slash and where the password lies do not make another backend."""
    first = BackendUrl.parse("kfp+http://h:1?b=2&a=1")
    second = BackendUrl.parse("kfp+http://H:1/?a=1&b=2&token=file:/run/t")

    assert first.identity == second.identity


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_the_port_that_is_meant_anyway_is_left_out(scheme, port):
    """A URL with the default port of its scheme is the same backend; with the other one it is another."""
    plain = BackendUrl.parse(f"kfp+{scheme}://host/x/")

    assert BackendUrl.parse(f"kfp+{scheme}://HOST:{port}/x") == plain
    assert BackendUrl.parse(f"kfp+{scheme}://host:{523 - port}/x").identity != plain.identity


@pytest.mark.parametrize(
    "text",
    [
        "http://host",
        "zenml://host",
        "zenml+ftp://host",
        "zenml+http://",
        "zenml+http://user:secret@host",
        "zenml+http://host/?password=secret",
        "zenml+http://host/?api_key=secret",
        "mlte+http://host/?username=secret",
        "mlte+http://host/?password=keyring:secret",
        "dioptra+http://host/?passwd=secret",
        "dioptra+http://host/?mlflow=http://user:secret@other",
        "zenml+http://host/?project=a&project=b",
        "zenml+http://host/#secret",
        "zenml+http://host:notaport/",
        "zenml+http://ho st/",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_secrets(text):
    """The error names the system or the beginning, never a credential."""
    with pytest.raises(SettingsError) as caught:
        BackendUrl.parse(text)

    assert "secret" not in str(caught.value)


def test_an_unknown_option_names_the_known_ones():
    """A misspelt option is no silent default."""
    with pytest.raises(SettingsError, match=r"no option 'projekt'; is it 'project'\? there are"):
        BackendUrl.parse("zenml+http://host/?projekt=x", known=("project",))


@pytest.mark.parametrize(
    ("option", "near"),
    [
        ("passwort=env:X", "is it 'password'\\? "),
        ("Password=env:X", "is it 'password'\\? "),
        ("user=env:X", "is it 'username'\\? "),
        ("auth=file:/x", ""),
    ],
)
def test_a_misspelt_credential_is_no_silent_default(option, near):
    """A reference under a name that the system does not ask for is refused, with the nearest."""
    url, fields = f"mlte+http://host/?{option}", ("username", "password")

    with pytest.raises(SettingsError, match=f"; {near}there are \\['password', 'username'\\]"):
        BackendUrl.parse(url, known=(), credentials=fields)

    assert BackendUrl.parse(url).options  # negative control: without the names anything passes


def test_what_a_system_asks_for_may_be_named():
    """The credentials of a system and its options stand beside each other."""
    url = BackendUrl.parse(
        "zenml+http://host/?project=a&username=env:U&password=keyring:shop/me",
        known=("project", "stack"),
        credentials=("username", "password"),
    )

    assert url.identity == "zenml+http://host/?project=a"


def test_a_credential_is_found_in_its_order(monkeypatch, tmp_path):
    """A reference in the URL wins over the environment; a file is read each time."""
    secret = tmp_path / "token"
    secret.write_text("from-file\n")
    monkeypatch.setenv("ARTIFACT_PLUGINS_KFP_TOKEN", "from-environment")
    monkeypatch.setenv("OTHER", "from-reference")
    bare = Credentials(BackendUrl.parse("kfp+http://h"))
    named = Credentials(BackendUrl.parse("kfp+http://h/?token=env:OTHER"))
    filed = Credentials(BackendUrl.parse(f"kfp+http://h/?token=file:{secret}"))

    assert bare.require("token") == "from-environment"
    assert named.require("token") == "from-reference"
    assert filed.require("token") == "from-file"
    secret.write_text("renewed")
    assert filed.require("token") == "renewed"


def test_a_missing_credential_says_where_it_is_looked_for():
    """The error names the variable, and that nothing was lost."""
    credentials = Credentials(BackendUrl.parse("mlte+http://h:1"))

    assert credentials.find("password") is None
    with pytest.raises(BackendAuthError, match="ARTIFACT_PLUGINS_MLTE_PASSWORD"):
        credentials.require("password")


def test_a_credential_is_one_line(monkeypatch):
    """A line end behind it is no part of it; one inside is refused, and nothing of it is repeated."""
    credentials = Credentials(BackendUrl.parse("kfp+http://h"))
    monkeypatch.setenv("ARTIFACT_PLUGINS_KFP_TOKEN", "half-one\n")
    assert credentials.require("token") == "half-one"

    monkeypatch.setenv("ARTIFACT_PLUGINS_KFP_TOKEN", "half-one\nhalf-two")
    with pytest.raises(BackendAuthError, match="line break") as caught:
        credentials.find("token")

    assert "half" not in str(caught.value)


def test_a_reference_to_nothing_is_an_error(tmp_path):
    """A named place that is empty does not fall back to another one."""
    url = BackendUrl.parse(f"kfp+http://h/?token=file:{tmp_path / 'none'}")

    with pytest.raises(BackendAuthError, match="token of backend kfp is not at"):
        Credentials(url).find("token")
