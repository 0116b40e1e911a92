"""Where the user names, passwords and keys of a backend come from; never its URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artifact_plugins.errors import BackendAuthError, describe
from artifact_plugins.transport.url import BackendUrl


class Credentials:
    """The credentials of one backend, looked up when they are asked for.

    In this order: a reference in the URL (`?password=env:NAME`,
    `file:/path`, `keyring:service/user`), the environment variable
    `ARTIFACT_PLUGINS_<SYSTEM>_<FIELD>`, the keyring (service
    `artifact_plugins <base url>`, user = the field). A keyring that is not
    installed, not there or locked has nothing, unless the URL names it.
    """

    def __init__(self, url: BackendUrl) -> None:
        self._url = url

    def find(self, field: str) -> str | None:
        """Return a credential; None when it is nowhere.

        Args:
            field: `username`, `password`, `api_key`, `token`.

        Raises:
            BackendAuthError: What a reference names cannot be read.
        """
        return self._looked_up(field)[0]

    def require(self, field: str) -> str:
        """Return a credential.

        Raises:
            BackendAuthError: It is nowhere; says where it is looked for.
        """
        value, trouble = self._looked_up(field)
        if value is None:
            raise self._error(
                f"backend {self._url.system} at {self._url.host} needs a {field}",
                f"set {self.variable(field)}, put it into the keyring{trouble and f' ({trouble})'}, "
                f"or name where it is in the URL (?{field}=file:/path)",
            )
        return value

    def are_in_url(self, *fields: str) -> bool:
        """Tell whether the URL says where one of these credentials is."""
        return not self._url.options.keys().isdisjoint(fields)

    def variable(self, field: str) -> str:
        """Return the environment variable of a credential."""
        return f"ARTIFACT_PLUGINS_{self._url.system.upper()}_{field.upper()}"

    @contextmanager
    def named(self, *fields: str) -> Iterator[None]:
        """Have a login that is refused say which credentials to look at.

        Raises:
            BackendAuthError: The login is refused.
        """
        try:
            yield
        except BackendAuthError as error:
            options = self._url.options
            where = [f"?{one}=" if one in options else self.variable(one) for one in fields]
            raise BackendAuthError(
                error.message,
                hint=f"look at {' and '.join(where)}; the ledger has the record",
                status=error.status,
                system=self._url.system,
            ) from error

    def _looked_up(self, field: str) -> tuple[str | None, str]:
        """Return a credential that can be sent, and why the keyring could not be asked for it."""
        value, trouble = self._found(field)
        if value is None:
            return None, trouble
        value = value.strip("\r\n")  # what an editor or a mounted secret leaves at the end
        if any(ord(c) < 32 or ord(c) == 127 for c in value):
            # In a header it would be an error of the HTTP library, which repeats it.
            raise self._error(
                f"the {field} of backend {self._url.system} has a line break or another control "
                "character in it",
                "write it on one line",
            )
        return value, ""

    def _found(self, field: str) -> tuple[str | None, str]:
        reference = self._url.options.get(field)
        if reference is not None:
            return self._referenced(field, reference), ""
        value = os.environ.get(self.variable(field))
        if value:
            return value, ""
        try:
            return _in_keyring(f"artifact_plugins {self._url.base}", field), ""
        except _NoKeyring as error:
            return None, str(error)

    def _referenced(self, field: str, reference: str) -> str:
        kind, _, place = reference.partition(":")
        found: str | None
        try:
            if kind == "env":
                found = os.environ.get(place)
            elif kind == "file":
                # read_text of a token that a pod renews: never kept
                found = Path(place).read_text(encoding="utf-8").strip()
            else:
                service, _, user = place.rpartition("/")
                found = _in_keyring(service, user)
        except (OSError, ValueError) as error:
            raise self._nothing(field, reference) from error
        except _NoKeyring as error:
            raise self._error(
                f"the {field} of backend {self._url.system} is to come from "
                f"{reference[:200]!r}: {error}",
                f"take ?{field}= out of the URL and set {self.variable(field)}, or name another "
                f"place (?{field}=env:NAME or file:/path)",
            ) from error
        if not found:
            raise self._nothing(field, reference)
        return found

    def _nothing(self, field: str, reference: str) -> BackendAuthError:
        return self._error(
            f"the {field} of backend {self._url.system} is not at {reference[:200]!r}",
            "put it there or name another place",
        )

    def _error(self, what: str, hint: str) -> BackendAuthError:
        return BackendAuthError(what, hint=f"{hint}; nothing was lost", system=self._url.system)


class _NoKeyring(Exception):
    """No keyring could be asked; says why."""


def _in_keyring(service: str, user: str) -> str | None:
    """Return what a keyring has; None when it has nothing.

    Raises:
        _NoKeyring: There is none, or it cannot be read.
    """
    try:
        import keyring  # an optional library that starts a desktop's secret service
    except ImportError as error:
        raise _NoKeyring("install artifact-plugins[keyring] to use one") from error
    try:
        found: str | None = keyring.get_password(service, user)
    except keyring.errors.NoKeyringError as error:
        raise _NoKeyring("this machine has none that can be used") from error
    except Exception as error:  # keyrings are plugins of others, and raise what they like
        raise _NoKeyring(f"it cannot be read: {describe(error)[:200]}") from error
    return found
