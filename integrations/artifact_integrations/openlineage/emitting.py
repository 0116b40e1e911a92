"""Hand events to OpenLineage's own client: to a file, a URL, or where the environment says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from openlineage.client.serde import Serde

from artifact_plugins.errors import BackendError, describe

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.transport import Transport

_RETRIES = 3  # with growing pauses: under three seconds


def to_json_lines(events: Iterable[RunEvent]) -> str:
    """Return one JSON object per line, as the file transport of the client writes them."""
    return "\n".join(Serde.to_json(event) for event in events)


def emit(events: Sequence[RunEvent], target: str | Path | None = None) -> int:
    """Send events, in their order, through OpenLineage's client.

    Args:
        events: What `run_events` made.
        target: `http://` or `https://` URL of a server, with the key in
            `OPENLINEAGE_API_KEY` if it wants one; the path of a file, to which
            lines are added; or None: whatever `OPENLINEAGE_URL`, the other
            variables of the client or its configuration file say.

    Returns:
        How many were sent.

    Raises:
        BackendError: One could not be sent; `sent` of them were. Sending all
            of them again is safe: events of one run replace each other.
    """
    name, sent = _shown(target), 0
    try:
        client = _client(target)
    except Exception as error:
        raise _not_sent(name, sent, len(events), error) from error
    try:
        for event in events:
            client.emit(event)
            sent += 1
    except Exception as error:
        # The client raises whatever its transport does: requests, OSError, RuntimeError.
        raise _not_sent(name, sent, len(events), error) from error
    finally:
        client.close()
    return sent


def _not_sent(name: str, sent: int, count: int, error: Exception) -> BackendError:
    return BackendError(
        f"{sent} of {count} OpenLineage events were sent to {name}: {describe(error)}",
        hint="the ledger has the run; send the events again when the server can be reached",
        sent=sent,
    )


def _client(target: str | Path | None) -> OpenLineageClient:
    from openlineage.client import OpenLineageClient  # late: drawing needs no network library

    return OpenLineageClient(transport=None if target is None else _transport(target))


def _transport(target: str | Path) -> Transport:
    # Late, as above.
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import (
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )
    from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG

    if not _is_url(target):
        return FileTransport(FileConfig(log_file_path=str(target), append=True))
    key = os.environ.get("OPENLINEAGE_API_KEY")
    auth = ApiKeyTokenProvider({"api_key": key}) if key else TokenProvider({})
    retry = {**DEFAULT_RETRY_CONFIG, "total": _RETRIES, "read": _RETRIES, "connect": _RETRIES}
    return HttpTransport(HttpConfig(url=str(target), auth=auth, retry=retry))


def _is_url(target: str | Path) -> bool:
    return isinstance(target, str) and target.startswith(("http://", "https://"))


def _shown(target: str | Path | None) -> str:
    """Return a target for people, without the credentials a URL may hold."""
    if target is None:
        return "the configured OpenLineage transport"
    if not _is_url(target):
        return str(target)
    parts = urlsplit(str(target))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
