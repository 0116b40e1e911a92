"""Loads our versions in ZenML's client: `Client().get_artifact_version(...).load()`.

ZenML imports this module, by the name that every delivered version has, where
both zenml and artifact-plugins are installed.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from zenml.client import Client
from zenml.enums import ArtifactType
from zenml.materializers.base_materializer import BaseMaterializer

from artifact_plugins import Settings, open_session
from artifact_plugins.errors import ArtifactMissingError, UnsupportedByBackendError
from artifact_plugins.records import ArtifactVersion

from . import fields
from .stores import root_of, uri_of

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_NOWHERE = "memory://artifact-plugins-zenml"


class ArtifactPluginsMaterializer(BaseMaterializer):  # type: ignore[misc]  # no stubs
    """Loads what artifact_plugins saved, by our record and manifest; saves nothing."""

    ASSOCIATED_TYPES: ClassVar[tuple[type, ...]] = (object,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.BASE
    # It must never be chosen for a value that ZenML saves.
    SKIP_REGISTRATION: ClassVar[bool] = True

    def load(self, data_type: type[Any]) -> Any:
        """Return the value, verified and loaded as `artifact_plugins.load` does it.

        The reader's own settings decide whose code may run (`Settings.trust`).

        Raises:
            ArtifactMissingError: Nothing here is known under the URI.
            ArtifactPluginsError: As `Session.load` raises them.
        """
        record = record_of(self.uri)
        with open_session(_settings(record)) as session:
            return session.load(record)

    def save(self, data: Any) -> None:
        """Refuse: versions come from artifact_plugins.

        Raises:
            UnsupportedByBackendError: Always.
        """
        raise UnsupportedByBackendError(
            "this materializer only loads",
            hint="save the value with artifact_plugins, or choose another materializer",
        )


def record_of(uri: str) -> ArtifactVersion:
    """Return our record of the version that ZenML has under a URI.

    Raises:
        ArtifactMissingError: There is none.
    """
    wanted = {"uri": f"equals:{uri}"} if len(uri) < 2_000 else {}
    # The id is in every URI that is ours; data that somebody registered where it lay has none.
    for version_id in dict.fromkeys(reversed(_ID.findall(uri))):
        for record in _records(run_metadata=[f"{fields.VERSION_ID}:{version_id}"]):
            if record.id == version_id and uri_of(record) == uri:
                return record
    for record in _records(**wanted) if wanted else ():
        if uri_of(record) == uri:
            return record
    raise ArtifactMissingError(
        f"no artifact version in ZenML with the URI {uri[:200]!r} carries a record of ours",
        hint="was it delivered by artifact_plugins?",
    )


def _records(**filters: Any) -> list[ArtifactVersion]:
    found = []
    for item in Client().list_artifact_versions(hydrate=True, size=100, **filters).items:
        record = fields.record_in(fields.RECORD, item.run_metadata, ArtifactVersion)
        if record is not None:
            found.append(record)
    return found


def _settings(record: ArtifactVersion) -> Settings:
    """Return the reader's settings with the store of the version, and a ledger that is none."""
    found = root_of(record)
    given = {"ledger_url": "sqlite://", "backends": ()}
    if found is not None:
        return Settings(store_url=found[0], **given)
    if "store_url" in Settings().model_fields_set:
        return Settings(**given)
    # A value inside its record: no store is asked for anything but a signature.
    return Settings(store_url=_NOWHERE, **given)
