"""From the URLs of `Settings.backends` to backends; nothing is imported or connected before use."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from artifact_plugins.contracts.backend import Backend
from artifact_plugins.contracts.offers import BackendOffer
from artifact_plugins.contracts.refs import load_target
from artifact_plugins.errors import PluginError, SettingsError
from artifact_plugins.ledger import Ledger
from artifact_plugins.transport.url import BackendUrl

# Held while a backend is imported: a child that was forked meanwhile would wait
# for the end of that import for ever.
_importing = threading.RLock()


class Configured:
    """One backend of the settings. Threads share it.

    Attributes:
        name: In `session.backends`.
        url: In one spelling, without credentials: what the ledger knows it by.
        system: What stands before `+http`.
    """

    def __init__(
        self, name: str, url: BackendUrl, text: str, offer: BackendOffer, timeout_seconds: float
    ) -> None:
        self.name = name
        self.url = url.identity
        self.system = url.system
        self._text = text
        self._offer = offer
        self._timeout = timeout_seconds
        self.leave_parent()

    def leave_parent(self) -> None:
        """Have made nothing yet; a forked child must not use its parent's connections."""
        self._lock = threading.Lock()
        self._backend: Backend | None = None

    @property
    def backend(self) -> Backend:
        """The backend itself, imported and made at its first use.

        Raises:
            PluginError: Its class cannot be imported, or is none.
            SettingsError: It does not take the URL.
        """
        with self._lock:
            if self._backend is not None:
                return self._backend
            with _importing:
                cls = load_target(self._offer.target)
                if not (isinstance(cls, type) and issubclass(cls, Backend)):
                    raise PluginError(
                        f"{self._offer.target!r} is no Backend",
                        hint=f"the plugin that offers {self._offer.scheme!r} names another class",
                        target=self._offer.target,
                    )
                self._backend = cls(self._text, timeout_seconds=self._timeout)
            return self._backend

    def close(self) -> None:
        """Let go of its connections, when it was made."""
        with self._lock:
            backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


class Backends(Mapping[str, Backend]):
    """The backends of a session by name; each is imported and made when it is asked for.

    A name is the scheme (`zenml`); of several backends of one scheme it is
    scheme and host (`zenml@host:8080`), or the whole URL where that is not enough.
    """

    def __init__(self, configured: Sequence[Configured] = ()) -> None:
        self._configured = {one.name: one for one in configured}

    def __getitem__(self, name: str) -> Backend:
        return self.configured(name).backend

    def __iter__(self) -> Iterator[str]:
        return iter(self._configured)

    def __len__(self) -> int:
        return len(self._configured)

    def __contains__(self, name: object) -> bool:
        return name in self._configured  # the Mapping's own would make the backend

    def configured(self, name: str) -> Configured:
        """Return what the settings say of a backend.

        Raises:
            KeyError: There is none of that name; says which there are.
        """
        try:
            return self._configured[name]
        except KeyError:
            raise KeyError(f"{name} (the backends are {sorted(self._configured)})") from None

    def each(self) -> tuple[Configured, ...]:
        """Return all of them, in the order of the settings."""
        return tuple(self._configured.values())

    def named(self, reference: str) -> tuple[str, str] | None:
        """Take `zenml:some-id` apart; None when it does not begin with the name of a backend."""
        for name in sorted(self._configured, key=len, reverse=True):
            if reference.startswith(f"{name}:"):
                return name, reference[len(name) + 1 :]
        return None

    def __repr__(self) -> str:
        return f"<backends {', '.join(self._configured) or 'none'}>"


def open_backends(
    urls: Sequence[str], offers: Mapping[str, BackendOffer], *, timeout_seconds: float = 30.0
) -> Backends:
    """Return the backends that the settings name.

    Args:
        urls: `Settings.backends`.
        offers: What plugins offer, by scheme.
        timeout_seconds: Of one request to them.

    Raises:
        SettingsError: A URL has another form, holds credentials, has a scheme
            that no plugin offers, or names the same backend as another one.
    """
    parsed = [(BackendUrl.parse(text), text) for text in urls]
    seen: set[str] = set()
    for url, text in parsed:
        if url.system not in offers:
            known = [f"{scheme}+http://..." for scheme in sorted(offers)]
            raise SettingsError(
                f"no plugin offers a backend {url.system!r}",
                hint=f"there are {known}; nothing was opened",
                name="backends",
            )
        offer = offers[url.system]
        BackendUrl.parse(text, known=offer.options, credentials=offer.credentials)
        if url.identity in seen:
            raise SettingsError(
                f"backend {url.identity} is named twice",
                hint="every record would be sent there twice; nothing was opened",
                name="backends",
            )
        seen.add(url.identity)
    names = _names([url for url, _ in parsed])
    return Backends(
        [
            Configured(name, url, text, offers[url.system], timeout_seconds)
            for name, (url, text) in zip(names, parsed, strict=True)
        ]
    )


def registered_ids(backends: Backends, ledger: Ledger) -> dict[str, int]:
    """Return the numbers of backends in a ledger, by name; given where they are new.

    One that an earlier release registered in another spelling keeps its number.

    Raises:
        LedgerError: The ledger cannot be read or written.
    """
    known: dict[str, int] = {}
    for one in ledger.registered_backends():
        known[one.url] = one.id
        known.setdefault(spelled(one.url), one.id)
    return {
        line.name: known.get(line.url) or ledger.register_backend(line.url)
        for line in backends.each()
    }


def spelled(url: str) -> str:
    """Return a URL that some release registered as it is spelled now."""
    try:
        return BackendUrl.parse(url).identity
    except SettingsError:  # of a release with other rules
        return url


def _names(urls: Sequence[BackendUrl]) -> list[str]:
    systems = Counter(url.system for url in urls)
    places = Counter((url.system, url.host) for url in urls)
    return [
        url.system
        if systems[url.system] == 1
        else f"{url.system}@{url.host}"
        if places[url.system, url.host] == 1
        else url.identity
        for url in urls
    ]


os.register_at_fork(
    before=_importing.acquire,
    after_in_parent=_importing.release,
    after_in_child=_importing.release,
)
