"""The own key: made at the first signing, in a file that nobody else can read."""

from __future__ import annotations

import base64
import logging
import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from artifact_plugins.errors import KeyUnreadableError
from artifact_plugins.records.signature import Signature
from artifact_plugins.trust import home as homes
from artifact_plugins.trust import library
from artifact_plugins.trust.envelope import pre_authentication
from artifact_plugins.trust.public_keys import key_id_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_log = logging.getLogger("artifact_plugins")

_LIMIT_BYTES = 4096
# What precedes the 32 bytes of a key in its DER form (RFC 8410, sections 4 and 7).
_PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")
_PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")
_PRIVATE_PEM = re.compile(
    rb"-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/]{64})\n-----END PRIVATE KEY-----\n"
)

# The last file read in each home, and the homes in which no key could be made:
# a session asks for every save, and one warning is enough.
_known: dict[Path, tuple[homes.Stamp, OwnKey]] = {}
_keyless: dict[Path | None, object] = {}


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that signs.

    Attributes:
        public: 32 bytes.
        key_id: Its id.
    """

    public: bytes
    key_id: str
    _seed: bytes

    def __repr__(self) -> str:
        return f"OwnKey({self.key_id})"

    def sign(self, payload_type: str, payload: bytes) -> Signature:
        """Return a signature over a payload and its type."""
        made = _signer(self._seed).sign(pre_authentication(payload_type, payload))
        return Signature(key_id=self.key_id, sig=base64.b64encode(made).decode())


def key_path(home: Path) -> Path:
    """Return the path of the key file: PEM of the private key, then of the public one."""
    return home / "keys" / "own.pem"


def own_key(home: Path | None) -> OwnKey | None:
    """Return the own key; None when none was made yet.

    The file is read again only when it has changed.

    Raises:
        KeyUnreadableError: The file is damaged, or cannot be read, or others
            can read it.
    """
    if home is None:
        return None
    path = key_path(home)
    stamp = homes.stamp_of(path)
    if stamp is None:
        return None
    known = _known.get(home)
    if known is not None and known[0] == stamp:
        return known[1]
    homes.check_folder(home)
    found = homes.read_private(path, limit_bytes=_LIMIT_BYTES, is_secret=True)
    if found is None:
        return None
    key = _parse(path, found[0])
    _known[home] = (found[1], key)
    return key


def own_key_or_new(home: Path | None) -> OwnKey | None:
    """Return the own key, which is made when there is none.

    Of several processes that make one at the same time one wins, and all use
    its key. Where none can be made the result is None; a warning says so, once
    in a process.

    Raises:
        KeyUnreadableError: There is a key file, but it cannot be used.
    """
    if home is None:
        _warn_once(home, "there is no home folder for this user")
        return None
    try:
        key = own_key(home)
        if key is not None or home in _keyless:
            return key
    except KeyUnreadableError as error:
        # HOME of another user, as in many containers: there is nothing of ours.
        if not homes.is_closed(key_path(home)):
            raise
        _warn_once(home, str(error))
        return None
    try:
        _make(home)
    except OSError as error:
        _warn_once(home, error.strerror or str(error))
        return None
    except KeyUnreadableError as error:  # the folder is open to others, or theirs
        _warn_once(home, str(error))
        return None
    return own_key(home)


def retire(home: Path, key_id: str) -> Path | None:
    """Put the own key aside, so that the next signing makes a new one.

    Args:
        home: Its folder, which exists.
        key_id: Nothing happens when the own key is another one.

    Returns:
        Where it lies now; None when nothing happened.

    Raises:
        KeyUnreadableError: It cannot be read or moved.
    """
    path = key_path(home)
    aside = path.with_name(f"{key_id}.retired.pem")
    try:
        with homes.locked(home):
            key = own_key(home)
            if key is None or key.key_id != key_id:
                return None
            path.rename(aside)
    except OSError as error:
        raise homes.unreadable(path, error.strerror or str(error), "move it away") from error
    return aside


def _make(home: Path) -> None:
    path = key_path(home)
    homes.make_folder(home)
    homes.make_folder(path.parent)
    with homes.locked(home):
        if homes.stamp_of(path) is None:
            homes.put_new(path, _pem(secrets.token_bytes(32)))


def _warn_once(home: Path | None, why: str) -> None:
    mark = object()
    # setdefault is atomic: one of several threads says it.
    if _keyless.setdefault(home, mark) is mark:
        _log.warning(
            "no key can be made in %s (%s): what this process saves is not signed, and loading "
            "its archived code or pickles will need `artifact-plugins trust pin`; "
            "Settings.trust_home names another folder",
            home,
            why,
        )


def _parse(path: Path, data: bytes) -> OwnKey:
    found = _PRIVATE_PEM.match(data)
    der = b"" if found is None else base64.b64decode(found[1])
    seed = der.removeprefix(_PRIVATE_DER)
    # The public half is in the file too: a changed byte of either is noticed.
    if len(der) == len(seed) or len(seed) != 32 or _pem(seed) != data:
        raise homes.unreadable(
            path,
            "it is damaged",
            "restore it from a backup, or move it away: the next save makes a new key, and what "
            "the old one signed is trusted again after `artifact-plugins trust add` of its "
            "public key",
        )
    public = _signer(seed).public_key().public_bytes_raw()
    return OwnKey(public, key_id_of(public), seed)


def _pem(seed: bytes) -> bytes:
    private = base64.b64encode(_PRIVATE_DER + seed).decode()
    raw = _signer(seed).public_key().public_bytes_raw()
    public = base64.b64encode(_PUBLIC_DER + raw).decode()
    return (
        f"-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n"
        f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"
    ).encode()


@lru_cache(maxsize=8)
def _signer(seed: bytes) -> Ed25519PrivateKey:
    library.load()
    # Late: see `library`.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)
