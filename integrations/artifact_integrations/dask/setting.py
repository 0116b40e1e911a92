"""Cluster: what the text `dask://host:8786?connect_seconds=5` says."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from artifact_plugins.errors import SettingsError

_PROTOCOLS = {"dask": "tcp", "dask+tls": "tls"}
_PORT = 8786
_MAX_SECONDS = 1e6


class Cluster(NamedTuple):
    """Where a cluster is, and how long it is waited for.

    Attributes:
        address: Of the scheduler, as Dask writes it: `tcp://host:8786`.
        connect_seconds: How long a scheduler may take to answer, or to come back.
        worker_seconds: How long calls wait while there is no worker.
    """

    address: str
    connect_seconds: float = 10.0
    worker_seconds: float = 60.0


def parse_setting(setting: str) -> Cluster:
    """Return the cluster of a setting; the port is 8786 when none is given.

    Raises:
        SettingsError: It names no host, or something that is not known here.
    """
    try:
        parts = urlsplit(setting)
        port = _PORT if parts.port is None else parts.port
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise _refused(str(error)) from error
    if "@" in parts.netloc:
        raise _refused("it holds a user or password; certificates come from Dask's configuration")
    host = parts.hostname
    if not host or port == 0 or parts.path.strip("/") or parts.fragment:
        raise _refused(f"{_shown(parts)} is no host with a port")
    known = dict.fromkeys(Cluster._fields[1:])
    seconds: dict[str, float] = {}
    for name, text in options:
        if name not in known or name in seconds:
            raise _refused(f"option {name!r}; there are {list(known)}, each once")
        seconds[name] = _seconds(name, text)
    host = f"[{host}]" if ":" in host else host
    return Cluster(f"{_PROTOCOLS[parts.scheme]}://{host}:{port}", **seconds)


def _shown(parts: SplitResult) -> str:
    return repr(parts._replace(query="").geturl())


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MAX_SECONDS:  # NaN is not
        raise _refused(f"{name}={text!r} is no number of seconds above 0")
    return seconds


def _refused(reason: str) -> SettingsError:
    return SettingsError(
        f"the runtime of a Dask cluster cannot be read: {reason}",
        hint="write it as 'dask://host:8786'; nothing was called",
        name="runtime",
    )
