"""Import paths, kinds, times and step names as ZenML writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from artifact_integrations.zenml import previews
from artifact_integrations.zenml.sources import kind_of, moment, step_names, type_source
from artifact_integrations.zenml.stores import root_of, uri_of
from artifact_plugins.records import ArtifactVersion, Preview, Task

ID = "01a202aa-9669-7274-a0e8-cb8acdbfd09b"


def a_version(uri: str, **more: Any) -> ArtifactVersion:
    return ArtifactVersion(
        id=ID,
        project="default",
        artifact="one",
        data_type="builtins:int",
        format="document/2",
        uri=uri,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        **more,
    )


def a_task(path: str, name: str) -> Task:
    return Task(
        id=ID, run_id=ID, name=name, scope_path=path, started_at=datetime(2026, 1, 2, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        ("pandas:DataFrame", ("pandas", "DataFrame", "user")),
        ("builtins:dict", ("builtins", "dict", "builtin")),
        ("collections:OrderedDict", ("collections", "OrderedDict", "internal")),
        ("shop.orders:Order", ("shop.orders", "Order", "user")),
        ("shop:Outer.Inner", ("builtins", "object", "builtin")),
        ("shop:make.<locals>.Order", ("builtins", "object", "builtin")),
        ("__main__:Order", ("builtins", "object", "builtin")),
        ("nothing", ("builtins", "object", "builtin")),
    ],
)
def test_type_that_zenml_can_import(data_type: str, expected: tuple[str, str, str]) -> None:
    """A class that ZenML cannot import by module and name becomes object."""
    found = type_source(data_type)

    assert (found["module"], found["attribute"], found["type"]) == expected


@pytest.mark.parametrize(
    ("artifact_type", "expected"),
    [
        ("Dataset", "DataArtifact"),
        ("Artifact", "DataArtifact"),
        ("Model", "ModelArtifact"),
        ("Metrics", "DataAnalysisArtifact"),
        ("Image", "DataAnalysisArtifact"),
        ("anything", "DataArtifact"),
    ],
)
def test_kind_of_an_artifact(artifact_type: str, expected: str) -> None:
    """Every artifact type of ours is one of ZenML's."""
    assert kind_of(artifact_type) == expected


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("ROOT/rank", "rank", ("rank", "rank")),
        ("ROOT/for-loop-1/mean#3", "mean", ("mean[3]", "for-loop-1/mean[3]")),
        (
            "ROOT/for-loop-2/inner#1/for-loop-1/mean#0",
            "mean",
            ("mean[1][0]", "for-loop-2/inner[1]/for-loop-1/mean[0]"),
        ),
        ("ROOT/mid/use", "use", ("use", "mid/use")),
    ],
)
def test_names_of_a_step(path: str, name: str, expected: tuple[str, str]) -> None:
    """A step has its iterations in its name, and its whole path where that is taken."""
    *found, last = step_names(a_task(path, name))

    assert found == list(dict.fromkeys(expected))
    assert last == f"{name}~{ID}"


def test_name_of_a_step_is_limited() -> None:
    """A longer name than ZenML takes is cut, and still another for another path."""
    first = step_names(a_task("ROOT/" + "a/" * 200 + "x", "x"))[1]
    second = step_names(a_task("ROOT/" + "a/" * 200 + "y", "y"))[1]

    assert len(first) == len(second) == 255
    assert first != second


def test_time_is_utc_without_saying_so() -> None:
    """ZenML's times have no zone."""
    when = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))

    assert moment(when) == "2026-01-02T01:04:05.000006"


@pytest.mark.parametrize(
    ("uri", "expected", "root"),
    [
        (f"file:///a%20b/versions/9b/{ID}", f"/a b/versions/9b/{ID}", ("/a b", "file")),
        (f"s3://b/p/versions/9b/{ID}", f"s3://b/p/versions/9b/{ID}", ("s3://b/p", "s3")),
        (f"memory://m/versions/9b/{ID}", f"memory://m/versions/9b/{ID}", None),
        ("file:///data.csv", "/data.csv", None),
        ("https://host/data.csv", "https://host/data.csv", None),
        ("data:text/csv;base64,MQ==", f"data:text/csv;artifact-version={ID};base64,MQ==", None),
        ("data:text/plain,1", f"data:text/plain;artifact-version={ID},1", None),
        ("data:text/csv;base64," + "M" * 70_000, f"artifact-plugins:{ID}", None),
    ],
)
def test_uri_and_store_of_a_version(uri: str, expected: str, root: Any) -> None:
    """A version in a store names the store's folder or bucket; no two versions have one URI."""
    version = a_version(uri)

    assert uri_of(version) == expected
    assert root_of(version) == root


def test_previews_become_files(tmp_path: Path) -> None:
    """Each kind of preview is a file of its kind; what is no base64 is left out."""
    version = a_version(
        "memory://x",
        previews=(
            Preview(kind="text", content="a\n```\nb", title="t"),
            Preview(kind="markdown", content="# x"),
            Preview(kind="html", content="<p>é</p>", title="t"),
            Preview(kind="png", content="iVBORw0="),
            Preview(kind="png", content="no base64!"),
        ),
    )

    written = previews.write_previews(tmp_path, version)

    assert [one["type"] for one in written] == ["markdown", "markdown", "html", "image"]
    texts = [Path(one["uri"]).read_bytes() for one in written]
    assert texts[0] == b"**t**\n\n````\na\n```\nb\n````"
    assert texts[1:3] == [b"# x", "<p>é</p>".encode()]
    assert texts[3] == b"\x89PNG\r"[:5]
    previews.remove_previews(tmp_path, version.id)
    assert not list(tmp_path.rglob("*.md"))
