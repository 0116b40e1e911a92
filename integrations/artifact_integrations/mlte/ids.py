"""Names as MLTE ids: any name, kept apart by every store and reachable by a URL.

MLTE turns `/` into `---` in URLs and its file store into `___` in file names,
and neither way back is exact. An id of ours never holds `/`, `---` or `___`,
and no two names share one.
"""

from __future__ import annotations

from datetime import datetime

from artifact_plugins.transport import clipped

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.")
_ONCE = frozenset(b"-_")
_MAX_CHARACTERS = 100
_PART_CHARACTERS = 60
_DIGEST_CHARACTERS = 15
_PREFIX = "evidence."
_SLASH = "---"

RUN_CASE = "run"


def safe_id(name: str, max_characters: int = _MAX_CHARACTERS) -> str:
    """Return the id of a name: itself when it is short and of ASCII letters and digits.

    Other bytes of its UTF-8 become `=XX`, and so do a dot at its beginning and
    a `-` or `_` after another one. What is longer than allowed ends in a digest.
    """
    parts: list[str] = []
    for byte in name.encode("utf-8", "surrogatepass"):
        character = chr(byte)
        is_kept = byte in _PLAIN and (parts or character != ".")
        if is_kept or (byte in _ONCE and parts[-1:] != [character]):
            parts.append(character)
        else:
            parts.append(f"={byte:02X}")
    whole = "".join(parts)
    return clipped(whole, max_characters, whole=name, characters=_DIGEST_CHARACTERS, mark="=~")


def is_reachable(group: str) -> bool:
    """Tell whether a URL names this model or MLTE version, and not another."""
    return bool(group) and "/" not in group and _SLASH not in group


def in_url(identifier: str) -> str:
    """Return a document id as MLTE's URLs spell it; what is read must be compared with it."""
    return identifier.replace("/", _SLASH)


def manual_version(created_at: datetime) -> str:
    """Return the MLTE version of what was saved outside a run: one a month.

    MLTE reads a whole MLTE version to list any of it, so one must not grow for ever.
    """
    return f"manual-{created_at:%Y-%m}"


def version_case(step: str | None, iteration: int | None, artifact: str, version_id: str) -> str:
    """Return the test case of an artifact version: `art.<step>.<iteration>.<artifact>.<id>`."""
    return ".".join(("art", *_place(step, iteration), _part(artifact), safe_id(version_id)))


def task_case(step: str, iteration: int | None, task_id: str) -> str:
    """Return the test case of a task: `task.<step>.<iteration>.<id>`."""
    return ".".join(("task", *_place(step, iteration), safe_id(task_id)))


def identifier_of(case: str) -> str:
    """Return the document id that MLTE makes of a test case."""
    return _PREFIX + case


def _place(step: str | None, iteration: int | None) -> tuple[str, ...]:
    if step is None:
        return ()
    return (_part(step),) if iteration is None else (_part(step), str(iteration))


def _part(name: str) -> str:
    return safe_id(name, _PART_CHARACTERS)
