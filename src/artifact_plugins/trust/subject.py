"""What is judged, and the outcome."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from artifact_plugins.errors import TrustError
from artifact_plugins.records.signature import Signature
from artifact_plugins.trust.digests import is_digest
from artifact_plugins.trust.envelope import SNAPSHOT_TYPE


@dataclass(frozen=True)
class Subject:
    """Something that would execute code: an archived plugin, or a format like pickle.

    Attributes:
        payload_type: `SNAPSHOT_TYPE` or `MANIFEST_TYPE`.
        payload: The signed bytes: the statement of a snapshot, or a manifest
            without its signatures.
        signatures: What came with it.
        plugin: Name of the plugin that the code or the value is of; a key
            must be trusted for it.
        what: For messages, `artifact 'flights' version 3`.
        digests: What it can be pinned and revoked by, besides the digest of
            the payload. Of a snapshot: of its archives, which vouch for it
            together with those that the statement names. Of a manifest: of
            the stored file first; a revocation counts for those after it, a
            pin does not.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]
    plugin: str
    what: str
    digests: tuple[str, ...] = ()

    @property
    def is_snapshot(self) -> bool:
        """Whether it is archived code; otherwise it is a value in an executing format."""
        return self.payload_type == SNAPSHOT_TYPE

    @cached_property
    def payload_digest(self) -> str:
        """`sha256:hex` of the payload; of a snapshot this is its id."""
        return f"sha256:{hashlib.sha256(self.payload).hexdigest()}"

    @cached_property
    def constituents(self) -> tuple[str, ...]:
        """All digests: of the payload, the given ones, and those that a statement names."""
        found = (self.payload_digest, *self.digests, *self._stated_archives())
        return tuple(dict.fromkeys(found))

    def alternatives(self) -> tuple[frozenset[str], ...]:
        """Return sets of digests; pins for all of one set vouch for the subject."""
        own, *rest = self.constituents
        if self.is_snapshot:
            # One known archive says nothing about the others of the snapshot.
            together = [frozenset(rest)] if rest else []
        else:
            # What else a manifest names, its snapshot for one, does not vouch for its values.
            together = [frozenset({digest}) for digest in self.digests[:1]]
        return (frozenset({own}), *together)

    @property
    def shown_digest(self) -> str:
        """The digest that messages name and that `trust pin` takes."""
        if not self.is_snapshot and self.digests and is_digest(self.digests[0]):
            return self.digests[0]
        return self.payload_digest

    @property
    def stated_plugin(self) -> str | None:
        """The plugin that the statement of a snapshot names; None when it names none."""
        stated = self._statement.get("plugin")
        return stated if isinstance(stated, str) else None

    @cached_property
    def _statement(self) -> dict[str, Any]:
        if not self.is_snapshot:
            return {}
        try:
            found = json.loads(self.payload)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _stated_archives(self) -> tuple[str, ...]:
        archives = self._statement.get("archives")
        if not isinstance(archives, list):
            return ()
        named = (one.get("digest") for one in archives if isinstance(one, dict))
        return tuple(digest for digest in named if isinstance(digest, str))


@dataclass(frozen=True)
class Verdict:
    """Whether a subject may execute.

    Attributes:
        is_trusted: Whether it may.
        by: Who vouched: `own key 3f2a...`, `key 9c1b... (acme)`, `pin`, `unsafe`.
        error: Why it may not.
    """

    is_trusted: bool
    by: str | None = None
    error: TrustError | None = None

    def require(self) -> str:
        """Return who vouched.

        Raises:
            TrustError: Nobody did; nothing was executed.
        """
        if self.error is not None:
            raise self.error
        assert self.by is not None
        return self.by
