"""Load a version in the environment that it was written in, in a process of its own."""

from __future__ import annotations

from typing import Any

from artifact_plugins.content import ContentStore
from artifact_plugins.contracts.offers import MaterializerOffer
from artifact_plugins.session.archived import Archives
from artifact_plugins.session.reading import Reading
from artifact_plugins.session.streams import begun, items_there
from artifact_plugins.session.wanted import Selection


def load_there(
    reading: Reading,
    selection: Selection,
    *,
    store: ContentStore,
    archives: Archives,
    exchange: list[MaterializerOffer],
    data_type: str,
    start: int,
) -> Any:
    """Return the value, an iterator over a stream, or an `IsolatedValue` that answers calls there.

    Args:
        exchange: The materializers through which a value can come back as data.
        data_type: Path of the class to load it as: a stream also comes as a list.
        start: Number of items of a stream to pass over.

    Raises:
        TrustError: Nobody vouches for the version; nothing was executed.
        EnvironmentMismatchError: The environment cannot be built.
        LoadFailedError: The archived code failed there.
    """
    from artifact_plugins.isolation import (  # late: few loads need it
        IsolatedValue,
        Work,
        load_isolated,
    )

    version = reading.version
    snapshot = archives.stated(version).snapshot
    reading.vouch_for_code()
    sources = {archive.digest: members for archive, members in archives.sources(snapshot)}
    files = store.reader(version)
    try:
        if version.item_count is not None:
            files.directory(keep=True)  # a stream is read there while it is consumed here
        value = load_isolated(
            Work(
                what=f"artifact {version.artifact!r} version {version.version}",
                snapshot=snapshot,
                sources=sources,
                files=files,
                data_type=data_type,
                parameters=version.parameters,
                selection=selection.keywords(),
                exchange=exchange,
                find=reading.finder,
                start=start,
            )
        )
    finally:
        files.close()
    is_iterated = version.item_count is not None and data_type == version.data_type
    is_stream = is_iterated and isinstance(value, IsolatedValue)
    return begun(items_there(value)) if is_stream else value
