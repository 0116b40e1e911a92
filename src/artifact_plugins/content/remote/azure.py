"""Bucket over adlfs: Azure Blob Storage."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import urlsplit

from adlfs import AzureBlobFileSystem
from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobBlock

from artifact_plugins.content.remote.bucket import WRITE_ID, Dangling, Entry, Piece
from artifact_plugins.content.remote.connection import Connection
from artifact_plugins.content.remote.faults import Fault, Kind, plain
from artifact_plugins.content.remote.retrying import retried

T = TypeVar("T")

_CODES: dict[str, Kind] = {
    "BlobNotFound": "missing",
    "InvalidRange": "missing",
    "ContainerNotFound": "nowhere",
    "ContainerBeingDeleted": "nowhere",
    "BlobAlreadyExists": "taken",
    "ConditionNotMet": "taken",
    "TargetConditionNotMet": "taken",
    "InvalidBlockList": "gone",
    "AuthenticationFailed": "forbidden",
}
_STATUSES: dict[int, Kind] = {
    401: "forbidden",
    403: "forbidden",
    404: "missing",
    409: "conflict",
    412: "taken",
    429: "busy",
    507: "full",
}
# The library's own policy waits 15 seconds before it tries again; ours begins
# at a fraction of one, so it alone repeats requests.
_ONCE = {"retry_total": 0, "connection_timeout": 10, "read_timeout": 60}
_PAGE = 1000
# The library makes bytes of what it sends in one request, and aiohttp warns of
# large ones: they hold up its loop.
_ONE_REQUEST_BYTES = 1024 * 1024


class AzureBucket:
    """Container `container` below `prefix` ("" or "a/b/")."""

    parts_in_parallel = True

    def __init__(self, container: str, prefix: str) -> None:
        self.title = f"Azure container {container!r}"
        self._container = container
        self._prefix = prefix
        self._connection = Connection(_filesystem, _end, _fault)

    @property
    def address(self) -> str:
        """Host of the account and container."""

        async def ask(filesystem: Any) -> str:
            return str(filesystem.service_client.primary_endpoint)

        url = urlsplit(self._connection.run(ask))
        return f"{url.netloc}{url.path.rstrip('/')}/{self._container}"

    def put(self, key: str, data: bytes, write_id: str, *, new: bool) -> None:
        """Write an object: one request up to 1 MiB, a block and its list above."""
        if len(data) > _ONE_REQUEST_BYTES:
            upload = AzureUpload(self, key, write_id, new=new)
            upload.part(0, 0, data, last=True)
            upload.complete(len(data))
            return
        self._blob(
            key,
            "upload_blob",
            data=data,
            length=len(data),
            overwrite=not new,
            metadata={WRITE_ID: write_id},
        )

    def get(self, key: str, start: int, stop: int) -> Piece:
        """Return a range of an object, checked to be complete."""

        async def read(filesystem: Any) -> Piece:
            answer = await self._client(filesystem, key).download_blob(
                offset=start, length=stop - start, **_ONCE
            )
            data = await answer.readall()
            # `size` is that of the range.
            size = int((answer.properties.content_range or "").rpartition("/")[2] or len(data))
            if len(data) != min(stop, size) - start:
                raise Fault("busy", "a truncated body")
            return Piece(data, size)

        return self._run(read)

    def head(self, key: str) -> Entry | None:
        """Describe an object; None when there is none."""
        try:
            found = self._blob(key, "get_blob_properties")
        except Fault as fault:
            if fault.kind == "missing":
                return None
            raise
        write_id = (found.metadata or {}).get(WRITE_ID, "")
        return Entry(key, found.size, found.last_modified.timestamp(), write_id)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield objects, a page of 1,000 per request."""
        token: str | None = None
        while True:
            found, following = retried(self, partial(self._page, prefix, token))
            yield from found
            if not following:
                return
            token = following

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        try:
            self._blob(key, "delete_blob")
        except Fault as fault:
            if fault.kind != "missing":
                raise

    def begin(self, key: str, write_id: str) -> AzureUpload:
        """Start an object in blocks; Azure learns of it with the first one."""
        return AzureUpload(self, key, write_id)

    def dangling(self, prefix: str) -> Iterator[Dangling]:
        """Yield nothing: Azure drops blocks that nobody committed after a week."""
        yield from ()

    def abort(self, dangling: Dangling) -> None:
        """Throw the blocks of an unfinished upload away."""
        AzureUpload(self, dangling.key, dangling.upload_id).abort()

    def reconnect(self) -> None:
        """Make a new client, which asks the provider chain again."""
        self._connection.renew()

    def close(self) -> None:
        """Close the client of this process."""
        self._connection.close()

    def call_upload(self, key: str, operation: str, **fields: Any) -> Any:
        """Call an operation on the blocks of an object."""
        return self._blob(key, operation, **fields)

    def _page(self, prefix: str, token: str | None) -> tuple[list[Entry], str | None]:
        async def read(filesystem: Any) -> tuple[list[Entry], str | None]:
            client = filesystem.service_client.get_container_client(self._container)
            pages = client.list_blobs(
                name_starts_with=self._prefix + prefix, results_per_page=_PAGE, **_ONCE
            ).by_page(token)
            async for page in pages:
                entries = [
                    Entry(
                        blob.name.removeprefix(self._prefix),
                        blob.size,
                        blob.last_modified.timestamp(),
                    )
                    async for blob in page
                ]
                return entries, pages.continuation_token
            return [], None

        return self._run(read)

    def _client(self, filesystem: Any, key: str) -> Any:
        return filesystem.service_client.get_blob_client(self._container, self._prefix + key)

    def _blob(self, key: str, operation: str, **fields: Any) -> Any:
        return self._run(
            lambda filesystem: getattr(self._client(filesystem, key), operation)(**fields, **_ONCE)
        )

    def _run(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        return self._connection.run(ask)


class AzureUpload:
    """Blocks of one object, which a list of them then joins."""

    def __init__(self, bucket: AzureBucket, key: str, write_id: str, *, new: bool = True) -> None:
        self._bucket = bucket
        self._key = key
        self._new = new
        self._write_id = write_id
        self._blocks: dict[int, str] = {}

    def part(self, number: int, offset: int, data: bytes, *, last: bool) -> None:
        """Send a block; its name is its number in this write."""
        # All names of one object have the same length, as Azure demands.
        name = f"{self._write_id}-{number:06}"
        self._call("stage_block", block_id=name, data=BytesIO(data), length=len(data))
        self._blocks[number] = name

    def complete(self, size_bytes: int) -> None:
        """Join the blocks."""
        blocks = [BlobBlock(block_id=name) for _, name in sorted(self._blocks.items())]
        self._commit(blocks)

    def abort(self) -> None:
        """Throw the blocks away: joining none of them drops all."""
        if not self._blocks:
            return
        try:
            self._commit([])
        except Fault as fault:
            if fault.kind == "taken":
                return
            raise
        self._bucket.delete(self._key)

    def _commit(self, blocks: list[BlobBlock]) -> None:
        condition = {"match_condition": MatchConditions.IfMissing} if self._new else {}
        self._call(
            "commit_block_list",
            block_list=blocks,
            metadata={WRITE_ID: self._write_id},
            **condition,
        )

    def _call(self, operation: str, **fields: Any) -> Any:
        return self._bucket.call_upload(self._key, operation, **fields)


def _filesystem() -> AzureBlobFileSystem:
    filesystem = AzureBlobFileSystem(use_listings_cache=False, skip_instance_cache=True)
    # It means to close itself at exit, by its own event loop. In a child of a
    # fork nobody runs that loop, and the exit would wait for it without end.
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        watched = finalizer.peek()
        if watched is not None and watched[0] is filesystem:
            finalizer.atexit = False
    return filesystem


async def _end(filesystem: AzureBlobFileSystem) -> None:
    await filesystem.service_client.close()


def _fault(error: Exception) -> Fault:
    name = type(error).__name__
    if isinstance(error, HttpResponseError) and error.status_code:
        status = error.status_code
        found = getattr(error, "error_code", None) or name
        code = plain(getattr(found, "value", found))
        fallback: Kind = "busy" if status >= 500 else "refused"
        return Fault(_CODES.get(code) or _STATUSES.get(status, fallback), f"{code} ({status})")
    if isinstance(error, ClientAuthenticationError):
        return Fault("forbidden", name)
    if isinstance(error, ValueError):
        # adlfs and azure.identity: neither an account nor a way to log in.
        return Fault("forbidden", "no account or no credentials")
    return Fault("busy" if isinstance(error, AzureError | OSError) else "refused", name)
