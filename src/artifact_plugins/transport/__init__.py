"""What authors of backends build on: HTTP with named errors, and what every registry needs done.

Speaking to a server:

url.py           BackendUrl: `zenml+http://host:port/?project=...`, taken apart and checked
credentials.py   Credentials: from a reference, the environment or the keyring, never from the URL
client.py        HttpClient: one request at a time, with deadlines, limits and one renewed login
connections.py   connections that keep the deadline of a whole request
answers.py       HttpAnswer, and which error an unwanted one is
reaching.py      proxies and certificates of the environment; what no patience mends
retry_after.py   seconds of a Retry-After header
refusals.py      is_missing, is_taken, unless_missing, no_version: what a refusal says
releases.py      release_of, check_release: whether the server is of a release that is known

Carrying records:

making.py        is_noted, noted_id, made_once, found_or_made, once_more: nothing is made twice
spelling.py      compact, sha256_of, digest_of, clipped, parts_of: equal records, equal texts
json_values.py   first_unfit: what JSON cannot hold, named before it is sent
pages.py         page_of, token_of, place_of, no_token: a listing, every answer checked here

Backends and nobody else import it; each name is imported when it is first
asked for, urllib3 with the first backend. A complete backend is in docs/backends.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.late import late_names

if TYPE_CHECKING:
    from artifact_plugins.transport.answers import HttpAnswer as HttpAnswer
    from artifact_plugins.transport.client import HttpClient as HttpClient
    from artifact_plugins.transport.client import quoted as quoted
    from artifact_plugins.transport.credentials import Credentials as Credentials
    from artifact_plugins.transport.json_values import Unfit as Unfit
    from artifact_plugins.transport.json_values import first_unfit as first_unfit
    from artifact_plugins.transport.making import found_or_made as found_or_made
    from artifact_plugins.transport.making import is_noted as is_noted
    from artifact_plugins.transport.making import made_once as made_once
    from artifact_plugins.transport.making import noted_id as noted_id
    from artifact_plugins.transport.making import once_more as once_more
    from artifact_plugins.transport.pages import no_token as no_token
    from artifact_plugins.transport.pages import page_of as page_of
    from artifact_plugins.transport.pages import place_of as place_of
    from artifact_plugins.transport.pages import token_of as token_of
    from artifact_plugins.transport.refusals import is_missing as is_missing
    from artifact_plugins.transport.refusals import is_taken as is_taken
    from artifact_plugins.transport.refusals import no_version as no_version
    from artifact_plugins.transport.refusals import unless_missing as unless_missing
    from artifact_plugins.transport.releases import check_release as check_release
    from artifact_plugins.transport.releases import release_of as release_of
    from artifact_plugins.transport.spelling import clipped as clipped
    from artifact_plugins.transport.spelling import compact as compact
    from artifact_plugins.transport.spelling import digest_of as digest_of
    from artifact_plugins.transport.spelling import parts_of as parts_of
    from artifact_plugins.transport.spelling import sha256_of as sha256_of
    from artifact_plugins.transport.url import BackendUrl as BackendUrl

_NAMES = {
    "answers": ("HttpAnswer",),
    "client": ("HttpClient", "quoted"),
    "credentials": ("Credentials",),
    "json_values": ("Unfit", "first_unfit"),
    "making": ("found_or_made", "is_noted", "made_once", "noted_id", "once_more"),
    "pages": ("no_token", "page_of", "place_of", "token_of"),
    "refusals": ("is_missing", "is_taken", "no_version", "unless_missing"),
    "releases": ("check_release", "release_of"),
    "spelling": ("clipped", "compact", "digest_of", "parts_of", "sha256_of"),
    "url": ("BackendUrl",),
}

if not TYPE_CHECKING:  # a type checker must not believe that every name exists
    __all__, __getattr__, __dir__ = late_names(globals(), _NAMES)
