"""Artifact store components for the stores that versions lie in, and who can read them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.errors import (
    BackendError,
    BackendRejectedError,
    BackendUnavailableError,
)
from artifact_plugins.records import ArtifactVersion
from artifact_plugins.transport import found_or_made, made_once, sha256_of

from .previews import FOLDER
from .server import Server
from .sources import MATERIALIZER

KIND = "zenml.store"
# scheme of a store -> flavor of its component
_FLAVORS = {"file": "local", "s3": "s3", "gs": "gcp", "az": "azure"}
_IN_STORE = re.compile(r"(?P<root>.+)/versions/[0-9a-f]{2}/[0-9a-f-]{36}/?")
_URI_CHARACTERS = 65_535
_PROBE = "artifact_plugins_probe"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a version lies, as ZenML says it.

    Attributes:
        component_id: Of the artifact store; None for what lies in none.
        uri: For the request.
        readable: The folder of a local store that the server reads files of.
    """

    component_id: str | None
    uri: str
    readable: Path | None = None


def uri_of(version: ArtifactVersion) -> str:
    """Return the URI for ZenML; it names the version, so that no two are alike.

    A local path has no scheme there. A value inside its record gets its id as
    a parameter of the `data:` URI, which any reader of such URIs skips; one
    too long for ZenML lies in the metadata alone.
    """
    uri = version.uri
    if uri.startswith("data:"):
        head, _, data = uri.partition(",")
        is_base64 = head.endswith(";base64")
        head = head.removesuffix(";base64") + f";artifact-version={version.id}"
        uri = f"{head}{';base64' if is_base64 else ''},{data}"
    elif uri.startswith("file:"):
        uri = _local(uri)
    return uri if len(uri) <= _URI_CHARACTERS else f"artifact-plugins:{version.id}"


def root_of(version: ArtifactVersion) -> tuple[str, str] | None:
    """Return the store that a version lies in, and its scheme; None for any other place."""
    match = _IN_STORE.fullmatch(version.uri)
    scheme = urlsplit(version.uri).scheme
    if match is None or scheme not in _FLAVORS:
        return None
    return (_local(match["root"]) if scheme == "file" else match["root"]), scheme


class Stores:
    """Makes one artifact store component for each store, and finds it again."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def home(self, version: ArtifactVersion, delivery: Delivery, *, renewed: bool = False) -> Home:
        """Return where a version lies; its store gets a component at first use.

        Args:
            version: Of any save type.
            delivery: Keeps the id of the component.
            renewed: Whether the noted component is gone from the server.
        """
        uri = uri_of(version)
        found = root_of(version)
        if found is None:
            return Home(None, uri)
        root, scheme = found
        noted = made_once(
            delivery, KIND, root, lambda: self._settled(root, _FLAVORS[scheme]), anew=renewed
        )
        readable = Path(root) if noted.get("is_readable") else None
        return Home(noted.get("external_id"), uri, readable)

    def _settled(self, root: str, flavor: str) -> dict[str, Any]:
        try:
            component_id = self._found_or_made(root, flavor)
        except BackendRejectedError as error:
            return {"reason": f"no artifact store component: {error.message[:300]}"}
        if flavor != "local":
            return {"external_id": component_id, "reason": "previews stay in the record"}
        reason = self._why_unreadable(Path(root), component_id)
        readable = {"is_readable": True} if reason is None else {"reason": reason}
        return {"external_id": component_id, **readable}

    def _found_or_made(self, root: str, flavor: str) -> str:
        name = f"artifact-plugins-{sha256_of(root)[:12]}"
        wanted = {"name": name, "type": "artifact_store"}
        body = {**wanted, "flavor": flavor, "configuration": {"path": root}}
        found: dict[str, Any] = found_or_made(
            lambda: self._server.first("/components", wanted),
            lambda: self._server.post("/components", body),
        )
        return str(found["id"])

    def _why_unreadable(self, root: Path, component_id: str) -> str | None:
        """Return why the server cannot show files of a store; None when it can.

        The only way to know is to have it show one; the artifact that it takes
        for that is deleted again.
        """
        file = root / FOLDER / f"probe-{uuid.uuid4().hex}.md"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("probe", encoding="utf-8")
            file.chmod(0o644)
        except OSError as error:
            return f"the store cannot be written here: {type(error).__name__}"
        try:
            return self._shown(file, component_id)
        finally:
            file.unlink(missing_ok=True)

    def _shown(self, file: Path, component_id: str) -> str | None:
        body = {
            "project": self._server.place().project_id,
            "artifact_name": f"{_PROBE}_{uuid.uuid4().hex[:12]}",
            "type": "DataArtifact",
            "uri": str(file.parent),
            "materializer": MATERIALIZER,
            "data_type": {"module": "builtins", "attribute": "object", "type": "builtin"},
            "save_type": "manual",
            "artifact_store_id": component_id,
            "visualizations": [{"type": "markdown", "uri": str(file)}],
        }
        made = self._server.post("/artifact_versions", body)
        try:
            self._server.get(f"/artifact_versions/{made['id']}/visualize", {"index": 0})
        except BackendUnavailableError as error:
            if error.status is None:
                raise
            return _reason(error)
        except BackendRejectedError as error:
            return _reason(error)
        finally:
            self._server.delete(f"/artifacts/{made['body']['artifact']['id']}")
        return None


def _reason(error: BackendError) -> str:
    return f"the server cannot read the store: {error.message[:300]}"


def _local(uri: str) -> str:
    return url2pathname(urlsplit(uri).path)
