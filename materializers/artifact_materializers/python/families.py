"""The families of classes that documents understand, and the family of a class."""

from __future__ import annotations

from functools import lru_cache

from artifact_materializers.python.classes import Family
from artifact_materializers.python.members import ENUMS, NAMEDTUPLES
from artifact_materializers.python.models import MODELS
from artifact_materializers.python.objects import ATTRS, DATACLASSES

FAMILIES = (ENUMS, MODELS, NAMEDTUPLES, DATACLASSES, ATTRS)
BY_KIND = {family.kind: family for family in FAMILIES}


@lru_cache(maxsize=4096)
def family_of(cls: type) -> Family | None:
    """Return the family that a class belongs to; None for all other classes."""
    return next((family for family in FAMILIES if family.claims(cls)), None)
