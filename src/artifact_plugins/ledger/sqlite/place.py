"""Where a ledger is: from its URL to a file that may be opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from artifact_plugins.errors import SettingsError, StoreWriteError
from artifact_plugins.ledger.failures import corrupt, system_failure
from artifact_plugins.ledger.sqlite.filesystem import refuse_network_filesystem

_SMALLEST_BYTES = 512
_FORM = "use sqlite:///relative/path, sqlite:////absolute/path or sqlite:// (in memory)"


@dataclass(frozen=True, slots=True)
class Place:
    """A ledger's file; `path` is None for a ledger in memory."""

    path: Path | None

    def __str__(self) -> str:
        return ":memory:" if self.path is None else str(self.path)


def parse_url(url: str) -> Place:
    """Read a `sqlite:` URL; nothing is opened.

    Raises:
        SettingsError: It has a part that SQLite has no use for.
    """
    rest = url.partition("://")[2]
    if rest in ("", "/", "/:memory:"):
        return Place(None)
    if not rest.startswith("/") or "?" in rest or "\0" in rest:
        raise SettingsError(
            f"ledger_url {url!r} has a host, a query or a null character",
            hint=f"{_FORM}; nothing was opened",
        )
    return Place(Path(rest[1:]).absolute())


def prepare(path: Path) -> bool:
    """Make the folder of a ledger; tell whether there is a file with something in it.

    Raises:
        UnsupportedFilesystemError: The folder is on a network filesystem.
        LedgerCorruptError: There is a file too short for a database.
        StoreWriteError: The folder cannot be made.
        StoreReadError: The file cannot be read.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise system_failure(error, str(path), writing=True) from error
    refuse_network_filesystem(path.parent)
    if path.is_dir():
        raise StoreWriteError(
            f"ledger {str(path)!r} is a folder", hint="nothing was written", path=str(path)
        )
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return False
    except OSError as error:
        raise system_failure(error, str(path), writing=False) from error
    # Only asked for its size: closing any handle of this file would drop the
    # locks that SQLite holds on it in this process. SQLite itself refuses
    # larger files that are no databases.
    if 0 < size_bytes < _SMALLEST_BYTES:
        raise corrupt(str(path), f"{size_bytes} bytes are no SQLite database")
    return size_bytes > 0
