"""Runs a face as a server until it is told to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from artifact_plugins.errors import SettingsError
from artifact_plugins.faces.kfp.access import USER_HEADER
from artifact_plugins.faces.kfp.application import application
from artifact_plugins.faces.kfp.doors import LOOPBACK, check_address
from artifact_plugins.faces.kfp.face import Face


def serve(
    face: Face,
    *,
    host: str = "127.0.0.1",
    port: int = 8888,
    hosts: Sequence[str] = (),
    user_header: str = USER_HEADER,
    user_prefix: str = "",
    certificate: Path | None = None,
    key: Path | None = None,
    behind_proxy: bool = False,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        face: What is served.
        host: Address to listen on.
        port: 0 takes a free one.
        hosts: Further names that requests may be addressed to.
        user_header: Names the user in multi-user mode.
        user_prefix: What stands before the user in that header.
        certificate: PEM file; with `key` the server speaks TLS.
        key: PEM file of the certificate's key.
        behind_proxy: Whether a proxy encrypts what reaches this address.
        announce: Called with the URL as soon as connections are taken.

    Raises:
        SettingsError: The address may not or cannot be listened on, or a file cannot be used.
    """
    if (certificate is None) != (key is None):
        raise SettingsError(
            "a certificate and its key belong together, and one of them is missing",
            hint="nothing was started",
        )
    check_address(
        host,
        has_token=face.access.token is not None,
        is_encrypted=certificate is not None,
        behind_proxy=behind_proxy,
    )
    config = uvicorn.Config(
        application(
            face,
            hosts=[*LOOPBACK, host.lower(), *(one.lower() for one in hosts)],
            user_header=user_header,
            user_prefix=user_prefix,
        ),
        log_level="warning",
        access_log=False,  # a URL may hold what people asked for
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=10,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:
        raise SettingsError(
            f"the certificate or its key cannot be used: {error.strerror or error}",
            hint="nothing was started",
        ) from error
    with _listening(host, port) as listener:
        scheme = "http" if certificate is None else "https"
        shown = f"[{host}]" if ":" in host else host
        announce(f"{scheme}://{shown}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
        # Inherited by what it accepts: else an answer waits 40 ms for its last part.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"address {host!r} port {port} cannot be listened on: "
            f"{getattr(error, 'strerror', None) or error}",
            hint="nothing was started; choose another --port",
            host=host,
            port=port,
        ) from error
