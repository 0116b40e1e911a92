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
    with pytest.raises(SettingsError, match=r"no option 'projekt'; there are \['project'\]"):
        BackendUrl.parse("zenml+http://host/?projekt=x", known=("project",))


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


def test_a_reference_to_nothing_is_an_error(tmp_path):
    """A named place that is empty does not fall back to another one."""
    url = BackendUrl.parse(f"kfp+http://h/?token=file:{tmp_path / 'none'}")

    with pytest.raises(BackendAuthError, match="token of backend kfp is not at"):
        Credentials(url).find("token")
