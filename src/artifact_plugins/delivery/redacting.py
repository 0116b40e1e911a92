"""Takes credentials out of what is kept or shown about a failure."""

from __future__ import annotations

import os
import re
import traceback

from artifact_plugins.errors import describe

_FIELDS = ("PASSWORD", "TOKEN", "KEY", "SECRET", "CREDENTIAL")
_SHORTEST = 4
_PATTERNS = (
    re.compile(
        r"(?i)\b(authorization|x-api-key|cookie|set-cookie)(['\"]?\s*[:=]\s*['\"]?)[^\r\n'\",;]+"
    ),
    re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(
        r"(?i)\b([a-z_-]*(?:password|passwd|token|api_?key|secret|credential)[a-z_-]*)"
        r"(['\"]?\s*[:=]\s*['\"]?)[^\s'\",;&}]+"
    ),
)
_USER_INFO = re.compile(r"(://)[^/\s@]+@")


def redacted(text: str) -> str:
    """Return a text without what looks like a credential, or is one of the environment."""
    for value in _own_secrets():
        text = text.replace(value, "***")
    text = _USER_INFO.sub(r"\1***@", text)
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1\2***", text)
    return text


def described(error: BaseException) -> str:
    """Return type and message of an error on one line, without credentials."""
    return redacted(" ".join(describe(error).split()))


def traced(error: BaseException) -> str:
    """Return an error with its trace, without credentials."""
    return redacted("".join(traceback.format_exception(error)))


def _own_secrets() -> list[str]:
    return [
        value
        for name, value in os.environ.items()
        if name.startswith("ARTIFACT_PLUGINS_")
        and name.endswith(_FIELDS)
        and len(value) >= _SHORTEST
    ]
