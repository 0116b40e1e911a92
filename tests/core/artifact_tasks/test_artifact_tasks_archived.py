"""A version outlives the artifact task that wrote it: the archived class reads it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from artifact_plugins import Session
from artifact_plugins.testing import session_on_disk

TASK = """
class Parameters(BaseModel):
    mark: str = "!"

class Shout(ArtifactTask):
    name = "shout"
    format = "shout/1"
    Parameters = Parameters
    def serialize(self, value, directory, *, mark):
        (directory / "a.txt").write_text(value.upper() + mark)
    def deserialize(self, path, *, mark):
        return path.read_text().removesuffix(mark).lower()
"""
BROKEN = """
class Shout(ArtifactTask):
    name = "shout"
    format = "shout/2"
    def serialize(self, value, directory, **parameters):
        (directory / "a.txt").write_text(value)
    def deserialize(self, path, **parameters):
        raise RuntimeError("reads no older version")
"""
OFFER = """
@hookimpl
def register_artifact_tasks():
    return [ArtifactTaskOffer(name="shout", target="archived_shout:Shout")]
"""


@pytest.mark.parametrize("after", ["gone", "broken"])
@pytest.mark.parametrize("how", ["class", "offer"])
def test_archived_artifact_task_reads_its_version(
    write_module: Callable[..., None], tmp_path: Path, after: str, how: str
) -> None:
    """With the class gone or broken, the version loads, with the parameters it was saved with."""
    write_module("archived_shout", TASK)
    write_module("shout_plugin", OFFER)
    plugins = ("shout_plugin",) if how == "offer" else ()
    with session_on_disk(
        tmp_path / "s", trust_home=tmp_path / "home", plugins=plugins, inline_max_bytes=0
    ) as session:
        task = "shout" if how == "offer" else "archived_shout:Shout"
        version = session.save("hello", "x", task=task, options={"mark": "?"})

    del sys.modules["archived_shout"]
    if after == "broken":
        write_module("archived_shout", BROKEN)
    else:
        (tmp_path / "modules" / "archived_shout.py").unlink()
    settings = session.settings.model_copy(update={"plugins": plugins if after == "broken" else ()})
    with Session(settings) as again:
        assert again.load(version) == "hello"
