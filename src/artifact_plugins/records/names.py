"""What an artifact, project, run, tag or metadata key may be called."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from artifact_plugins.errors import InvalidNameError

_NAME = re.compile(r"[\w][\w .\-]{0,199}")
_LABEL = re.compile(r"[\w][\w .:/@+=\-]{0,254}")
# CON, NUL and the like are devices on Windows, in every folder and with any suffix.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@lru_cache(maxsize=4096)
def check_name(name: str, kind: str = "artifact name") -> str:
    """Return `name` in Unicode form NFC.

    Allowed: 1 to 200 letters, digits, `_`, `-`, `.` and inner spaces of any
    script, starting with a letter, digit or `_`.

    Raises:
        InvalidNameError: Anything else, among it path tricks, control
            characters, Windows device names, trailing dots and spaces.
    """
    return _check(name, kind, _NAME, "letters, digits, '_', '-', '.', inner spaces; at most 200")


@lru_cache(maxsize=4096)
def check_label(label: str, kind: str = "tag") -> str:
    """Return a tag, alias or version name in form NFC; `:/@+=` are allowed too.

    Raises:
        InvalidNameError: The label has other characters or over 255 of them.
    """
    return _check(label, kind, _LABEL, "letters, digits, '_-.:/@+=', inner spaces; at most 255")


def _check(name: str, kind: str, pattern: re.Pattern[str], allowed: str) -> str:
    if not isinstance(name, str):
        raise InvalidNameError(
            f"a {kind} is text, not {type(name).__name__}", hint="nothing was saved"
        )
    shown = ascii(name if len(name) <= 60 else name[:57] + "...")
    normal = unicodedata.normalize("NFC", name)
    if (
        not pattern.fullmatch(normal)
        or normal[-1] in " ."
        or ".." in normal
        or _DEVICE.fullmatch(normal)
    ):
        raise InvalidNameError(
            f"{kind} {shown} is not allowed",
            hint=f"use {allowed}; nothing was saved",
            name=normal,
        )
    return normal
