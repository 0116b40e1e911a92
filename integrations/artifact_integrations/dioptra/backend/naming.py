"""Names that Dioptra and MLflow take, from names that they do not; different ones stay different."""

from __future__ import annotations

import keyword
import re

from artifact_plugins.transport import sha256_of

_MAX = 160


def resource_name(*parts: str) -> str:
    """Return the name of an experiment, entrypoint, queue or tag."""
    return _safe(".".join(parts), r"[^A-Za-z0-9_. -]", lead=r"[^ ].*", filler="-")


def file_name(text: str) -> str:
    """Return the name of a file or folder; `#`, `%` and `?` cannot be registered there."""
    return _safe(text, r"[^A-Za-z0-9._-]", lead=r"[A-Za-z0-9_].*", filler="-")


def stored_path(path: str) -> str:
    """Return a relative path of which every part can be stored."""
    return "/".join(file_name(part) for part in path.split("/"))


def identifier(text: str) -> str:
    """Return the name of a parameter: a Python identifier, no keyword."""
    found = _safe(text, r"[^A-Za-z0-9_]", lead=r"[A-Za-z_].*", filler="_")
    return f"{found}_{_mark(text)}" if keyword.iskeyword(found) or found == "_" else found


def _safe(text: str, unwanted: str, *, lead: str, filler: str) -> str:
    found = re.sub(unwanted, filler, text)
    if not re.fullmatch(lead, found):
        found = f"n{found}"
    found = found[:_MAX].rstrip(" ")
    return found if found == text else f"{found}{filler}{_mark(text)}"


def _mark(text: str) -> str:
    return sha256_of(text)[:8]
