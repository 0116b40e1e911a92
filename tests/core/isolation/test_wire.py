"""Messages between two processes, whoever wrote them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_plugins.errors import ArtifactPluginsError, ResourceLimitError
from artifact_plugins.isolation.wire import receive, send


def written(header: dict[str, object], folder: Path | None = None) -> bytes:
    stream = io.BytesIO()
    send(stream, header, folder)
    return stream.getvalue()


def test_a_message_arrives_whole(tmp_path: Path):
    """What was sent is received: the header, and every file below its name."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.bin").write_bytes(b"\x00" * 3_000_000)
    (tmp_path / "a").write_bytes(b"")

    message = receive(io.BytesIO(written({"do": "x"}, tmp_path)), most_bytes=1 << 22)

    assert message.header == {"do": "x"}
    assert message.files.names() == ("a", "sub/b.bin")
    assert bytes(message.files.sub("sub").buffer("b.bin")) == b"\x00" * 3_000_000
    assert bytes(message.files.buffer("a")) == b""


def test_every_flipped_byte_is_noticed(tmp_path: Path):
    """A message with any byte changed is refused or reads as another header, never as other bytes."""
    (tmp_path / "a").write_bytes(b"payload")
    sent = written({"do": "x"}, tmp_path)
    header_end = sent.index(b"payload")

    for place in range(len(sent)):
        changed = bytearray(sent)
        changed[place] ^= 0x20
        try:
            message = receive(io.BytesIO(bytes(changed)), most_bytes=1 << 22)
        except (ArtifactPluginsError, EOFError):
            continue
        assert place < header_end
        assert [bytes(message.files.buffer(name)) for name in message.files.names()] in (
            [b"payload"],
            [],
        )


@given(st.binary(max_size=300))
def test_noise_is_a_named_error(noise: bytes):
    """Bytes that nobody wrote as a message are a named error or a stream that ended."""
    for start in (b"", b"APX1", b"APX1\x00\x00\x00\x10"):
        with pytest.raises((ArtifactPluginsError, EOFError)):
            receive(io.BytesIO(start + noise), most_bytes=1000)


def test_every_cut_is_noticed(tmp_path: Path):
    """A message that ends early is never taken for a whole one."""
    (tmp_path / "a").write_bytes(b"payload")
    sent = written({"do": "x"}, tmp_path)

    for end in range(len(sent)):
        with pytest.raises(EOFError):
            receive(io.BytesIO(sent[:end]), most_bytes=1000)


def test_the_sum_of_sizes_is_limited(tmp_path: Path):
    """Many files count together."""
    for name in "abc":
        (tmp_path / name).write_bytes(b"1234")

    assert receive(io.BytesIO(written({}, tmp_path)), most_bytes=12).header == {}
    with pytest.raises(ResourceLimitError):
        receive(io.BytesIO(written({}, tmp_path)), most_bytes=11)


def test_a_header_that_is_too_long_is_not_sent():
    """Whoever sends keeps to the limit too."""
    with pytest.raises(ResourceLimitError, match="header"):
        written({"text": "x" * (1 << 20)})
