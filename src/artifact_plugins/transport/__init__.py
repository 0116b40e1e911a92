"""HTTP to backends: one client, every fault of the network a named error.

url.py           BackendUrl: `zenml+http://host:port/?project=...`, taken apart and checked
credentials.py   Credentials: from a reference, the environment or the keyring, never from the URL
client.py        HttpClient: one request at a time, with deadlines, limits and one renewed login
answers.py       HttpAnswer, and which error an unwanted one is
retry_after.py   seconds of a Retry-After header

Backends and nobody else import it; urllib3 is loaded with the first backend.
"""

from __future__ import annotations

from artifact_plugins.transport.answers import HttpAnswer
from artifact_plugins.transport.client import HttpClient, quoted
from artifact_plugins.transport.credentials import Credentials
from artifact_plugins.transport.url import BackendUrl

__all__ = ["BackendUrl", "Credentials", "HttpAnswer", "HttpClient", "quoted"]
