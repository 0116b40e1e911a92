"""Which URLs may name a store or a file; checked before anything is opened."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from artifact_plugins.errors import InvalidKeyError, StoreSchemeNotAllowedError

# scheme -> kind of place; anything else is refused unopened.
SCHEMES = {
    "file": "local",
    "memory": "memory",
    "s3": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
}
# kind -> the scheme that its URLs get.
_BUCKETS = {"s3": "s3", "gcs": "gs", "azure": "az"}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):")
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,119}"
_MEMORY_NAME = re.compile(rf"{_PART}(/{_PART}){{0,8}}")
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._\-]{2,221}(/[A-Za-z0-9_][A-Za-z0-9_.=\-]{0,119}){0,8}")


class Location(NamedTuple):
    """Where a store is.

    Attributes:
        kind: `local`, `memory`, `s3`, `gcs` or `azure`.
        name: The absolute folder, the name of the memory store, or
            bucket and prefix, without a slash at the end.
        url: The same as a URL, without a slash at the end.
    """

    kind: str
    name: str
    url: str


def parse_store_url(url: str) -> Location:
    """Return where the store of a URL or folder path is.

    Raises:
        StoreSchemeNotAllowedError: The scheme is not on the list.
        InvalidKeyError: The URL holds credentials, a query or a foreign host.
    """
    scheme = checked_scheme(url)
    if scheme == "memory":
        name = url.removeprefix("memory:").strip("/")
        if not _MEMORY_NAME.fullmatch(name) or ".." in name:
            raise InvalidKeyError(
                "the URL of a memory store has no usable name",
                hint="use 'memory://name' with letters, digits, '_', '-', '.'",
            )
        return Location("memory", name, f"memory://{name}")
    if (kind := SCHEMES.get(scheme, "local")) in _BUCKETS:
        name = _bucket_name(url)
        return Location(kind, name, f"{_BUCKETS[kind]}://{name}")
    path = local_path(url)
    return Location("local", str(path), path.as_uri())


def local_path(uri: str | PurePath) -> Path:
    """Return the absolute path of a local file URI or path; symlinks stay as they are.

    A `Path` is a path, whatever its name looks like.

    Raises:
        StoreSchemeNotAllowedError: It is a URI of another scheme.
        InvalidKeyError: It names another host, a query, a fragment or no path;
            or it is relative, and the working folder was removed.
    """
    scheme = "" if isinstance(uri, PurePath) else checked_scheme(uri)
    text = str(uri)
    if scheme == "file":
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise InvalidKeyError(
                "a file URL has a host, query or fragment",
                hint="write 'file:///folder' and quote '?' and '#' in names as %3F and %23",
            )
        text = unquote(parts.path)
    elif scheme:
        raise StoreSchemeNotAllowedError(
            f"URL scheme {scheme!r} is not a local file", hint="nothing was opened", scheme=scheme
        )
    if not text or "\0" in text:
        raise InvalidKeyError("a path is empty or holds a NUL character")
    path = Path(text)
    try:
        return (path.expanduser() if text.startswith("~/") else path).absolute()
    except FileNotFoundError as error:
        raise InvalidKeyError(
            f"path {text!r} is relative, and the working folder was removed",
            hint="nothing was opened; use an absolute path",
        ) from error


def _bucket_name(url: str) -> str:
    start, _, name = url.partition("://")
    name = name.removesuffix("/")
    if not _BUCKET_NAME.fullmatch(name) or ".." in name:
        raise InvalidKeyError(
            f"a {start[:20]!r} URL has no usable bucket and prefix",
            hint="nothing was opened; use 's3://bucket/prefix' with letters, digits, "
            "'_', '-', '.', '='; endpoint and credentials belong into the environment",
        )
    return name


def checked_scheme(url: str) -> str:
    """Return the allowed scheme of a URL in lower case; "" for a plain path.

    Raises:
        StoreSchemeNotAllowedError: The scheme is not on the list, or URLs are chained.
        InvalidKeyError: The URL holds user-info or a query; it is not repeated.
    """
    match = _SCHEME.match(url)
    if match is None and "::" not in url:
        return ""
    scheme = match[1].lower() if match else ""
    authority, _, query = url.partition("://")[2].partition("?")
    if "@" in authority.partition("/")[0] or (query and scheme != "file"):
        raise InvalidKeyError(
            f"a {scheme[:20]!r} URL holds credentials or a query",
            hint="nothing was opened; credentials belong into the environment",
        )
    if "::" in url or scheme not in SCHEMES:
        shown = url.partition("://")[0][:40] if "::" in url else scheme[:40]
        raise StoreSchemeNotAllowedError(
            f"URL scheme {shown!r} is not allowed",
            hint=f"nothing was opened; use a folder path or one of {sorted(SCHEMES)}",
            scheme=shown,
        )
    return scheme
