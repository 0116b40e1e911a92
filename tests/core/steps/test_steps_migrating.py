"""`migrate`: old versions written anew, linked to the old ones, as an API and as a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from shop_places import CANARY, MATERIALIZER, ORDERS, TREE, Shop, save_shop

import artifact_plugins as ap
from artifact_plugins.errors import (
    ArtifactMissingError,
    InputError,
    NoMaterializerError,
    RunUsageError,
)
from artifact_plugins.records import LinkQuery

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})


class Tracing(ap.Materializer[bytes]):
    """Stores bytes; refuses some and cannot load others."""

    format = "tracing/1"

    def save(self, value: bytes, directory: Path) -> None:
        if value == b"refused":
            raise ValueError("this one is refused")
        (directory / "bytes").write_bytes(value)

    def load(self, directory: Path, data_type: type[bytes]) -> bytes:
        return (directory / "bytes").read_bytes()


TRACING = f"{__name__}:Tracing"


@pytest.fixture
def session(tmp_path):
    """A session on disk that listens to nothing."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite",
        durability="process",
    )
    with ap.open_session(settings) as opened:
        yield opened


def outcomes(found: Any) -> list[tuple[int, str]]:
    """Return number and outcome of each version."""
    return [(item.version.version, item.outcome) for item in found]


def test_formats_are_rewritten(session):
    """A frame stored as Arrow becomes Parquet in a new version; the value is the same."""
    old = session.save(
        FRAME,
        "flights",
        tags=["raw"],
        metadata={"rmse": 0.5},
        description="by hand",
        version_name="first",
        artifact_type="Table",
    )
    session.save(FRAME, "flights", options={"format": "parquet"})

    first, second = ap.migrate("flights", to="parquet/1")

    new = first.new
    assert (first.outcome, second.outcome) == ("migrated", "skipped")
    assert (old.format, new.format, new.version) == ("arrow/1", "parquet/1", 3)
    assert (new.tags, new.description, new.artifact_type) == (("raw",), "by hand", "Table")
    assert new.version_name == "first"
    assert new.metadata["rmse"] == 0.5
    assert new.metadata["migrated_from"] == {
        "version_id": old.id,
        "version": 1,
        "materializer": "pandas.frame",
        "artifact_task": None,
        "format": "arrow/1",
    }
    pd.testing.assert_frame_equal(session.load(new), FRAME)
    pd.testing.assert_frame_equal(session.load(old), FRAME)


def test_lineage_leads_to_the_old_version(session):
    """One run `migrate` has one task per version, with the old one in and the new one out."""
    olds = [session.save(FRAME, "flights"), session.save(FRAME + FRAME, "flights")]

    found = ap.migrate("flights", to="parquet/1")

    (run,) = session.runs('pipeline == "migrate"').items
    tasks = [task for task in session.tasks().items if task.name.startswith("rewrite")]
    assert run.state == "SUCCEEDED"
    assert len(tasks) == 2
    for old, item in zip(olds, found, strict=True):
        links = session.ledger.links(LinkQuery(task_ids=(item.new.task_id,)), limit=100)
        sides = {link.io_type.is_output: link.version_id for link in links}
        assert sides == {False: old.id, True: item.new.id}
        assert old.id in {node.id for node in session.lineage(item.new).upstream().nodes}


def test_second_migrate_does_nothing(session):
    """What was rewritten is not rewritten again, neither the old version nor the new one."""
    session.save(FRAME, "flights")
    first = ap.migrate("flights", to="parquet/1")

    again = ap.migrate("flights", to="parquet/1")
    alone = ap.migrate("flights", to="parquet/1", versions=[1])

    assert outcomes(again) == [(1, "skipped"), (2, "skipped")]
    assert again[0].new == first[0].new
    assert outcomes(alone) == [(1, "skipped")]
    assert len(session.runs().items) == 1


def test_migrating_on_rewrites_the_last_only(session):
    """A second form is made of what the first migration made, unless a number is named."""
    session.save(FRAME, "flights")
    ap.migrate("flights", to="parquet/1")

    back = ap.migrate("flights", to="arrow/1")
    named = ap.migrate("flights", to="artifact_task:parquet_frame", versions=[1])

    assert outcomes(back) == [(1, "skipped"), (2, "migrated")]
    assert back[1].new.format == "arrow/1"
    assert named[0].new.artifact_task == "parquet_frame"


def test_deleted_result_is_made_again(session):
    """A new version that was deleted does not count as made."""
    session.save(FRAME, "flights")
    (first,) = ap.migrate("flights", to="parquet/1")
    session.delete(first.new, force=True)

    assert outcomes(ap.migrate("flights", to="parquet/1")) == [(1, "migrated")]


def test_dry_run_writes_nothing(session):
    """A dry run says what would happen; no run, no version and no file is made."""
    session.save(FRAME, "flights")
    session.save(FRAME, "flights", options={"format": "parquet"})
    before = sorted(Path(session.settings.store_url).rglob("*"))

    found = ap.migrate("flights", to="parquet/1", dry_run=True)

    assert outcomes(found) == [(1, "would migrate"), (2, "skipped")]
    assert "installed code" in found[0].reason
    assert "parquet/1 by pandas.frame, format='parquet'" in found[0].reason
    assert session.runs().items == ()
    assert len(session.versions().items) == 2
    assert sorted(Path(session.settings.store_url).rglob("*")) == before


def test_options_of_a_version_are_kept(session):
    """A version that the named materializer wrote with options is in its form."""
    session.save(FRAME, "flights", options={"format": "parquet"})

    assert outcomes(ap.migrate("flights", to="pandas.frame")) == [(1, "skipped")]


@pytest.mark.parametrize("to", [TRACING, Tracing])
def test_materializer_by_path_or_class(session, to):
    """A class that no plugin offers may be named by its path or handed in."""
    session.save(b"abc", "text")

    (item,) = ap.migrate("text", to=to)

    assert item.new.materializer == TRACING
    assert session.load(item.new) == b"abc"
    assert outcomes(ap.migrate("text", to=to)) == [(1, "skipped"), (2, "skipped")]


def test_failures_are_reported_among_successes(session):
    """A version that cannot be loaded or saved is named with its error, and the others go on."""
    session.save(b"refused", "text")
    damaged = session.save(bytes(9000), "text")
    session.save(b"good", "text")
    (payload,) = [
        path
        for path in Path(damaged.uri.removeprefix("file://")).rglob("*")
        if path.name != "manifest.json" and path.is_file()
    ]
    payload.chmod(0o600)
    payload.write_bytes(payload.read_bytes()[:-1] + b"\1")

    refused, broken, good = ap.migrate("text", to=TRACING)

    assert (refused.outcome, refused.error.code) == ("failed", "not-serializable")
    assert "this one is refused" in refused.reason
    assert (broken.outcome, broken.error.code) == ("failed", "digest-mismatch")
    assert good.outcome == "migrated"
    assert session.load(good.new) == b"good"
    (run,) = session.runs().items
    assert run.state == "FAILED"
    assert "refused" in run.error
    assert sorted(
        t.state for t in session.tasks('name != "ROOT"').items if "rewrite" in t.name
    ) == [
        "FAILED",
        "FAILED",
        "SUCCEEDED",
    ]


def test_format_that_no_option_writes_fails_each_version(session):
    """A type whose materializer cannot write the format is a named error per version, no run."""
    session.save(FRAME, "mixed")
    session.save(pa.table({"a": [1]}), "mixed")
    session.save(np.arange(3), "mixed")

    found = ap.migrate("mixed", to="parquet/1")
    dry = ap.migrate("mixed", to="parquet/1", dry_run=True)

    assert outcomes(found)[:3] == [(1, "migrated"), (2, "migrated"), (3, "failed")]
    assert [item.new.data_type for item in found[:2]] == ["pandas:DataFrame", "pyarrow:Table"]
    assert isinstance(found[2].error, NoMaterializerError)
    assert dry[2].error.code == found[2].error.code


def test_stream_is_written_anew(session):
    """A streamed version comes back as a generator; what its items cannot be saved as fails by name."""
    with ap.start_run("make"):
        ap.step(numbers)()
    (old,) = session.versions('name == "numbers"').items

    same, pickled = (ap.migrate("numbers", to=to)[0] for to in (old.materializer, "pickle.object"))

    assert old.item_count == 3
    assert same.outcome == "skipped"
    assert (pickled.outcome, pickled.error.code) == ("failed", "not-serializable")
    assert list(session.load("numbers@1")) == [{"n": 1}, {"n": 2}, {"n": 3}]


def numbers() -> Any:
    """Yield three numbers."""
    yield from [{"n": 1}, {"n": 2}, {"n": 3}]


@pytest.mark.parametrize("runtime", ["threads:2", "processes:2"])
def test_runtime_of_the_settings_does_not_matter(tmp_path, runtime):
    """A migration runs in its own thread, whatever executes the steps of pipelines."""
    settings = ap.Settings(
        store_url=str(tmp_path / "store"),
        ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite",
        runtime=runtime,
        cache=True,
    )
    with ap.open_session(settings) as session:
        session.save(FRAME, "flights")

        assert outcomes(ap.migrate("flights", to="parquet/1")) == [(1, "migrated")]


def test_data_registered_in_place_is_skipped(session, tmp_path):
    """A version that only says where data lies is left alone."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    session.register(tmp_path / "data.csv", "raw")

    assert outcomes(ap.migrate("raw", to="parquet/1")) == [(1, "skipped")]


def test_bad_targets_are_named(session):
    """What `to`, the artifact or a version cannot mean is an error before anything is done."""
    session.save(FRAME, "flights")

    for to in ("nonsense", "artifact_task:nonsense"):
        with pytest.raises(NoMaterializerError):
            ap.migrate("flights", to=to)
    for wrong in ("", 3, None):
        with pytest.raises(InputError):
            ap.migrate("flights", to=wrong)
    with pytest.raises(ArtifactMissingError):
        ap.migrate("fligths", to="parquet/1")
    with pytest.raises(ArtifactMissingError):
        ap.migrate("flights", to="parquet/1", versions=[7])
    with ap.start_run("outer"), pytest.raises(RunUsageError):
        ap.migrate("flights", to="parquet/1")
    assert len(session.versions().items) == 1


def test_circle_in_metadata_ends(session):
    """Metadata that somebody wrote by hand, even a circle, stops nothing."""
    first = session.save(FRAME, "flights")
    second = session.save(FRAME, "flights", metadata={"migrated_from": {"version_id": first.id}})
    session.update(first, metadata={"migrated_from": {"version_id": second.id}})
    session.save(FRAME, "flights", metadata={"migrated_from": "nonsense"})

    found = ap.migrate("flights", to="parquet/1")

    assert outcomes(found) == [(1, "skipped"), (2, "migrated"), (3, "migrated")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A working folder that a shop saved; its tests add versions, each to its own artifact."""
    return save_shop(tmp_path_factory.mktemp("shop"))


def test_class_that_was_renamed(saved, tmp_path):
    """A version under an old class name becomes one under the new name, once."""
    shop = Shop(
        saved, tmp_path / "code", settings={"renames": {"shop.orders:Order": "shop.sales:Sale"}}
    )
    shop.write(
        TREE,
        {
            "shop/orders.py": None,
            "shop/sales.py": CANARY + ORDERS.replace("Order", "Sale"),
            "shop/materializer.py": CANARY
            + MATERIALIZER.replace("shop.orders import Order", "shop.sales import Sale as Order"),
        },
    )

    dry = shop.json("migrate", "order", "--to", "order/1", "--dry-run")
    ran = shop.executed()
    done = shop.json("migrate", "order", "--to", "order/1")
    again = shop.json("migrate", "order", "--to", "order/1")

    assert [item["outcome"] for item in dry["versions"]] == ["would migrate"]
    assert [module for module in ran if module.startswith("shop")] == []
    assert [item["outcome"] for item in done["versions"]] == ["migrated"]
    assert [item["outcome"] for item in again["versions"]] == ["skipped", "skipped"]
    assert shop.json("show", "order@2")["data_type"] == "shop.sales:Sale"
    assert shop.json("explain-load", "order@2")["decision"]["code"] == "installed"


def test_value_of_an_archived_class(saved, tmp_path):
    """A value whose class is nowhere here is loaded with the archive and pinned to it again."""
    shop = Shop(saved, tmp_path / "code")
    shop.write(TREE, {"shop/orders.py": CANARY + "class Other: ...\n"})

    dry = shop.json("migrate", "plain", "--to", "pickle.object", "--dry-run")
    ran = shop.executed()
    done = shop.json("migrate", "plain", "--to", "pickle.object")
    record = shop.json("show", "plain@2")

    assert dry["versions"][0]["outcome"] == "would migrate"
    assert "_snap" not in str(ran)
    assert done["versions"][0]["outcome"] == "migrated"
    assert record["data_type"] == "shop.orders:Order"
    assert record["materializer"] == "pickle.object"
    assert "item='tea'" in shop.cli("load", "plain@2").stdout


def test_stranger_is_refused_per_version(saved, tmp_path):
    """Versions that nobody trusted vouches for fail by name, also in a dry run; nothing runs."""
    shop = Shop(saved, tmp_path / "code", user="bob")
    shop.write(TREE)

    dry = shop.json("migrate", "basket", "--to", "python.document", "--dry-run", code=1)
    done = shop.json("migrate", "basket", "--to", "python.document", code=1)

    for found in (dry, done):
        assert found["versions"][0]["outcome"] == "failed"
        assert found["versions"][0]["error"]["code"] == "untrusted-key"
    assert not any("shop" in module for module in shop.executed())


def test_command_says_what_stays(tmp_path):
    """The text names aliases that were not moved, and a newest version that is another one now."""
    (tmp_path / "work").mkdir()
    shop = Shop(tmp_path / "work", tmp_path / "code")
    shop.write(TREE)
    shop.python(
        "import artifact_plugins as ap, pandas as pd\n"
        "f = pd.DataFrame({'a': [1, 2]})\n"
        "ap.save(f, 'flights')\n"
        "ap.save(f, 'flights', options={'format': 'parquet'})\n"
    )
    shop.cli("tags", "flights@1", "--alias", "best")

    dry = shop.cli("migrate", "flights", "--to", "parquet/1", "--dry-run").stdout
    text = shop.cli("migrate", "flights", "--to", "parquet/1", "--version", "1").stdout
    nothing = shop.cli("migrate", "flights", "--to", "parquet/1", "--version", "1").stdout
    wrong = shop.cli("migrate", "flights", "--to", "npy/1", code=1).stdout
    usage = shop.cli("migrate", "flights", code=2).stderr

    assert "would migrate" in dry
    assert "migrated" in text
    assert "aliases are not moved (best: 1)" in text
    assert "made of version 1, no longer version 2" in text
    assert "version 3 was made of it before" in nothing
    assert "no-materializer" in wrong
    assert "--to" in usage
    assert json.loads(shop.cli("show", "flights@best", "--json").stdout)["version"] == 1
