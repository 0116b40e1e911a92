"""The way to a server: the proxies and certificates that the environment names.

`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (in capitals or not) are those of every
other program; this machine itself is never asked through a proxy. Certificates
are verified against those of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
Imported when the first connection is opened: urllib3 is loaded with it.
"""

from __future__ import annotations

import os
import re
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3

from artifact_plugins.errors import BackendAuthError, BackendContractError, BackendError

_SAFE = "nothing was sent, the ledger has the record"
_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (401|403|407)\b")


def open_pool(base_url: str, connections: int) -> urllib3.PoolManager:
    """Return the connections to a server, through the proxy that the environment names for it."""
    options: dict[str, Any] = {"maxsize": connections, "block": False}
    if base_url.startswith("https:"):
        options["ssl_context"] = ssl.create_default_context()
    proxy = _proxy_of(base_url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    parts = urlsplit(proxy)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=login)
        proxy = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return urllib3.ProxyManager(proxy, **options)


def refusal_of(error: BaseException, system: str, base_url: str) -> BackendError | None:
    """Return the error of a way that no patience opens; None when a later try may pass.

    Args:
        error: What urllib3 raised.
        system: Name for messages.
        base_url: Of the server.
    """
    place = urlsplit(base_url).netloc
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return BackendAuthError(
                f"{system} at {place} has a certificate that does not verify: "
                f"{cause.verify_message or cause.reason}",
                hint=_certificate_hint(),
            )
        if isinstance(cause, urllib3.exceptions.ProxySchemeUnknown):
            return BackendContractError(
                f"{system} at {place} is behind a proxy that is not spoken here: {cause}",
                hint=f"HTTP_PROXY and HTTPS_PROXY take http:// and https:// URLs; {_SAFE}",
            )
        if isinstance(cause, OSError) and (told := _TUNNEL_REFUSED.search(str(cause))):
            return BackendAuthError(
                f"the proxy before {system} at {place} refuses with {told[1]}",
                hint=f"look at HTTPS_PROXY, its user and password, and NO_PROXY; {_SAFE}",
                status=int(told[1]),
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _CUT) and cause.reason:
            return BackendContractError(
                f"{system} at {place} does not speak TLS as it is spoken here: {cause.reason}",
                hint=f"is it https there, and not http? {_SAFE}",
            )
    return None


_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def _certificate_hint() -> str:
    named = os.environ.get("SSL_CERT_FILE")
    is_gone = named is not None and not Path(named).is_file()
    now = f" (it names {named!r}, which is no file)" if is_gone else ""
    return (
        f"name a file with the certificate of its authority in SSL_CERT_FILE{now}, "
        f"or have the server show another one; {_SAFE}"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from; urllib3 keeps it among the arguments or as a cause."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inside = (*one.args, one.__cause__, one.__context__)
        waiting += [other for other in inside if isinstance(other, BaseException)]


def _proxy_of(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    proxy = urllib.request.getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
