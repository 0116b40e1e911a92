"""Where the user names, passwords and keys of a backend come from; never its URL."""

from __future__ import annotations

import os
from pathlib import Path

from artifact_plugins.errors import BackendAuthError, describe
from artifact_plugins.transport.url import BackendUrl


class Credentials:
    """The credentials of one backend, looked up when they are asked for.

    In this order: a reference in the URL (`?password=env:NAME`,
    `file:/path`, `keyring:service/user`), the environment variable
    `ARTIFACT_PLUGINS_<SYSTEM>_<FIELD>`, the keyring (service
    `artifact_plugins <base url>`, user = the field), when it is installed.
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
        reference = self._url.options.get(field)
        if reference is not None:
            return self._referenced(field, reference)
        value = os.environ.get(self.variable(field))
        return value or self._from_keyring(f"artifact_plugins {self._url.base}", field)

    def require(self, field: str) -> str:
        """Return a credential.

        Raises:
            BackendAuthError: It is nowhere; says where it is looked for.
        """
        value = self.find(field)
        if value is None:
            raise BackendAuthError(
                f"backend {self._url.system} at {self._url.host} needs a {field}",
                hint=f"set {self.variable(field)}, put it into the keyring, or name where it is "
                f"in the URL (?{field}=file:/path); nothing was lost",
                system=self._url.system,
            )
        return value

    def variable(self, field: str) -> str:
        """Return the environment variable of a credential."""
        return f"ARTIFACT_PLUGINS_{self._url.system.upper()}_{field.upper()}"

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
                found = self._from_keyring(service, user)
        except (OSError, ValueError) as error:
            raise self._nothing(field, reference) from error
        if not found:
            raise self._nothing(field, reference)
        return found

    def _nothing(self, field: str, reference: str) -> BackendAuthError:
        return BackendAuthError(
            f"the {field} of backend {self._url.system} is not at {reference[:200]!r}",
            hint="put it there or name another place; nothing was lost",
            system=self._url.system,
        )

    def _from_keyring(self, service: str, user: str) -> str | None:
        try:
            import keyring  # an optional library that starts a desktop's secret service
        except ImportError:
            return None
        try:
            found: str | None = keyring.get_password(service, user)
        except keyring.errors.KeyringError as error:
            raise BackendAuthError(
                f"the keyring cannot be read: {describe(error)}",
                hint=f"unlock it or set {self.variable(user)}",
                system=self._url.system,
            ) from error
        return found
