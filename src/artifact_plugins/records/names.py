"""What an artifact, project, run, tag or metadata key may be called, and what text may hold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from artifact_plugins.errors import InputError, InvalidNameError

_NAME = re.compile(r"[\w][\w .\-]{0,199}")
_LABEL = re.compile(r"[\w][\w .:/@+=\-]{0,254}")
# CON, NUL and the like are devices on Windows, in every folder and with any suffix.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
# C0 and C1 control characters and halves of surrogate pairs; `_CONTROL_IN_LINES` lets tab and newlines pass.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

LINES_MAX = 1024 * 1024


def check_name(name: str, kind: str = "artifact name") -> str:
    """Return `name` in Unicode form NFC.

    Allowed: 1 to 200 letters, digits, `_`, `-`, `.` and inner spaces of any
    script, starting with a letter, digit or `_`.

    Raises:
        InvalidNameError: Anything else, among it path tricks, control
            characters, Windows device names, trailing dots and spaces.
    """
    return _checked_name(name if type(name) is str else _plain(name, kind), kind)


def check_label(label: str, kind: str = "tag") -> str:
    """Return a tag, alias or version name in form NFC; `:/@+=` are allowed too.

    Raises:
        InvalidNameError: The label has other characters or over 255 of them.
    """
    return _checked_label(label if type(label) is str else _plain(label, kind), kind)


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags in form NFC, each once, in the order of their first mention.

    Raises:
        InputError: It is one text, which would read as a tag per character,
            or no iterable.
        InvalidNameError: A tag is not allowed.
    """
    if not tags and type(tags) is tuple:
        return ()
    if isinstance(tags, str | bytes | Mapping) or not isinstance(tags, Iterable):
        raise InputError(
            f"tags are a list of texts, not one {type(tags).__name__}",
            hint="write tags=['raw']; nothing was saved",
        )
    return tuple(dict.fromkeys([check_label(tag) for tag in tags]))


def check_text(text: str, kind: str) -> str:
    """Return one line of text in form NFC: 1 to 255 characters.

    Raises:
        InputError: It is no text, is empty or too long, or holds control
            characters or lone surrogates.
    """
    if type(text) is str and 0 < len(text) <= 255 and text.isascii() and text.isprintable():
        return text
    normal = _normal(text, kind)
    _refuse_control(normal, kind, _CONTROL)
    if not 0 < len(normal) <= 255:
        raise _unfit(kind, f"has {len(normal)} characters", "1 to 255 are allowed")
    return normal


def check_lines(text: str, kind: str) -> str:
    """Return text of any number of lines in form NFC: at most 1 MiB of characters.

    Raises:
        InputError: It is no text, is too long, or holds lone surrogates or
            control characters besides tab and newlines.
    """
    if type(text) is str and len(text) <= LINES_MAX and text.isascii() and text.isprintable():
        return text
    normal = _normal(text, kind)
    if len(normal) > LINES_MAX:
        raise _unfit(kind, f"has {len(normal)} characters", f"{LINES_MAX} are allowed")
    _refuse_control(normal, kind, _CONTROL_IN_LINES)
    return normal


def as_reference(text: str, kind: str) -> str:
    """Return what somebody looks up in form NFC; it need not be an allowed name.

    Raises:
        InputError: It is no text.
    """
    if type(text) is str and text.isascii():
        return text
    # No name holds a lone surrogate, and no database takes one.
    return _normal(text, kind).encode("utf-8", "replace").decode()


@lru_cache(maxsize=4096)
def _checked_name(name: str, kind: str) -> str:
    return _check(name, kind, _NAME, "letters, digits, '_', '-', '.', inner spaces; at most 200")


@lru_cache(maxsize=4096)
def _checked_label(label: str, kind: str) -> str:
    return _check(label, kind, _LABEL, "letters, digits, '_-.:/@+=', inner spaces; at most 255")


def _plain(text: object, kind: str) -> str:
    if not isinstance(text, str):
        article = "an" if kind[0] in "aeiou" else "a"
        raise InvalidNameError(
            f"{article} {kind} is text, not {type(text).__name__}", hint="nothing was saved"
        )
    return str.__str__(text)  # of a str enum: its value, not its name


def _check(name: str, kind: str, pattern: re.Pattern[str], allowed: str) -> str:
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


def _normal(text: object, kind: str) -> str:
    if not isinstance(text, str):
        raise _unfit(kind, f"is a {type(text).__name__}, not text", "hand in a str")
    return unicodedata.normalize("NFC", str.__str__(text))


def _refuse_control(text: str, kind: str, pattern: re.Pattern[str]) -> None:
    found = pattern.search(text)
    if found is not None:
        raise _unfit(
            kind,
            f"holds {found[0]!a} at character {found.start()}",
            "control characters and lone surrogates cannot be kept",
        )


def _unfit(kind: str, what: str, why: str) -> InputError:
    return InputError(f"{kind} {what}", hint=f"{why}; nothing was saved")
