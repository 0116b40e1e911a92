"""How a version was loaded: with which code, and why that was allowed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

CodeUsed = Literal["installed", "compatible", "archive", "isolated"]


class LoadDecision(BaseModel):
    """Which code loads a version and why.

    Attributes:
        code: `installed`: the very code that wrote it. `compatible`: the
            installed code, which differs but reads the stored format.
            `archive`: the archived code. `isolated`: the archived code in the
            recorded environment, in another process.
        reason: One sentence for people.
        materializer: Key of the materializer, or name of the artifact task.
        plugin: Its plugin; None for a bare class.
        snapshot_id: What the version is pinned to; None for an old one.
        data_type: Where the class of the value was found: `installed`,
            `renamed` or `archive`.
        trusted_by: Who vouched, when anything had to be trusted:
            `own key 3f2a...`, `pin`, `unsafe`.
    """

    model_config = ConfigDict(frozen=True)

    code: CodeUsed
    reason: str
    materializer: str
    plugin: str | None = None
    snapshot_id: str | None = None
    data_type: Literal["installed", "renamed", "archive"] = "installed"
    trusted_by: str | None = None
