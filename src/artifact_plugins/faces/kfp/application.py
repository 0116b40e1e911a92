"""The ASGI application: one request from bytes to bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from artifact_plugins.errors import ArtifactPluginsError, InputError, LedgerBusyError
from artifact_plugins.faces.kfp.access import USER_HEADER, Caller
from artifact_plugins.faces.kfp.doors import check_host, check_origin
from artifact_plugins.faces.kfp.face import Call, Face
from artifact_plugins.faces.kfp.health import healthz
from artifact_plugins.faces.kfp.protojson import decode, encode, read, write
from artifact_plugins.faces.kfp.refusals import Refusal, gateway, internal, invalid
from artifact_plugins.faces.kfp.routes import Route, Router, read_query

MOST_BODY_BYTES = 64 * 1024 * 1024
BODY_SECONDS = 60.0
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_log = logging.getLogger(__name__)


def application(
    face: Face,
    *,
    hosts: Sequence[str],
    user_header: str = USER_HEADER,
    user_prefix: str = "",
    most_body_bytes: int = MOST_BODY_BYTES,
) -> ASGIApp:
    """Return the application of one face.

    Args:
        face: What it serves.
        hosts: Names that a request may be addressed to, without ports.
        user_header: In multi-user mode: which header names the user.
        user_prefix: What stands before the user in that header.
        most_body_bytes: A larger body is refused.
    """
    router = Router(face.dialect)

    async def answer(request: Request) -> Response:
        try:
            check_host(request.headers.getlist("host"), hosts)
            check_origin(request.headers.get("origin"), request.method, hosts)
            route, path = router.find(request.method, request.scope["path"])
            # Before the body is read: strangers are not worth the memory.
            caller = known(route, request)
            query = read_query(route, request.query_params.multi_items())
            body = await _body(request, most_body_bytes)
            call = partial(_answered, face, route, Call(caller, path, query, {}), body)
            return _response(200, await run_in_threadpool(call))
        except Refusal as refusal:
            return _response(refusal.http, refusal.body(), refusal.headers)

    def known(route: Route, request: Request) -> Caller:
        if route.service is healthz:
            return Caller()
        user = request.headers.get(user_header, "")
        named = user.removeprefix(user_prefix) if user.startswith(user_prefix) else ""
        return face.access.caller(request.headers.get("authorization", ""), named)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            response = await answer(Request(scope, receive))
            await response(scope, receive, send)

    return served


def _answered(face: Face, route: Route, call: Call, body: bytes) -> dict[str, Any]:
    """Return the JSON of an answer; whatever is raised is a refusal."""
    try:
        message: dict[str, Any] = {}
        if route.body is not None and body:
            message = read(route.body, decode(body))
        result = route.service(face, replace(call, body=message, has_body=bool(body)))
        return write(route.answer, result)
    except Refusal:
        raise
    except Exception as error:  # no traceback leaves the process
        raise _failed(error) from error


async def _body(request: Request, most: int) -> bytes:
    """Return the body, unless it is too large or does not come."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
    except TimeoutError as error:
        raise gateway(4, "the body did not arrive in time", 408) from error
    except ClientDisconnect as error:
        raise gateway(1, "the client went away", 400) from error
    return b"".join(parts)


def _too_large(most: int) -> Refusal:
    return gateway(8, f"the body is larger than {most} bytes", 413, connection="close")


def _failed(error: Exception) -> Refusal:
    """Return what is said of an error that no rule foresaw."""
    if isinstance(error, InputError):
        return invalid(error.message)
    if isinstance(error, LedgerBusyError):
        return gateway(14, "the ledger is locked by others; try again", 503)
    _log.error("a request failed", exc_info=error)
    what = error.code if isinstance(error, ArtifactPluginsError) else type(error).__name__
    return internal(f"the ledger did not take it ({what})")


def _response(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(
        encode(content),
        status_code=status,
        media_type="application/json",
        headers={**_HEADERS, **(headers or {})},
    )
