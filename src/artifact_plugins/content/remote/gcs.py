"""Bucket over gcsfs: Google Cloud Storage, by its JSON interface."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from aiohttp import ClientError, ClientTimeout
from gcsfs.core import GCSFileSystem, UnclosableBytesIO
from gcsfs.retry import HttpError
from google.auth.exceptions import GoogleAuthError, RefreshError
from requests.exceptions import RequestException

from artifact_plugins.content.remote.bucket import WRITE_ID, Dangling, Entry, Piece
from artifact_plugins.content.remote.connection import Connection
from artifact_plugins.content.remote.faults import Fault, Kind
from artifact_plugins.content.remote.retrying import retried

T = TypeVar("T")

_STATUSES: dict[int, Kind] = {
    401: "forbidden",
    403: "forbidden",
    404: "missing",
    409: "conflict",
    410: "gone",
    412: "taken",
    416: "missing",
    429: "exhausted",
    507: "full",
}
_ABSENT = {"ifGenerationMatch": "0"}
_BINARY = "application/octet-stream"


class GcsBucket:
    """Bucket `bucket` below `prefix` ("" or "a/b/").

    Requests that fail are repeated by gcsfs (six attempts, exponential
    backoff with jitter).
    """

    # The chunks of a resumable upload have an order.
    parts_in_parallel = False

    def __init__(self, bucket: str, prefix: str) -> None:
        self.title = f"GCS bucket {bucket!r}"
        self._bucket = bucket
        self._prefix = prefix
        self._connection = Connection(_filesystem, _end, _fault)

    @property
    def address(self) -> str:
        """Host of the endpoint and bucket."""

        async def ask(filesystem: Any) -> str:
            return str(filesystem._location)

        return f"{urlsplit(self._connection.run(ask)).netloc}/{self._bucket}"

    def put(self, key: str, data: bytes, write_id: str, *, new: bool) -> None:
        """Write an object in one request: its description and its bytes, joined."""
        # gcsfs joins them with a fixed mark, which a payload may contain.
        mark = secrets.token_hex(16)
        described = json.dumps(self._described(key, write_id))
        body = b"".join(
            (
                f"--{mark}\r\nContent-Type: application/json\r\n\r\n{described}\r\n".encode(),
                f"--{mark}\r\nContent-Type: {_BINARY}\r\n\r\n".encode(),
                data,
                f"\r\n--{mark}--".encode(),
            )
        )
        self._upload(
            "multipart",
            headers={"Content-Type": f"multipart/related; boundary={mark}"},
            data=UnclosableBytesIO(body),
            **(_ABSENT if new else {}),
        )

    def get(self, key: str, start: int, stop: int) -> Piece:
        """Return a range of an object, checked to be complete."""
        wanted = {"Range": f"bytes={start}-{stop - 1}"}
        try:
            headers, data = self._call("GET", self._named(key), headers=wanted, alt="media")
        except Fault as fault:
            # No range of an empty object can be asked for.
            if fault.said == "416" and start == 0:
                found = self.head(key)
                if found is not None and found.size_bytes == 0:
                    return Piece(b"", 0)
            raise
        size = int(headers.get("Content-Range", "").rpartition("/")[2] or len(data))
        if len(data) != min(stop, size) - start:
            raise Fault("busy", "a truncated body")
        return Piece(data, size)

    def head(self, key: str) -> Entry | None:
        """Describe an object; None when there is none."""
        try:
            return self._entry(self._json("GET", self._named(key)))
        except Fault as fault:
            if fault.kind == "missing":
                return None
            raise

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield objects, a page of 1,000 per request."""
        token: str | None = None
        while True:
            page = retried(self, partial(self._page, prefix, token))
            yield from map(self._entry, page.get("items", ()))
            token = page.get("nextPageToken")
            if not token:
                return

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        try:
            self._call("DELETE", self._named(key))
        except Fault as fault:
            if fault.kind != "missing":
                raise

    def begin(self, key: str, write_id: str) -> GcsUpload:
        """Start a resumable upload."""
        headers, _ = self._upload(
            "resumable",
            json=self._described(key, write_id),
            headers={"X-Upload-Content-Type": _BINARY},
            **_ABSENT,
        )
        return GcsUpload(self, headers["Location"])

    def dangling(self, prefix: str) -> Iterator[Dangling]:
        """Yield nothing: GCS does not list its uploads, and drops them after a week."""
        yield from ()

    def abort(self, dangling: Dangling) -> None:
        """Throw an unfinished upload away."""
        GcsUpload(self, dangling.upload_id).abort()

    def reconnect(self) -> None:
        """Make a new client, which asks the provider chain again."""
        self._connection.renew()

    def close(self) -> None:
        """Close the client of this process."""
        self._connection.close()

    def call_upload(self, method: str, location: str, **fields: Any) -> tuple[Any, bytes]:
        """Send a request to the URL of a resumable upload."""
        return self._call(method, location, missing="gone", **fields)

    def _named(self, key: str) -> str:
        return f"b/{quote(self._bucket, safe='')}/o/{quote(self._prefix + key, safe='')}"

    def _described(self, key: str, write_id: str) -> dict[str, Any]:
        return {"name": self._prefix + key, "metadata": {WRITE_ID: write_id}}

    def _entry(self, found: dict[str, Any]) -> Entry:
        return Entry(
            found["name"].removeprefix(self._prefix),
            int(found.get("size", 0)),
            datetime.fromisoformat(found["updated"]).timestamp(),
            found.get("metadata", {}).get(WRITE_ID, ""),
        )

    def _upload(self, kind: str, **fields: Any) -> tuple[Any, bytes]:
        async def send(filesystem: Any) -> tuple[Any, bytes]:
            path = f"{filesystem._location}/upload/storage/v1/b/{quote(self._bucket, safe='')}/o"
            answer: tuple[Any, bytes] = await filesystem._call(
                "POST", path, uploadType=kind, **fields
            )
            return answer

        return self._run(send, missing="nowhere")

    def _page(self, prefix: str, token: str | None) -> Any:
        return self._json(
            "GET",
            f"b/{quote(self._bucket, safe='')}/o",
            prefix=self._prefix + prefix,
            maxResults=1000,
            pageToken=token,
            missing="nowhere",
        )

    def _json(self, method: str, path: str, *, missing: Kind = "missing", **fields: Any) -> Any:
        _, data = self._call(method, path, missing=missing, **fields)
        try:
            return json.loads(data)
        except ValueError as error:
            raise Fault("busy", "an answer that is not JSON") from error

    def _call(
        self, method: str, path: str, *, missing: Kind = "missing", **fields: Any
    ) -> tuple[Any, bytes]:
        async def ask(filesystem: Any) -> tuple[Any, bytes]:
            answer: tuple[Any, bytes] = await filesystem._call(method, path, **fields)
            return answer

        return self._run(ask, missing)

    def _run(self, ask: Callable[[Any], Awaitable[T]], missing: Kind = "missing") -> T:
        try:
            return self._connection.run(ask)
        except Fault as fault:
            if fault.kind == "missing" and fault.said == "404":
                raise Fault(missing, "404") from fault.__cause__
            raise


class GcsUpload:
    """A resumable upload: chunks in order, to a URL that is a secret."""

    def __init__(self, bucket: GcsBucket, location: str) -> None:
        self._bucket = bucket
        self._location = location
        self._kept_bytes = 0
        self._done = False

    def part(self, number: int, offset: int, data: bytes, *, last: bool) -> None:
        """Send a chunk; what GCS did not keep of it is sent again."""
        stop = offset + len(data)
        total = str(stop) if last else "*"
        while not self._done:
            start = max(offset, self._kept_bytes)
            if start >= stop:
                return
            headers, answer = self._bucket.call_upload(
                "PUT",
                self._location,
                headers={"Content-Range": f"bytes {start}-{stop - 1}/{total}"},
                data=UnclosableBytesIO(data[start - offset :]),
            )
            self._done = last and _is_object(answer, stop)
            self._kept_bytes = int(headers.get("Range", "").rpartition("-")[2] or -1) + 1
            if self._kept_bytes <= start and not self._done:
                kind: Kind = "busy" if self._kept_bytes >= offset else "refused"
                raise Fault(kind, "a resumable upload that kept nothing")

    def complete(self, size_bytes: int) -> None:
        """Check that the last chunk finished the object."""
        if not self._done:
            raise Fault("refused", "a resumable upload that does not end")

    def abort(self) -> None:
        """Throw the upload away; 499 is how GCS says that it did."""
        try:
            self._bucket.call_upload("DELETE", self._location)
        except Fault as fault:
            if fault.kind != "gone":
                raise


def _is_object(answer: bytes, size_bytes: int) -> bool:
    # The end of an upload is answered with a description of the object.
    try:
        found = json.loads(answer)
        return int(found["size"]) == size_bytes
    except (ValueError, LookupError, TypeError):
        return False


def _filesystem() -> GCSFileSystem:
    emulated = os.environ.get("STORAGE_EMULATOR_HOST", "") not in ("", "default")
    # The class of gcsfs.core: the one that `gcsfs` offers asks each bucket by
    # gRPC whether it is a hierarchical one before it does anything.
    return GCSFileSystem(
        token="anon" if emulated else None,
        requests_timeout=ClientTimeout(total=None, sock_connect=10, sock_read=60),
        use_listings_cache=False,
        skip_instance_cache=True,
    )


async def _end(filesystem: GCSFileSystem) -> None:
    if filesystem.session is not None:
        await filesystem.session.close()


def _fault(error: Exception) -> Fault:
    if isinstance(error, HttpError):
        try:
            status = int(error.code or 0)
        except ValueError:
            status = 0
        fallback: Kind = "exhausted" if status >= 500 else "refused"
        return Fault(_STATUSES.get(status, fallback), str(status))
    name = type(error).__name__
    if isinstance(error, FileNotFoundError):
        return Fault("missing", "404")
    if isinstance(error, FileExistsError):
        return Fault("taken", "412")
    if isinstance(error, RefreshError):
        return Fault("expired", name)
    if isinstance(error, GoogleAuthError):
        return Fault("forbidden", name)
    if type(error) is OSError and str(error).startswith("Forbidden"):
        return Fault("forbidden", "403")
    if isinstance(error, ClientError | RequestException):
        return Fault("exhausted", name)
    # ValueError is what gcsfs makes of any answer that holds the word "invalid".
    return Fault("busy" if isinstance(error, OSError) else "refused", name)
