"""Makes a materializer ready for use outside a session."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from artifact_plugins.contracts.abilities import UsesParts
from artifact_plugins.contracts.materializer import Materializer
from artifact_plugins.plugins import Resolver, load_plugins
from artifact_plugins.session.materializers import Materializers
from artifact_plugins.session.parts import SessionParts
from artifact_plugins.settings import Settings


def make_materializer(
    materializer: type[Materializer[Any]], options: BaseModel
) -> Materializer[Any]:
    """Return an instance; a container gets the `parts` that a session would give it."""
    made = materializer(options)
    if isinstance(made, UsesParts) or "parts" in getattr(materializer, "__annotations__", {}):
        made.parts = SessionParts(_materializers())  # type: ignore[attr-defined]  # UsesParts
    return made


@lru_cache(maxsize=1)
def _materializers() -> Materializers:
    settings = Settings()
    registry = load_plugins(modules=settings.plugins, disabled=settings.disabled_plugins)
    return Materializers(Resolver(registry, overrides=settings.materializers))
