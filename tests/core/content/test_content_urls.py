"""Which URLs open a store, and which are refused unopened."""

from __future__ import annotations

import subprocess
import sys

import pytest

from artifact_plugins.content.urls import local_path, parse_store_url
from artifact_plugins.errors import InvalidKeyError, StoreSchemeNotAllowedError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b"),
        ("file:///a/b", "/a/b"),
        ("FILE:///a/b", "/a/b"),
        ("file:/a/b", "/a/b"),
        ("file://localhost/a/b", "/a/b"),
        ("file:///a%20b/%C3%BC", "/a b/ü"),
        ("file:///a%252e", "/a%2e"),
        ("/a:b/c@d", "/a:b/c@d"),
        ("/a b/ü", "/a b/ü"),
    ],
)
def test_local_folders(url, path):
    """Paths and file URLs name a folder; a URL is decoded exactly once."""
    location = parse_store_url(url)

    assert (location.kind, location.name) == ("local", path)
    assert str(local_path(location.url)) == path


def test_home_is_expanded(monkeypatch):
    """A leading `~/` is the home folder, as settings files expect."""
    monkeypatch.setenv("HOME", "/home/somebody")

    assert parse_store_url("~/store").name == "/home/somebody/store"
    assert parse_store_url("~root").name.endswith("/~root")


@pytest.mark.parametrize("url", ["memory://x", "memory:x", "memory://x/"])
def test_memory_stores(url):
    """A memory store is known by its name."""
    assert parse_store_url(url) == ("memory", "x", "memory://x")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://flights", ("s3", "flights", "s3://flights")),
        ("S3://flights/", ("s3", "flights", "s3://flights")),
        ("s3://my-flights.2/team_a/x=1", ("s3", "my-flights.2/team_a/x=1", None)),
        ("gs://flights/a/b", ("gcs", "flights/a/b", "gs://flights/a/b")),
        ("gcs://flights/a", ("gcs", "flights/a", "gs://flights/a")),
        ("az://flights/a/", ("azure", "flights/a", "az://flights/a")),
        ("abfs://flights/a", ("azure", "flights/a", "az://flights/a")),
    ],
)
def test_buckets(url, expected):
    """A bucket URL names provider, bucket and prefix; each store has one form of it."""
    kind, name, one_form = expected

    assert parse_store_url(url) == (kind, name, one_form or url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:bucket/x",
        "s3:///x",
        "s3://ab",
        "s3://Flights",
        "s3://flights//x",
        "s3://flights/../x",
        "s3://flights/a/..",
        "s3://flights/%2e%2e",
        "s3://flights/a b",
        "s3://flights/x#y",
        "s3://flights/x\\y",
        "s3://flights/\n",
        "s3://-flights",
        "s3://flights:9000/x",
        "gs://flights/" + "x/" * 30,
        "az://container@account.blob.core.windows.net/x",
        "az://flights/x?sig=hunter2",
        "s3://flights/ü",
    ],
)
def test_odd_buckets_are_refused(url):
    """Empty, encoded, relative and foreign parts of a bucket URL are refused unopened."""
    with pytest.raises(InvalidKeyError) as caught:
        parse_store_url(url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "github://org:repo@main/",
        "github:org/repo",
        "http://example.org",
        "https://example.org/x",
        "ftp://example.org",
        "smb://server/share",
        "zip::http://example.org/a.zip",
        "simplecache::http://169.254.169.254/",
        "simplecache::file:///tmp",
        "file:///tmp::zip",
        "/tmp/a::b",
        "data:text/plain,x",
        "jupyter://x",
        "s3a://bucket",
        "abfss://container@account.dfs.core.windows.net/x",
        "adl://x",
        "s3:bucket::x",
        "reference://x",
        "sqlite:///x",
    ],
)
def test_other_schemes_are_refused(url):
    """A scheme that is not on the list is refused, chains included."""
    with pytest.raises((StoreSchemeNotAllowedError, InvalidKeyError)) as caught:
        parse_store_url(url)

    assert "@" in url or isinstance(caught.value, StoreSchemeNotAllowedError)


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hunter2@bucket/x",
        "memory://user:hunter2@x",
        "file://user:hunter2@localhost/x",
        "simplecache::https://user:hunter2@host/x",
        "https://host/x?sig=hunter2",
        "memory://x?token=hunter2",
        "file:///x?token=hunter2",
        "file:///x#hunter2",
        "file://hunter2/x",
        "memory://",
        "memory://..",
        "memory://a/../hunter2",
        "memory://hunter2%2e",
        "file://",
        "",
        "nul\0byte",
    ],
)
def test_credentials_and_odd_forms_are_refused(url):
    """Credentials, queries and foreign hosts are refused, and never repeated in the message."""
    with pytest.raises(InvalidKeyError) as caught:
        parse_store_url(url)

    assert "hunter2" not in str(caught.value)


def test_local_stores_never_import_fsspec(tmp_path):
    """Opening and refusing stores loads no filesystem layer unless it is a memory store."""
    script = f"""
import sys
from artifact_plugins.content import ContentStore
from artifact_plugins.errors import StoreSchemeNotAllowedError
ContentStore.open({str(tmp_path / "store")!r}, durable=False).close()
try:
    ContentStore.open("github://org:repo", durable=False)
except StoreSchemeNotAllowedError:
    pass
assert "fsspec" not in sys.modules
ContentStore.open("memory://x", durable=False).close()
assert "fsspec" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
