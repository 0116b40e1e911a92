"""Every version is pinned: whichever way it is saved, before its row, or not saved at all."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from archived_projects import project  # noqa: F401  # a fixture
from store_attacks import Place

import artifact_plugins as ap
from artifact_plugins import errors, failpoints
from artifact_plugins.session.archived import Archives
from artifact_plugins.trust import Trust


@pytest.fixture
def place(tmp_path):
    """A store."""
    return Place(tmp_path)


def assert_pinned(place, session, version, who="alice"):
    """The row names a snapshot whose statement, archives and own signature are in the store."""
    assert version.plugin_snapshot
    found = session.snapshots(f'id == "{version.plugin_snapshot}"')
    assert [one.id for one in found] == [version.plugin_snapshot]
    code, by = Archives(session.store).open(version, Trust(home=place.home(who)))
    assert by.startswith("own key")
    assert all(place.archive(one.digest).exists() for one in code.snapshot.archives)


@ap.step
def make(size: int) -> Annotated[list[int], "made"]:
    """Make a value."""
    ap.log_artifact("logged", np.arange(size))
    return [0] * size


@ap.step
def twice(numbers: list[int]) -> Annotated[dict[str, int], "twice"]:
    """Use a value."""
    return {"twice": 2 * len(numbers)}


@pytest.mark.parametrize("runtime", ["inline", "threads", "processes"])
def test_every_way_of_saving_pins(place, runtime):
    """G3: save, step outputs, mapped steps and `log_artifact`, in every runtime."""
    with place.session("alice", runtime=runtime) as session:
        with ap.start_run("all"):
            twice(make(3))
            make.map(size=[1, 2])
        session.save({"a": 1}, "by hand")
    with place.session("alice") as session:
        versions = list(session.versions())
        assert len(versions) >= 8
        for version in versions:
            assert_pinned(place, session, version)


ORDERS = {
    "pinned_orders.py": """
from dataclasses import dataclass
from pinned_rates import RATE


@dataclass
class Order:
    size: int

    def cost(self):
        return self.size * RATE
""",
    "pinned_rates.py": "RATE = 2\n",
}
POINTS = ("save.after_snapshot", "save.after_payload", "save.after_manifest")


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_registered_without_its_pin(place, project, point):  # noqa: F811
    """An error anywhere between capture and commit leaves no version; the repeat works."""
    project.write(ORDERS)
    order = project.live("pinned_orders:Order")
    values = [order(n) for n in range(2000)]  # not in the record
    with place.session("alice") as session:
        failpoints.configure(f"{point}=error:EIO")
        try:
            with pytest.raises(errors.StoreError):
                session.save(values, "orders")
        finally:
            failpoints.configure("")
        assert not list(session.versions())
        version = session.save(values, "orders")
        assert version.version == 1
        assert_pinned(place, session, version)


def test_a_row_is_written_after_its_pin(place, project, monkeypatch):  # noqa: F811
    """When the ledger is asked to write, statement, archives and signature lie in the store."""
    project.write(ORDERS)
    order = project.live("pinned_orders:Order")
    seen = []
    with place.session("alice") as session:
        write = session.ledger.write

        def looking(batch, **how):
            for draft in batch.versions:
                snapshot = draft.version.plugin_snapshot
                found = Archives(session.store).stated(draft.version).snapshot
                assert place.signatures(snapshot)
                assert all(place.archive(one.digest).exists() for one in found.archives)
                seen.append(snapshot)
            return write(batch, **how)

        monkeypatch.setattr(session.ledger, "write", looking)
        session.save(order(1), "order")
        session.save(np.arange(3), "array")
    assert len(set(seen)) == 2


SECRETS = {
    "a key in the source": ("pinned_rates.py", f'RATE = 2\nKEY = "{"AKIA"}IOSFODNN7EXAMPLQ"\n'),
    "a private key": (
        "pinned_rates.py", f'RATE = 2\nPEM = """-----{"BEGIN"} RSA PRIVATE KEY-----\n{"MIIEpAIBAAKCAQEA" * 4}\n"""\n'
    ),
    "a token": ("pinned_rates.py", f'RATE = 2\nTOKEN = "{"ghp"}_{"a1B2" * 9}"\n'),
}  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_refuses_the_save(place, project, secret):  # noqa: F811
    """A secret in the project's code refuses the save by name, and nothing of it is anywhere."""
    name, text = SECRETS[secret]
    project.write({**ORDERS, name: text})
    order = project.live("pinned_orders:Order")
    with place.session("alice") as session:
        with pytest.raises(errors.SecretInSnapshotError) as refused:
            session.save(order(1), "order")
        assert "pinned_rates" in str(refused.value)
        assert not list(session.versions())
    words = [part for part in text.replace('"', " ").split() if len(part) > 18]
    for path in (one for one in place.folder.rglob("*") if one.is_file()):
        if project.root not in path.parents:
            data = path.read_bytes()
            assert not any(word.encode() in data for word in words), path
    assert all(word not in str(refused.value) for word in words)


def test_a_changed_module_between_two_saves(place, project):  # noqa: F811
    """Reloaded code is another snapshot; code that was edited and not reloaded is what runs."""
    project.write(ORDERS)
    order = project.live("pinned_orders:Order")
    with place.session("alice") as session:
        first = session.save(order(1), "order")
        path = project.root / "pinned_rates.py"
        path.write_text("RATE = 33\n")
        edited = session.save(order(1), "order")
        assert edited.plugin_snapshot == first.plugin_snapshot

        importlib.invalidate_caches()
        importlib.reload(sys.modules["pinned_rates"])
        importlib.reload(sys.modules["pinned_orders"])
        second = session.save(sys.modules["pinned_orders"].Order(1), "order")
        assert second.plugin_snapshot != first.plugin_snapshot

    project.write({"unrelated.py": ""})
    with place.session("alice") as session:
        costs = [session.load("order", version=number).cost() for number in (1, 2, 3)]
    assert costs == [2, 2, 33]


def test_a_reloaded_helper_is_another_snapshot(place, project):  # noqa: F811
    """Also when the module of the class itself stays: what it reaches counts."""
    text = ORDERS["pinned_orders.py"].replace(
        "from pinned_rates import RATE", "import pinned_rates"
    )
    text = text.replace("* RATE", "* pinned_rates.RATE")
    project.write({**ORDERS, "pinned_orders.py": text})
    order = project.live("pinned_orders:Order")
    with place.session("alice") as session:
        session.save(order(1), "order")
        (project.root / "pinned_rates.py").write_text("RATE = 333\n")
        importlib.invalidate_caches()
        importlib.reload(sys.modules["pinned_rates"])
        assert order(1).cost() == 333
        session.save(order(1), "order")

    project.write({"unrelated.py": ""})
    with place.session("alice") as session:
        costs = [session.load("order", version=number).cost() for number in (1, 2)]
    assert costs == [2, 333]


def test_a_read_only_home_works_unsigned_and_says_so(caplog):
    """Saves go on without a key; what they wrote is trusted by a pin only."""
    folder = Path(tempfile.mkdtemp())
    place = Place(folder)
    home = place.home("alice")
    home.parent.mkdir()
    home.write_text("a file where a folder should be")

    with place.session("alice") as session:
        version = session.save({"a": ["x" * 100] * 200}, "large")
        assert session.load(version.id)["a"][0] == "x" * 100
        pickled = session.save(Holder(), "object")
        with pytest.raises(errors.TrustError):
            session.load(pickled.id)
    assert version.plugin_snapshot
    assert not place.signatures(version.plugin_snapshot)
    assert any("unsigned" in one.message or "not signed" in one.message for one in caplog.records)


class Holder:
    """What only pickle handles."""

    def __eq__(self, other):
        return type(other) is type(self)


def test_the_archive_of_another_version_may_be_damaged(place, project):  # noqa: F811
    """A damaged archive is named when it is needed; saves of other code and loads go on."""
    project.write(ORDERS)
    order = project.live("pinned_orders:Order")
    with place.session("alice") as session:
        version = session.save(order(1), "order")
        snapshot = Archives(session.store).stated(version).snapshot
    archive = next(one for one in snapshot.archives if one.role == "project")
    place.archive(archive.digest).write_bytes(b"PK damaged")

    with place.session("alice") as session:
        array = session.save(np.arange(3), "array")
        assert_pinned(place, session, array)
        assert session.load("order") == order(1)  # the code is here
        with pytest.raises(errors.DigestMismatchError, match="remove it from the store"):
            session.save(order(2), "order")
        place.archive(archive.digest).unlink()
        assert_pinned(place, session, session.save(order(2), "order"))


PROGRAM = """
import os, sys, time
import artifact_plugins as ap
sys.path.insert(0, sys.argv[1])
from pinned_orders import Order
with ap.open_session(ap.Settings(store_url=sys.argv[2], ledger_url=sys.argv[3],
                                 trust_home=sys.argv[4], durability="process")) as session:
    print("ready", flush=True)
    sys.stdin.readline()
    print(session.save(Order(1), "order").plugin_snapshot)
"""


def test_two_processes_publish_the_same_snapshot(place, project):  # noqa: F811
    """Four processes publish at once: one snapshot, one row, one signature."""
    project.write(ORDERS)
    arguments = [
        str(project.root), str(place.store), f"sqlite:///{place.folder}/ledger.sqlite",
        str(place.home("alice")),
    ]  # fmt: skip
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    answers = {worker.communicate(timeout=60)[0].strip() for worker in workers}

    assert len(answers) == 1
    (snapshot,) = answers
    assert len(place.signatures(snapshot)) == 1
    with place.session("alice") as session:
        assert [one.id for one in session.snapshots()] == [snapshot]
        for version in session.versions():
            assert_pinned(place, session, version)
