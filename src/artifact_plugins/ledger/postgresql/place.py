"""What the URL of a PostgreSQL ledger may say; checked before anything is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from artifact_plugins.errors import SettingsError

# Nothing that a server would take for a password, and nothing that runs or
# reads files of others: the rest of libpq's parameters belongs into a service.
_PARAMETERS = frozenset(
    {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "options",
        "passfile",
        "port",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)
_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._%\-]*)(?::\d{0,5})?"
_REST = re.compile(
    rf"(?:(?P<user>[^:@/?#\s]*)@)?(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?:/(?P<database>[^/?#\s@]*))?(?:\?(?P<query>[^?#\s]*))?"
)
_FORM = "use postgresql://user@host:port/database; nothing was opened"


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a server.

    Attributes:
        conninfo: What libpq is given.
        name: What messages call it; no user, no parameters.
        given: Parameters that the URL sets.
    """

    conninfo: str
    name: str
    given: frozenset[str]

    def __str__(self) -> str:
        return self.name


def parse_url(url: str) -> Server:
    """Read a `postgresql:` URL; nothing is opened, and no message repeats what it cannot read.

    Raises:
        SettingsError: It holds a password, a parameter that is not known, or
            has another form.
    """
    rest = url.partition("://")[2]
    match = _REST.fullmatch(rest)
    if match is None:
        # A password may hold any character, so whatever has the form of one is one.
        if ":" in rest.rpartition("@")[0]:
            raise _password_error()
        raise SettingsError("ledger_url is no URL of a PostgreSQL database", hint=_FORM)
    given = []
    for name, _ in parse_qsl(match["query"] or "", keep_blank_values=True):
        if "password" in name.lower():
            raise _password_error()
        if name not in _PARAMETERS:
            raise SettingsError(
                f"ledger_url has the parameter {name[:40]!r}, which is not known",
                hint=f"known are {', '.join(sorted(_PARAMETERS))}; nothing was opened",
            )
        given.append(name)
    name = f"postgresql://{match['hosts']}/{match['database'] or ''}"
    return Server(f"postgresql://{rest}", name, frozenset(given))


def _password_error() -> SettingsError:
    return SettingsError(
        "ledger_url holds a password",
        hint="nothing was opened; set PGPASSWORD, or use ~/.pgpass or a service file",
    )
