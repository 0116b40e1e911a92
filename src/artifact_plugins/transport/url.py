"""The URL of a backend: which system, where, and its options; never a credential."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import parse_qsl, urlencode, urlsplit

from artifact_plugins.errors import SettingsError

_SCHEME = re.compile(r"([a-z][a-z0-9]*)\+(https?)")
_PORTS = {"http": 80, "https": 443}
_SECRET = re.compile(
    r"pass|pwd|^pw$|auth|token|secret|api_?key|credential|(^|_)user(_?name)?$", re.IGNORECASE
)
_USER_INFO = re.compile(r"://[^/?#]*@")
_REFERENCE = re.compile(r"(env|file):.+|keyring:.+/.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BackendUrl:
    """One URL of `Settings.backends`, taken apart.

    Attributes:
        system: What stands before `+http`: `zenml`.
        base: Where requests go: `http://host:port/path`, without a slash at the end
            and without the port that is meant anyway.
        options: What stands behind `?`, each name once.
    """

    system: str
    base: str
    options: dict[str, str]

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        known: tuple[str, ...] | None = None,
        credentials: tuple[str, ...] = (),
    ) -> BackendUrl:
        """Take a URL apart; nothing is opened.

        Args:
            text: `zenml+http://host:port/?project=default`.
            known: Names of the options that this system has; None for any.
            credentials: Names of the credentials that it asks for, which options
                say the place of: `password` for `?password=env:NAME`.

        Raises:
            SettingsError: It is no such URL, holds a credential, or has an
                option that nobody knows. A credential is not repeated.
        """
        scheme, _, rest = text.partition("://")
        match = _SCHEME.fullmatch(scheme)
        if match is None or not rest:
            raise SettingsError(
                f"a backend URL begins with {scheme[:40]!r}",
                hint="write it as in 'zenml+http://host:8080'; nothing was opened",
            )
        try:
            parts = urlsplit(f"{match[2]}://{rest}")
            host, port = parts.hostname, parts.port
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise SettingsError(
                f"a backend URL of {match[1]} has no usable host, port or options",
                hint="write it as in 'zenml+http://host:8080/?project=default'; nothing was opened",
            ) from error
        if "@" in parts.netloc:
            raise SettingsError(
                f"the URL of backend {match[1]} holds credentials",
                hint=f"set ARTIFACT_PLUGINS_{match[1].upper()}_USERNAME and the like instead; "
                "nothing was opened",
            )
        if not host or parts.fragment or any(c.isspace() or ord(c) < 32 for c in rest):
            raise SettingsError(
                f"the URL of backend {match[1]} has no host, or a fragment or blanks",
                hint="write it as in 'zenml+http://host:8080'; nothing was opened",
            )
        options = _options(match[1], pairs)
        if known is not None:
            _refuse_unknown(match[1], options, (*known, *credentials))
        shown = f"[{host}]" if ":" in host else host
        place = shown if port in (None, _PORTS[match[2]]) else f"{shown}:{port}"
        return cls(match[1], f"{match[2]}://{place}{parts.path.rstrip('/')}", options)

    @property
    def host(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.base).netloc

    @property
    def identity(self) -> str:
        """The URL in one spelling, without references to credentials: what the ledger knows it by."""
        kept = sorted((k, v) for k, v in self.options.items() if not _SECRET.search(k))
        scheme, _, rest = self.base.partition("://")
        query = f"?{urlencode(kept)}" if kept else ""
        return f"{self.system}+{scheme}://{rest}/{query}"


def _options(system: str, pairs: list[tuple[str, str]]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in pairs:
        if name in options:
            raise SettingsError(
                f"the URL of backend {system} has the option {name[:40]!r} twice",
                hint="nothing was opened",
            )
        if _USER_INFO.search(value) or (_SECRET.search(name) and not _REFERENCE.fullmatch(value)):
            raise SettingsError(
                f"the URL of backend {system} holds a credential as option {name[:40]!r}",
                hint="name where it is instead: env:NAME, file:/path or keyring:service/user; "
                "nothing was opened",
            )
        options[name] = value
    return options


def _refuse_unknown(system: str, options: dict[str, str], known: tuple[str, ...]) -> None:
    for name in options:
        if name not in known:
            near = " or ".join(map(repr, get_close_matches(name.lower(), known)))
            raise SettingsError(
                f"backend {system} has no option {name[:40]!r}",
                hint=f"{f'is it {near}? ' if near else ''}there are {sorted(known)}; "
                "nothing was opened",
            )
