"""Previews of a version as files that ZenML's dashboard shows."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from artifact_plugins.records import ArtifactVersion, Preview

# Beside `versions` in the store; nothing else of ours looks there.
FOLDER = "previews"
_KINDS = {
    "text": ("md", "markdown"),
    "markdown": ("md", "markdown"),
    "html": ("html", "html"),
    "png": ("png", "image"),
}


def write_previews(root: Path, version: ArtifactVersion) -> list[dict[str, str]]:
    """Write the previews of a version below a local store.

    Returns:
        `visualizations` of a request: type and path of each.

    Raises:
        OSError: The store cannot be written.
    """
    folder = _folder(root, version.id)
    found = []
    for number, preview in enumerate(version.previews):
        content = _content(preview)
        if content is None:
            continue
        ending, kind = _KINDS[preview.kind]
        path = folder / f"{number}.{ending}"
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, content)
        found.append({"type": kind, "uri": str(path)})
    return found


def remove_previews(root: Path, version_id: str) -> None:
    """Remove the previews of a version, if there are any."""
    shutil.rmtree(_folder(root, version_id), ignore_errors=True)


def _folder(root: Path, version_id: str) -> Path:
    return root / FOLDER / version_id[-2:] / version_id


def _content(preview: Preview) -> bytes | None:
    if preview.kind == "png":
        try:
            return base64.b64decode(preview.content, validate=True)
        except (binascii.Error, ValueError):
            return None
    text = preview.content
    if preview.kind == "text":
        fence = "`" * max(3, _longest_run(text) + 1)
        text = f"{fence}\n{text}\n{fence}"
    if preview.title and preview.kind != "html":
        text = f"**{preview.title}**\n\n{text}"
    return text.encode("utf-8", "replace")


def _longest_run(text: str) -> int:
    longest = current = 0
    for character in text:
        current = current + 1 if character == "`" else 0
        longest = max(longest, current)
    return longest


def _write(path: Path, content: bytes) -> None:
    """Write a file under another name first: the dashboard sees all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
