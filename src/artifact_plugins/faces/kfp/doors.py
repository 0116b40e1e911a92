"""What is checked before a request is looked at, and before a server listens at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from artifact_plugins.errors import SettingsError
from artifact_plugins.faces.kfp.refusals import gateway

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def check_host(given: Sequence[str], hosts: Sequence[str]) -> None:
    """Refuse a request that is addressed to another name than ours: DNS rebinding.

    Raises:
        Refusal: 400.
    """
    if len(given) != 1 or _name(f"//{given[0]}") not in hosts:
        shown = given[0][:100] if given else ""
        raise gateway(3, f"host {shown!a} is not served here", 400)


def check_origin(origin: str | None, method: str, hosts: Sequence[str]) -> None:
    """Refuse a change that a page of another site asks a browser for.

    Raises:
        Refusal: 403.
    """
    if origin is not None and method not in _SAFE and _name(origin) not in hosts:
        raise gateway(7, f"origin {origin[:100]!a} may not write here", 403)


def check_address(host: str, *, has_token: bool, is_encrypted: bool, behind_proxy: bool) -> None:
    """Refuse to listen where strangers are without a token and encryption.

    Args:
        host: The address to bind.
        has_token: Whether callers must show a shared secret.
        is_encrypted: Whether the server speaks TLS itself.
        behind_proxy: Whether somebody said that a proxy does.

    Raises:
        SettingsError: Nothing was started.
    """
    if _is_loopback(host):
        return
    if not has_token:
        raise SettingsError(
            f"address {host!r} can be reached by other machines, and there is no token",
            hint="nothing was started; give a token, or serve 127.0.0.1",
            host=host,
        )
    if not is_encrypted and not behind_proxy:
        raise SettingsError(
            f"address {host!r} can be reached by other machines, and the token would travel "
            "unencrypted",
            hint="nothing was started; give a certificate and key, or say that a proxy encrypts",
            host=host,
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(url: str) -> str | None:
    """Return the host of a URL in small letters; None when it has none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname
