"""The digest of the code that a step runs, by part."""

from __future__ import annotations

import types
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict

from artifact_plugins.code.reach import Walk
from artifact_plugins.code.watch import Watch
from artifact_plugins.code.wrappers import is_step, unwrapped

_KEPT = 1024


class CodeDigest(BaseModel):
    """What code a function runs.

    Two functions with the same digest do the same with the same arguments, as far
    as their code, the first-party code it reaches, the plain data it closes over
    and the versions of the libraries it uses decide that.

    Attributes:
        digest: `sha256:` and 64 hex characters over all parts.
        parts: SHA-256 in hex by name: `step` (its own source), `pkg.mod:helper`,
            `pkg.mod:THRESHOLD`, `closure scale`, `default carrier`, `library pandas`.
        values: Short text of the parts that are data, and versions of libraries.
        unfollowed: What it uses that is no part of the digest: `name (type)`.
    """

    model_config = ConfigDict(frozen=True)

    digest: str
    parts: dict[str, str]
    values: dict[str, str] = {}
    unfollowed: tuple[str, ...] = ()


_kept: WeakKeyDictionary[Any, tuple[Watch, CodeDigest]] = WeakKeyDictionary()


def digest_function(function: Callable[..., Any]) -> CodeDigest:
    """Identify the code that a call of a function runs.

    Comments, formatting, docstrings, annotations of local variables, `print` and
    logging do not count, nor do the function's own name and the arguments of
    `@step`. Everything is read anew at each call; what is the same as the last
    time is not digested again.

    Args:
        function: A function, method, step, partial or any other callable. First-party
            modules that it imports in its body are imported.

    Returns:
        The same digest in every process and on every machine.
    """
    while is_step(function):
        function = unwrapped(function)
    plain = function if isinstance(function, types.FunctionType) else None
    kept = _kept.get(plain) if plain else None
    if plain and kept and kept[0].holds(plain):
        return kept[1]
    walk = Walk()
    walk.run(function)
    found = walk.found
    parts = dict(sorted(found.parts.items()))
    made = CodeDigest(
        digest=f"sha256:{_over(parts)}",
        parts=parts,
        values=dict(sorted(found.values.items())),
        unfollowed=tuple(sorted(found.unfollowed)),
    )
    if plain is not None:
        if len(_kept) >= _KEPT:
            _kept.clear()
        _kept[plain] = (walk.watch, made)
    return made


def _over(parts: dict[str, str]) -> str:
    return sha256(
        "".join(f"{name}\0{digest}\n" for name, digest in parts.items()).encode()
    ).hexdigest()
