"""`trust.json`: whose keys are trusted for what, which digests are pinned, what is revoked."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from artifact_plugins.errors import InputError, KeyUnreadableError
from artifact_plugins.trust import home as homes
from artifact_plugins.trust.digests import is_digest
from artifact_plugins.trust.public_keys import KEY_ID, key_id_of, parse_public_key

FORMAT: Literal[1] = 1
_NAME = "trust.json"
_LIMIT_BYTES = 16 * 1024 * 1024

# The last file read in each home; a session asks for every load.
_known: dict[Path, tuple[homes.Stamp, TrustFile]] = {}


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TrustedKey(_Entry):
    """A key whose signatures count.

    Attributes:
        key_id: Id of the public key.
        public_key: As `artifact-plugins trust export` prints it.
        name: Whose it is, for people.
        plugins: Patterns as in file names (`acme.*`); only code and values of
            plugins with such a name are trusted.
        until: From then on its signatures count no longer, whenever they were made.
    """

    key_id: str
    public_key: str
    name: str = ""
    plugins: tuple[str, ...]
    until: AwareDatetime | None = None
    added_at: AwareDatetime

    @model_validator(mode="after")
    def _check(self) -> Self:
        # The id names the key, so a changed byte of either is noticed.
        if key_id_of(self.raw) != self.key_id:
            raise ValueError(f"{self.key_id!r} is not the id of {self.public_key!r}")
        if not self.plugins or not all(self.plugins):
            raise ValueError(f"key {self.key_id} is for no plugin")
        return self

    @cached_property
    def raw(self) -> bytes:
        """The 32 bytes of the public key."""
        try:
            return parse_public_key(self.public_key)
        except InputError as error:
            raise ValueError(error.message) from error


class Pin(_Entry):
    """A digest of a snapshot, an archive or a manifest that may execute."""

    digest: str
    note: str = ""
    added_at: AwareDatetime

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not is_digest(self.digest):
            raise ValueError(f"{self.digest!r} is not a digest")
        return self


class Revocation(_Entry):
    """A key id or a digest that counts nowhere, whoever vouches for it."""

    subject: str
    reason: str = ""
    added_at: AwareDatetime

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not KEY_ID.fullmatch(self.subject) and not is_digest(self.subject):
            raise ValueError(f"{self.subject!r} is no key id and no digest")
        return self


class TrustFile(_Entry):
    """What the reader decided; each key, digest and revocation is there once."""

    format_version: Literal[1] = FORMAT
    keys: tuple[TrustedKey, ...] = ()
    pins: tuple[Pin, ...] = ()
    revoked: tuple[Revocation, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for kind, table, entries in (
            ("key", self.key, self.keys),
            ("pin", self.pin, self.pins),
            ("revocation", self.revocation, self.revoked),
        ):
            if len(table) != len(entries):
                raise ValueError(f"a {kind} is there twice")
        return self

    @cached_property
    def key(self) -> dict[str, TrustedKey]:
        """Keys by their id."""
        return {key.key_id: key for key in self.keys}

    @cached_property
    def pin(self) -> dict[str, Pin]:
        """Pins by their digest."""
        return {pin.digest: pin for pin in self.pins}

    @cached_property
    def revocation(self) -> dict[str, Revocation]:
        """Revocations by key id or digest."""
        return {entry.subject: entry for entry in self.revoked}


_EMPTY = TrustFile()


def trust_path(home: Path) -> Path:
    """Return the path of the trust file."""
    return home / _NAME


def read_trust_file(home: Path | None) -> TrustFile:
    """Return the trust file, an empty one when there is none; parsed only when it has changed.

    Raises:
        KeyUnreadableError: It is damaged, of a newer release, or others can write it.
    """
    if home is None:
        return _EMPTY
    path = trust_path(home)
    stamp = homes.stamp_of(path)
    if stamp is None:
        # Whoever can remove the file could take a revocation back.
        homes.check_folder(home)
        return _EMPTY
    known = _known.get(home)
    if known is not None and known[0] == stamp:
        return known[1]
    found = homes.read_private(path, limit_bytes=_LIMIT_BYTES, is_secret=False)
    if found is None:
        return _EMPTY
    parsed = _parse(path, found[0])
    _known[home] = (found[1], parsed)
    return parsed


def edit_trust_file(home: Path, change: Callable[[TrustFile], TrustFile]) -> TrustFile:
    """Replace the trust file by a changed one, while no other process changes it.

    Args:
        home: Its folder, which is made when there is none.
        change: From the file as it is now to the one to write; the very same
            object writes nothing.

    Raises:
        KeyUnreadableError: The file cannot be read or written; it stays as it is.
    """
    path = trust_path(home)
    try:
        homes.make_folder(home)
        with homes.locked(home):
            before = read_trust_file(home)
            after = change(before)
            if after is not before:
                homes.replace(path, after.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        raise homes.unreadable(
            path, f"it cannot be written ({error.strerror or error})", "nothing was changed"
        ) from error
    return after


def with_key(file: TrustFile, key: TrustedKey) -> TrustFile:
    """Return the file with a key, in the place of the same one.

    Raises:
        InputError: The key is revoked.
    """
    _refuse_revoked(file, key.key_id)
    rest = tuple(one for one in file.keys if one.key_id != key.key_id)
    return TrustFile(keys=(*rest, key), pins=file.pins, revoked=file.revoked)


def with_pin(file: TrustFile, pin: Pin) -> TrustFile:
    """Return the file with a pin, in the place of that of the same digest.

    Raises:
        InputError: The digest is revoked.
    """
    _refuse_revoked(file, pin.digest)
    rest = tuple(one for one in file.pins if one.digest != pin.digest)
    return TrustFile(keys=file.keys, pins=(*rest, pin), revoked=file.revoked)


def with_revocation(file: TrustFile, entry: Revocation) -> TrustFile:
    """Return the file without the key or pin of that name, and with its revocation."""
    rest = tuple(one for one in file.revoked if one.subject != entry.subject)
    return TrustFile(
        keys=tuple(one for one in file.keys if one.key_id != entry.subject),
        pins=tuple(one for one in file.pins if one.digest != entry.subject),
        revoked=(*rest, entry),
    )


def without_revocation(file: TrustFile, subject: str) -> TrustFile:
    """Return the file without a revocation; what it was of is not trusted by that.

    Raises:
        InputError: It is not revoked.
    """
    if subject not in file.revocation:
        raise InputError(
            f"{subject!a} is not revoked",
            hint="`artifact-plugins trust list` shows what is; nothing was changed",
        )
    rest = tuple(one for one in file.revoked if one.subject != subject)
    return TrustFile(keys=file.keys, pins=file.pins, revoked=rest)


def _refuse_revoked(file: TrustFile, subject: str) -> None:
    entry = file.revocation.get(subject)
    if entry is not None:
        raise InputError(
            f"{subject} is revoked{f' ({entry.reason})' if entry.reason else ''}",
            hint=f"`artifact-plugins trust revoke --undo {subject}` comes first; "
            "nothing was changed",
        )


def _parse(path: Path, data: bytes) -> TrustFile:
    try:
        document = json.loads(data, object_pairs_hook=_once)
        wanted = document["format_version"]
        if type(wanted) is not int:  # True would pass for 1
            raise ValueError("format_version is no number")
        if wanted > FORMAT:
            raise homes.unreadable(
                path,
                f"it has format {wanted}, this release knows {FORMAT}",
                "upgrade artifact-plugins",
            )
        return TrustFile.model_validate_json(data)
    except KeyUnreadableError:
        raise
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise homes.unreadable(
            path, f"it is damaged ({_first(error)})", "restore it from a backup or repair it"
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}" if where else first["msg"]
    return str(error)[:200]
