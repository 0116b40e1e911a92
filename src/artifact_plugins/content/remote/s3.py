"""Bucket over s3fs: S3 and whatever speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientError as HttpError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from s3fs import S3FileSystem

from artifact_plugins.content.remote.bucket import WRITE_ID, Dangling, Entry, Piece
from artifact_plugins.content.remote.connection import Connection
from artifact_plugins.content.remote.faults import Fault, Kind, plain
from artifact_plugins.content.remote.retrying import retried
from artifact_plugins.errors import StoreCapabilityError

T = TypeVar("T")

_CODES: dict[str, Kind] = {
    "NoSuchKey": "missing",
    "NoSuchBucket": "nowhere",
    "NoSuchUpload": "gone",
    "PreconditionFailed": "taken",
    "ConditionalRequestConflict": "conflict",
    "OperationAborted": "conflict",
    "ExpiredToken": "expired",
    "ExpiredTokenException": "expired",
    "TokenRefreshRequired": "expired",
    "QuotaExceeded": "full",
    "XMinioStorageFull": "full",
    "InvalidRange": "missing",
}
_STATUSES: dict[int, Kind] = {
    401: "forbidden",
    403: "forbidden",
    404: "missing",
    409: "conflict",
    412: "taken",
    429: "exhausted",
    507: "full",
}
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)
# Single sign-on and roles that are to be assumed again.
_STALE_CREDENTIALS = (CredentialRetrievalError, TokenRetrievalError)
_CONDITIONAL = ("PutObject", "CompleteMultipartUpload")


class S3Bucket:
    """Bucket `bucket` below `prefix` ("" or "a/b/").

    Requests that fail are repeated by botocore (mode `standard`: exponential
    backoff with jitter) unless AWS_RETRY_MODE or AWS_MAX_ATTEMPTS say how.
    """

    parts_in_parallel = True

    def __init__(self, bucket: str, prefix: str) -> None:
        self.title = f"S3 bucket {bucket!r}"
        self._bucket = bucket
        self._prefix = prefix
        self._connection = Connection(_filesystem, _end, _fault)
        self._checked = False

    @property
    def address(self) -> str:
        """Host of the endpoint and bucket."""

        async def ask(filesystem: Any) -> str:
            return str((await filesystem.set_session()).meta.endpoint_url)

        return f"{urlsplit(self._connection.run(ask)).netloc}/{self._bucket}"

    def put(self, key: str, data: bytes, write_id: str, *, new: bool) -> None:
        """Write an object in one request."""
        condition = {"IfNoneMatch": "*"} if new else {}
        metadata = {WRITE_ID: write_id}
        self._call("put_object", key, Body=BytesIO(data), Metadata=metadata, **condition)

    def get(self, key: str, start: int, stop: int) -> Piece:
        """Return a range of an object, checked to be complete."""

        async def read(filesystem: Any) -> Piece:
            async with _body(filesystem, **self._named(key), Range=f"bytes={start}-{stop - 1}") as (
                answer,
                body,
            ):
                data = await body.read()
            size = int(answer.get("ContentRange", "").rpartition("/")[2] or len(data))
            if len(data) != min(stop, size) - start:
                raise Fault("busy", "a truncated body")
            return Piece(data, size)

        try:
            return self._run(read)
        except Fault as fault:
            # No range of an empty object can be asked for.
            if fault.said.startswith("InvalidRange") and start == 0:
                found = self.head(key)
                if found is not None and found.size_bytes == 0:
                    return Piece(b"", 0)
            raise

    def head(self, key: str) -> Entry | None:
        """Describe an object; None when there is none."""
        try:
            answer = self._call("head_object", key)
        except Fault as fault:
            if fault.kind == "missing":
                return None
            raise
        return Entry(
            key,
            answer["ContentLength"],
            answer["LastModified"].timestamp(),
            answer.get("Metadata", {}).get(WRITE_ID, ""),
        )

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield objects, a page of 1,000 per request."""
        more: dict[str, str] = {}
        while True:
            page = self._page("list_objects_v2", prefix, more)
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self._prefix)
                yield Entry(key, found["Size"], found["LastModified"].timestamp())
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, key: str) -> None:
        """Remove an object; S3 does not tell whether there was one."""
        try:
            self._call("delete_object", key)
        except Fault as fault:
            if fault.kind != "missing":
                raise

    def begin(self, key: str, write_id: str) -> S3Upload:
        """Start a multipart upload."""
        answer = self._call("create_multipart_upload", key, Metadata={WRITE_ID: write_id})
        return S3Upload(self, key, answer["UploadId"])

    def dangling(self, prefix: str) -> Iterator[Dangling]:
        """Yield the unfinished multipart uploads."""
        more: dict[str, str] = {}
        while True:
            page = self._page("list_multipart_uploads", prefix, more)
            for found in page.get("Uploads", ()):
                key, upload_id = found["Key"].removeprefix(self._prefix), found["UploadId"]
                try:
                    parts = list(self._parts(key, upload_id))
                except Fault as fault:
                    if fault.kind in ("gone", "missing"):
                        continue
                    raise
                times = [found["Initiated"], *(part["LastModified"] for part in parts)]
                size = sum(part["Size"] for part in parts)
                yield Dangling(key, upload_id, size, max(time.timestamp() for time in times))
            if not page.get("IsTruncated"):
                return
            more = {
                "KeyMarker": page["NextKeyMarker"],
                "UploadIdMarker": page["NextUploadIdMarker"],
            }

    def abort(self, dangling: Dangling) -> None:
        """Abort a multipart upload."""
        S3Upload(self, dangling.key, dangling.upload_id).abort()

    def reconnect(self) -> None:
        """Make a new client, which asks the provider chain again."""
        self._connection.renew()

    def close(self) -> None:
        """Close the client of this process."""
        self._connection.close()

    def call_upload(self, operation: str, key: str, upload_id: str, **fields: Any) -> Any:
        """Call an operation on a multipart upload of this bucket."""
        return self._call(operation, key, UploadId=upload_id, **fields)

    def _page(self, operation: str, prefix: str, more: dict[str, str]) -> Any:
        return retried(
            self, lambda: self._call(operation, None, Prefix=self._prefix + prefix, **more)
        )

    def _parts(self, key: str, upload_id: str) -> Iterator[Any]:
        marker: dict[str, int] = {}
        while True:
            page = self.call_upload("list_parts", key, upload_id, **marker)
            yield from page.get("Parts", ())
            if not page.get("IsTruncated"):
                return
            marker = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def _named(self, key: str | None) -> dict[str, str]:
        return {"Bucket": self._bucket} | ({} if key is None else {"Key": self._prefix + key})

    def _call(self, operation: str, key: str | None, **fields: Any) -> Any:
        return self._run(
            lambda filesystem: filesystem._call_s3(operation, **self._named(key), **fields)
        )

    def _run(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        async def checked(filesystem: Any) -> T:
            if not self._checked:
                _check_client(await filesystem.set_session())
                self._checked = True
            return await ask(filesystem)

        return self._connection.run(checked)


class S3Upload:
    """A multipart upload."""

    def __init__(self, bucket: S3Bucket, key: str, upload_id: str) -> None:
        self._bucket = bucket
        self._key = key
        self._upload_id = upload_id
        self._tags: dict[int, str] = {}

    def part(self, number: int, offset: int, data: bytes, *, last: bool) -> None:
        """Send a part; S3 counts them from 1."""
        answer = self._call("upload_part", PartNumber=number + 1, Body=BytesIO(data))
        self._tags[number + 1] = answer["ETag"]

    def complete(self, size_bytes: int) -> None:
        """Join the parts."""
        parts = [{"PartNumber": n, "ETag": tag} for n, tag in sorted(self._tags.items())]
        self._call("complete_multipart_upload", MultipartUpload={"Parts": parts}, IfNoneMatch="*")

    def abort(self) -> None:
        """Throw the parts away; nothing happens when they are."""
        try:
            self._call("abort_multipart_upload")
        except Fault as fault:
            if fault.kind not in ("gone", "missing"):
                raise

    def _call(self, operation: str, **fields: Any) -> Any:
        return self._bucket.call_upload(operation, self._key, self._upload_id, **fields)


def _filesystem() -> S3FileSystem:
    # Read by botocore from the environment, unless we would say otherwise.
    chosen = os.environ.keys() & {"AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"}
    retries = {} if chosen else {"retries": {"mode": "standard", "total_max_attempts": 6}}
    filesystem = S3FileSystem(
        config_kwargs={
            "connect_timeout": 10,
            "read_timeout": 60,
            "max_pool_connections": 32,
            **retries,
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    # botocore repeats requests; a second loop around it would multiply them.
    filesystem.retries = 1
    return filesystem


def _check_client(client: Any) -> None:
    # s3fs drops parameters that its botocore does not know, without a word.
    for operation in _CONDITIONAL:
        known = client.meta.service_model.operation_model(operation).input_shape.members
        if "IfNoneMatch" not in known:
            raise StoreCapabilityError(
                f"the installed botocore cannot make {operation} conditional",
                hint="nothing was written; install artifact-plugins[s3] with newer versions",
            )


@asynccontextmanager
async def _body(filesystem: Any, **fields: str) -> AsyncIterator[tuple[Any, Any]]:
    answer = await filesystem._call_s3("get_object", **fields)
    try:
        async with answer["Body"] as body:
            yield answer, body
    except (OSError, BotoCoreError, HttpError, ValueError) as error:
        # botocore is done when the headers are there; a cut body is ours to repeat.
        raise Fault("busy", f"a cut body ({type(error).__name__})") from error


async def _end(filesystem: S3FileSystem) -> None:
    if filesystem._s3 is not None:
        await filesystem._s3.close()


def _fault(error: Exception) -> Fault:
    cause = error if isinstance(error, ClientError) else error.__cause__
    if isinstance(cause, ClientError):
        status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = plain(cause.response.get("Error", {}).get("Code", ""))
        fallback: Kind = "exhausted" if status >= 500 else "refused"
        kind = _CODES.get(code) or _STATUSES.get(status, fallback)
        if code in ("SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"):
            kind = "exhausted"
        return Fault(kind, code if code == str(status) else f"{code} ({status})")
    name = type(error).__name__
    if isinstance(error, _NO_CREDENTIALS):
        return Fault("forbidden", "no credentials")
    if isinstance(error, _STALE_CREDENTIALS):
        return Fault("expired", name)
    if isinstance(error, BotoCoreError):
        return Fault("exhausted", name)
    is_passing = isinstance(error, OSError | HttpError | ResponseParserError)
    return Fault("busy" if is_passing else "refused", name)
