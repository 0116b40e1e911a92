"""The folder of the own key and the trust file: private, locked for writers, replaced whole."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from artifact_plugins.errors import KeyUnreadableError
from artifact_plugins.file_lock import locked_file

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_SECONDS = 10.0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Stamp(NamedTuple):
    """What tells one state of a file from another without reading it."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int


def default_home() -> Path | None:
    """Return `artifact_plugins` in the user's folder of settings; None when there is no such user.

    Source:
        XDG Base Directory Specification 0.8: a relative XDG_CONFIG_HOME is ignored.
    """
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured, "artifact_plugins")
    try:
        home = Path.home()
    except RuntimeError:  # a container that runs as a user nobody knows
        return None
    return home / ".config" / "artifact_plugins" if home.is_absolute() else None


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file; None when there is none.

    Raises:
        KeyUnreadableError: Nobody lets us look.
    """
    try:
        found = path.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise unreadable(path, _why(error)) from error
    return _stamp(found)


def is_closed(path: Path) -> bool:
    """Whether a folder on the way to a file does not let us through."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def read_private(path: Path, *, limit_bytes: int, is_secret: bool) -> tuple[bytes, Stamp] | None:
    """Return a file that nobody else can have written; None when there is none.

    What is checked is the opened file itself, not its name.

    Args:
        path: The file, in a folder that nobody else can write to.
        limit_bytes: A longer file is refused.
        is_secret: Nobody else may read it, and it must be our own; otherwise
            it may also be the administrator's.

    Raises:
        KeyUnreadableError: It cannot be read, is a symbolic link, or belongs
            to, or is open to, somebody else.
    """
    check_folder(path.parent)
    try:
        file = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise unreadable(path, "it is a symbolic link", "put the file itself there") from error
        raise unreadable(path, _why(error)) from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise unreadable(path, "it is not a file", "move it away")
        _check_owner(path, found, may_be_root=not is_secret)
        _check_mode(path, found, _OTHERS if is_secret else _OTHERS_WRITE, wanted="600")
        with open(file, "rb", closefd=False) as stream:
            data = stream.read(limit_bytes + 1)
    except OSError as error:
        raise unreadable(path, _why(error)) from error
    finally:
        os.close(file)
    if len(data) > limit_bytes:
        raise unreadable(path, f"it has more than {limit_bytes} bytes", "move it away")
    return data, _stamp(found)


def check_folder(folder: Path) -> None:
    """Refuse a folder in which somebody else can put, remove or rename files.

    Raises:
        KeyUnreadableError: It is such a folder, or nobody lets us look.
    """
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise unreadable(folder, _why(error)) from error
    if stat.S_ISDIR(found.st_mode):
        _check_owner(folder, found, may_be_root=True)
        _check_mode(folder, found, _OTHERS_WRITE, wanted="700")


def make_folder(folder: Path) -> None:
    """Make a folder that is closed to others; one that is there stays as it is.

    Raises:
        OSError: It cannot be made.
        KeyUnreadableError: It is open to others.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    # Each with its mode: `parents=True` would open the others as far as the umask allows.
    for one in (*reversed(missing), folder):
        one.mkdir(mode=0o700, exist_ok=True)
    check_folder(folder)


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Keep other writers out, threads and processes alike; readers need no lock.

    Raises:
        OSError: The lock file cannot be made, or stayed taken.
    """
    with locked_file(home / "lock", seconds=_LOCK_SECONDS) as is_held:
        if not is_held:
            raise TimeoutError(
                errno.ETIMEDOUT, f"locked by another process for {_LOCK_SECONDS:g} s"
            )
        yield


def put_new(path: Path, data: bytes) -> bool:
    """Write a new private file, whole or not at all; False when there is one.

    The caller holds the lock. Should the filesystem keep no locks, there is
    still one winner.

    Raises:
        OSError: It cannot be written, or the filesystem keeps no permissions.
    """
    temporary = _write_beside(path, data)
    try:
        # link refuses a taken name, rename does not.
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def replace(path: Path, data: bytes) -> None:
    """Write a private file, whole or not at all, in the place of the one there.

    The caller holds the lock.

    Raises:
        OSError: It cannot be written, or the filesystem keeps no permissions.
    """
    _write_beside(path, data).rename(path)
    _sync_folder(path.parent)


def unreadable(path: Path, why: str, todo: str = "make it readable") -> KeyUnreadableError:
    """Return the error for a file or folder of the home that cannot be used."""
    return KeyUnreadableError(
        f"{str(path)!r} cannot be used: {why}",
        hint=f"{todo}, or choose another folder as trust_home; nothing was executed",
        path=str(path),
    )


def _write_beside(path: Path, data: bytes) -> Path:
    # One name, since the caller holds the lock: what a killed process left is used again.
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, _NEW, 0o600)
    try:
        with open(file, "wb") as stream:
            if os.fstat(file).st_mode & _OTHERS:
                raise PermissionError(errno.EPERM, "its filesystem keeps no permissions")
            stream.write(data)
            stream.flush()
            os.fsync(file)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _check_owner(path: Path, found: os.stat_result, *, may_be_root: bool) -> None:
    if found.st_uid != os.geteuid() and not (may_be_root and found.st_uid == 0):
        raise unreadable(
            path,
            f"it belongs to user {found.st_uid}, not to user {os.geteuid()}",
            "make it your own",
        )


def _check_mode(path: Path, found: os.stat_result, forbidden: int, *, wanted: str) -> None:
    if found.st_mode & forbidden:
        raise unreadable(
            path,
            f"other users have access to it (mode {stat.S_IMODE(found.st_mode):o})",
            f"run `chmod {wanted} {shlex.quote(str(path))}`",
        )


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
