"""A plugin snapshot: which code, libraries and Python wrote a version."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from artifact_plugins.records.artifact import FileRecord


class CodeArchive(BaseModel):
    """One content-addressed archive of source code.

    Attributes:
        role: `plugin`: the folder of a plugin. `project`: modules of the
            user's own code. `main`: classes of a script or notebook, pickled
            by value; using it executes a pickle.
        name: Name of the plugin; of the user's code its top-level modules,
            sorted and joined by ", ".
        digest: `sha256:hex` of the archive. The same sources have the same
            digest in a wheel, an editable install and a checkout.
        roots: Import names that the archive answers for, sorted: a plugin's
            package, or every top-level module of the user's code.
        files: Its members, sorted by path; a path is the import path of the
            module as a file (`shop/orders.py`).
        extensions: Compiled modules that were left out; importing one is refused.
        offers: Of a plugin: key of a materializer or name of an artifact task
            to the import path of its class.
    """

    model_config = ConfigDict(frozen=True)

    role: Literal["plugin", "project", "main"]
    name: str
    digest: str
    roots: tuple[str, ...]
    files: tuple[FileRecord, ...]
    extensions: tuple[str, ...] = ()
    offers: dict[str, str] = {}
    distribution: str | None = None
    distribution_version: str | None = None


class PluginSnapshot(BaseModel):
    """What a version is pinned to: the code that wrote it and where it ran.

    Attributes:
        id: `sha256:hex` of its statement, the canonical JSON of the fields
            below without `created_at`.
        plugin: Name of the plugin whose materializer or artifact task wrote
            the version; for one that no plugin offers, its top-level module.
        entry_object: Import path of the class that wrote it.
        archives: The code of the plugin first, then that of the data types.
        python_version: `3.11.7`.
        libraries: Distribution name to version, of every library that the
            archived code imports.
        created_at: When this ledger first heard of it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    plugin: str
    entry_object: str
    archives: tuple[CodeArchive, ...]
    python_version: str
    libraries: dict[str, str] = {}
    created_at: datetime
