"""Load a version in the environment that it was written in, in a process of its own."""

from __future__ import annotations

from typing import Any

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.session.archived import Archives
from artifact_plugins.session.reading import Reading
from artifact_plugins.session.wanted import Selection


def load_there(
    reading: Reading,
    selection: Selection,
    *,
    store: ContentStore,
    archives: Archives,
    exchange: list[MaterializerOffer],
) -> Any:
    """Return the value, or an `IsolatedValue` that answers calls there.

    Args:
        exchange: The materializers through which a value can come back as data.

    Raises:
        TrustError: Nobody vouches for the version; nothing was executed.
        EnvironmentMismatchError: The environment cannot be built.
        LoadFailedError: The archived code failed there.
    """
    from artifact_plugins.isolation import Work, load_isolated  # late: few loads need it

    version = reading.version
    snapshot = archives.stated(version).snapshot
    reading.vouch_for_code()
    sources = {archive.digest: members for archive, members in archives.sources(snapshot)}
    files = store.reader(version)
    try:
        if version.item_count is not None:
            files.directory(keep=True)  # a stream is read there while it is consumed here
        return load_isolated(
            Work(
                what=f"artifact {version.artifact!r} version {version.version}",
                snapshot=snapshot,
                sources=sources,
                files=files,
                data_type=version.data_type,
                parameters=version.parameters,
                selection=selection.keywords(),
                exchange=exchange,
                find=reading.finder,
            )
        )
    finally:
        files.close()
