"""Trust: signs what this user saves, and judges what may execute for this user."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from artifact_plugins.errors import InputError, KeyUnreadableError, SettingsError
from artifact_plugins.records.signature import Signature
from artifact_plugins.trust import library
from artifact_plugins.trust.digests import as_digest
from artifact_plugins.trust.home import default_home, is_closed, stamp_of
from artifact_plugins.trust.own_key import OwnKey, key_path, own_key, own_key_or_new
from artifact_plugins.trust.subject import Subject, Verdict

_log = logging.getLogger("artifact_plugins")

Mode = Literal["installed", "signed", "pinned", "unsafe"]


class Trust:
    """What one session's reader trusts; it reads nothing until it is used.

    Safe to use from several threads and in forked children; it holds no key.

    Args:
        mode: Whose code and pickles execute: `installed`: nobody's. `signed`:
            what the own key or a trusted key signed, and what is pinned.
            `pinned`: what is pinned only. `unsafe`: everybody's.
        pins: Digests that are pinned besides those of the trust file.
        home: Folder of the own key and the trust file; `default_home()` if not given.
        allow_unsafe: As mode `unsafe`, for one load.

    Raises:
        SettingsError: There is no such mode, a pin is no digest, or the folder
            is below the home of an unknown user.

    Attributes:
        mode: As given.
        home: The folder; None when this user has none.
    """

    def __init__(
        self,
        *,
        mode: str = "signed",
        pins: Sequence[str] = (),
        home: Path | None = None,
        allow_unsafe: bool = False,
    ) -> None:
        if mode not in get_args(Mode):
            raise SettingsError(
                f"there is no trust {mode!r}",
                hint=f"choose one of {', '.join(get_args(Mode))}; nothing was opened",
                name="trust",
            )
        self.mode = mode
        self.home = _folder(home)
        self._pins = frozenset(_pin(text) for text in pins)
        self._allow_unsafe = allow_unsafe

    def sign(self, payload_type: str, payload: bytes) -> Signature | None:
        """Sign with the own key, which is made at the first use.

        Returns:
            None where no key can be made, as in a read-only home; a warning
            says so, once in a process.

        Raises:
            KeyUnreadableError: There is a key, but it cannot be used.
        """
        key = own_key_or_new(self.home)
        return None if key is None else key.sign(payload_type, payload)

    def key_stamp(self) -> str | None:
        """Return what changes when the own key does, without reading it; None when there is none."""
        if self.home is None or is_closed(key_path(self.home)):
            return None
        stamp = stamp_of(key_path(self.home))
        return None if stamp is None else f"{self.home}: {stamp}"

    def warm(self) -> None:
        """Import what signing and verifying need and read the own key; makes and raises nothing."""
        library.load()
        try:
            key = own_key(self.home)
            if key is not None:
                key.sign("", b"")  # the first signature of a process takes six times as long
        except KeyUnreadableError:
            pass  # whoever signs or verifies is told

    def judge(self, subject: Subject) -> Verdict:
        """Say whether the subject may execute, by whom it is vouched for or why not.

        Raises nothing: `Verdict.require` raises what is wrong.
        """
        # Late: a session that only saves needs none of this.
        from artifact_plugins.trust import judging, refusals
        from artifact_plugins.trust.trust_file import read_trust_file

        if self.mode == "installed" and not self._allow_unsafe:
            return Verdict(is_trusted=False, error=refusals.executes_nothing(subject))
        try:
            file = read_trust_file(self.home)
        except KeyUnreadableError as error:
            return Verdict(is_trusted=False, error=error)
        refusal = judging.revocation(subject, file)
        if refusal is not None:
            return Verdict(is_trusted=False, error=refusal)
        if self._allow_unsafe or self.mode == "unsafe":
            _log.warning(
                "%s%s executes without trust (plugin %r, %s)",
                "" if subject.is_snapshot else "the format of ",
                subject.what,
                subject.plugin,
                subject.shown_digest,
            )
            return Verdict(is_trusted=True, by="unsafe")
        refusal = judging.other_plugin(subject)
        if refusal is not None:
            return Verdict(is_trusted=False, error=refusal)
        known = judging.Known(file, self._pins, self._own())
        by_pin = judging.pinned(subject, known)
        if by_pin is not None:
            return by_pin
        if self.mode == "pinned":
            return Verdict(is_trusted=False, error=refusals.not_pinned(subject))
        return judging.signed(subject, known)

    def refuse_revoked(self, subject: Subject) -> None:
        """Refuse what is revoked, where nothing else is asked of the subject.

        Raises:
            TrustError: It is revoked, or the trust file cannot be read.
        """
        from artifact_plugins.trust import judging
        from artifact_plugins.trust.trust_file import read_trust_file

        refusal = judging.revocation(subject, read_trust_file(self.home))
        if refusal is not None:
            raise refusal

    def unsafe(self) -> Trust:
        """Return the same for `load(..., allow_unsafe=True)`: everything but what is revoked."""
        return Trust(mode=self.mode, pins=tuple(self._pins), home=self.home, allow_unsafe=True)

    def _own(self) -> OwnKey | KeyUnreadableError | None:
        try:
            return own_key(self.home) if self.mode == "signed" else None
        except KeyUnreadableError as error:
            return error


def _folder(home: Path | None) -> Path | None:
    if home is None:
        return default_home()
    try:
        return home.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(
            f"setting 'trust_home': {str(home)!r} has no home folder",
            hint="name a folder; nothing was opened",
            name="trust_home",
        ) from error


def _pin(text: str) -> str:
    try:
        return as_digest(text)
    except InputError as error:
        raise SettingsError(
            f"setting 'trust_pins': {error.message}", hint=error.hint, name="trust_pins"
        ) from error
