"""A signature: which key vouches for a statement or a manifest."""

from __future__ import annotations

import base64
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from artifact_plugins.errors import SignatureInvalidError

_KEY_ID = re.compile(r"[0-9a-f]{32}")
_SIG_MAX_LENGTH = 1024


class Signature(BaseModel):
    """One signature by one key.

    There is one text for each: whoever changes a character of it changes the
    key or the signature, or makes it unreadable.

    Attributes:
        key_id: 32 hex characters, in lower case.
        sig: The signature in base64 with padding, without stray bits.
    """

    model_config = ConfigDict(frozen=True)

    key_id: str
    sig: str

    @field_validator("key_id")
    @classmethod
    def _check_key_id(cls, text: str) -> str:
        if not _KEY_ID.fullmatch(text):
            raise ValueError("a key id has 32 hex characters in lower case")
        return text

    @field_validator("sig")
    @classmethod
    def _check_sig(cls, text: str) -> str:
        # A decoder takes what it has no use for; a second spelling of one
        # signature would be a change that nobody notices.
        if not 0 < len(text) <= _SIG_MAX_LENGTH or not text.isascii():
            raise ValueError("a signature is base64")
        if base64.b64encode(base64.b64decode(text, validate=True)).decode() != text:
            raise ValueError("a signature is base64 with padding and without stray bits")
        return text

    def to_member(self) -> dict[str, str]:
        """Return it as a member of a JSON document, as DSSE names its parts.

        Source:
            https://github.com/secure-systems-lab/dsse, envelope.md.
        """
        return {"keyid": self.key_id, "sig": self.sig}

    def to_json(self) -> str:
        """Return it as the one text that `from_json` reads."""
        return self.model_dump_json()

    @classmethod
    def from_member(cls, member: Any, what: str) -> Signature:
        """Return what `to_member` wrote.

        Args:
            member: From a JSON document that nobody vouches for.
            what: What was signed, for the message.

        Raises:
            SignatureInvalidError: It is nothing that this library writes.
        """
        try:
            if not isinstance(member, dict) or member.keys() != {"keyid", "sig"}:
                raise ValueError("other members than keyid and sig")
            return cls(key_id=member["keyid"], sig=member["sig"])
        except ValueError as error:
            raise unreadable(what) from error

    @classmethod
    def from_json(cls, text: str | bytes, what: str) -> Signature:
        """Return what `to_json` wrote; errors as `from_member`."""
        try:
            found = cls.model_validate_json(text)
        except ValueError as error:
            raise unreadable(what) from error
        if found.to_json().encode() != (text.encode() if isinstance(text, str) else text):
            raise unreadable(what)
        return found


def unreadable(what: str) -> SignatureInvalidError:
    """Return the error for a signature of `what` that is none."""
    return SignatureInvalidError(
        f"a signature of {what} cannot be read",
        hint="nothing was executed; somebody changed it, or another program wrote it",
    )
