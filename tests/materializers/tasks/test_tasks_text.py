"""text: every character comes back, in any encoding that holds it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from artifact_materializers.tasks.text import TextFile
from artifact_plugins.errors import LossyConversionError, NotSerializableError
from artifact_plugins.testing import ArtifactTaskContract, memory_session


class Label(str):
    pass


class TestText(ArtifactTaskContract):
    task = TextFile

    def values(self) -> list[str]:
        return ["", "a\r\nb\rc\n", "\ufeffä\x00\u2028", "𝄞" * 10]

    def refused(self) -> list[Any]:
        return ["\ud800", b"bytes", Label("a")]

    def wrong_parameters(self) -> list[dict[str, Any]]:
        return [{"encoding": "nope"}, {"encoding": "base64"}, {"encoding": 8}]


class TestTextLatin1(ArtifactTaskContract):
    task = TextFile
    parameters: ClassVar[dict[str, Any]] = {"encoding": "latin-1"}

    def values(self) -> list[str]:
        return ["äöü\r\n"]

    def refused(self) -> list[str]:
        return ["€"]


def test_character_outside_the_encoding_is_refused() -> None:
    """A character that the encoding lacks is named."""
    with memory_session() as session, pytest.raises(NotSerializableError, match="xe9"):
        session.save("é", "x", task="text", options={"encoding": "ascii"})


def test_encoding_that_changes_text_is_refused() -> None:
    """An encoding whose reader gives other characters is refused by position."""
    with memory_session() as session, pytest.raises(LossyConversionError, match="character 1"):
        # Its writer takes the yen sign for a backslash.
        session.save("a\u00a5", "x", task="text", options={"encoding": "shift_jis"})
