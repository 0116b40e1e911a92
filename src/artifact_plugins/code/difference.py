"""Which parts of two code digests differ, in words."""

from __future__ import annotations

from artifact_plugins.code.digest import CodeDigest
from artifact_plugins.code.reach import STEP

_OTHER = ("library ", "files of ", "default ", "closure ")
_AROUND = frozenset({"self", "wrapper"})


def explain_difference(old: CodeDigest, new: CodeDigest) -> tuple[str, ...]:
    """Name every part that differs; empty when the digests are the same.

    Returns:
        One phrase per part, most telling first: the step's own source, helpers,
        constants, libraries. `helper pkg.mod:clean changed`,
        `constant pkg.mod:THRESHOLD: 3 -> 4`, `library pandas: 2.2.3 -> 3.0.0`.
    """
    names = {*old.parts, *new.parts}
    changed = [name for name in names if old.parts.get(name) != new.parts.get(name)]
    ranked = sorted(changed, key=lambda name: (_rank(name, old, new), name))
    return tuple(_phrase(name, old, new) for name in ranked)


def _rank(name: str, old: CodeDigest, new: CodeDigest) -> int:
    if name == STEP:
        return 0
    if name.startswith(_OTHER[:2]):
        return 3
    return 2 if name in old.values or name in new.values else 1


def _phrase(name: str, old: CodeDigest, new: CodeDigest) -> str:
    before, after = old.values.get(name), new.values.get(name)
    is_data = before is not None or after is not None
    called = _called(name, is_data=is_data)
    if name not in old.parts:
        return f"{called} is new" if after is None else f"{called} is new: {after}"
    if name not in new.parts:
        return f"{called} is no longer used"
    if is_data and before != after:
        return f"{called}: {before or 'code'} -> {after or 'code'}"
    return f"{called} changed"


def _called(name: str, *, is_data: bool) -> str:
    if name == STEP:
        return "the source of the step"
    if name.startswith(_OTHER) or name in _AROUND:
        return name
    return f"{'constant' if is_data else 'helper'} {name}"
