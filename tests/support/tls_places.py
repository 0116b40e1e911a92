"""Certificates made for a test, servers that speak TLS with them, and a proxy that remembers."""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Papers:
    """Files of a certificate: of its authority, and of itself with its key."""

    authority: Path
    chain: Path


def papers(folder: Path, *hosts: str, days: int = 30) -> Papers:
    """Make an authority and a certificate for hosts; negative days are long over."""
    folder.mkdir()
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _named("authority of the test")
    root = _unsigned(issuer, issuer, root_key, 30).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
    leaf = _unsigned(_named(hosts[0]), issuer, key, days).add_extension(names, critical=False)
    authority, chain = folder / "authority.pem", folder / "chain.pem"
    pem = serialization.Encoding.PEM
    authority.write_bytes(root.sign(root_key, hashes.SHA256()).public_bytes(pem))
    chain.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.sign(root_key, hashes.SHA256()).public_bytes(pem)
    )
    return Papers(authority, chain)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    ends = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=60))
        .not_valid_after(ends)
    )


def speak_tls(server: ThreadingHTTPServer, chain: Path) -> None:
    """Have a server that listens already speak TLS to whoever comes from now on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)


@dataclass
class Place:
    """A server of a test.

    Attributes:
        port: On 127.0.0.1.
        asked: The first line of every request, and its headers by lower-case name.
    """

    port: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [line for line, _ in self.asked]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who does not trust a certificate hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place: Place

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base
        """Say nothing."""

    def _remember(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.place.asked.append((self.requestline, headers))

    def do_GET(self) -> None:
        self._remember()
        self._answer(200, b'{"here": true}')

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def shop(chain: Path | None = None) -> Iterator[Place]:
    """Run a server that answers every GET; with a certificate it speaks TLS."""
    with _running(_Handler, chain) as place:
        yield place


@contextmanager
def http_proxy(login: str | None = None, leads_to: int | None = None) -> Iterator[Place]:
    """Run a proxy: it answers itself what is asked for in the open, and tunnels to one port.

    Args:
        login: The `Proxy-Authorization` that it wants; None for any.
        leads_to: The port on 127.0.0.1 at the end of every tunnel.
    """

    class Handler(_Handler):
        def do_GET(self) -> None:
            self._remember()
            if self._is_let_in():
                self._answer(200, b'{"through": true}')

        def do_CONNECT(self) -> None:
            self._remember()
            if self._is_let_in():
                self.send_response(200)
                self.end_headers()
                with socket.create_connection(("127.0.0.1", leads_to or 0)) as other:
                    _tunnel(self.connection, other)
                self.close_connection = True

        def _is_let_in(self) -> bool:
            is_in = login is None or self.headers.get("Proxy-Authorization") == login
            if not is_in:
                self._answer(407, b"", ("Proxy-Authenticate", "Basic"))
            return is_in

    with _running(Handler, None) as place:
        yield place


@contextmanager
def _running(handler: type[_Handler], chain: Path | None) -> Iterator[Place]:
    place = Place()
    server = _Server(("127.0.0.1", 0), type("Handler", (handler,), {"place": place}))
    place.port = server.server_address[1]
    if chain is not None:
        speak_tls(server, chain)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()


def _tunnel(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [], 10)[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)
