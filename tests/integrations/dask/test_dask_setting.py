"""What the text of the setting says, what is offered, and what the cluster's errors become."""

from __future__ import annotations

import subprocess
import sys

import pytest
from distributed import KilledWorker

from artifact_integrations.dask.call import explained
from artifact_integrations.dask.runtime import DaskRuntime
from artifact_integrations.dask.setting import Cluster, parse_setting
from artifact_plugins.errors import (
    RunError,
    RuntimeUnavailableError,
    SettingsError,
    StepNotSendableError,
    StoreReadError,
    WorkerLostError,
)
from artifact_plugins.plugins import load_plugins
from artifact_plugins.runtimes import make_runtime


@pytest.mark.parametrize(
    ("setting", "cluster"),
    [
        ("dask://host:9000", Cluster("tcp://host:9000")),
        ("dask://host", Cluster("tcp://host:8786")),
        ("dask://host/", Cluster("tcp://host:8786")),
        ("dask+tls://host:1", Cluster("tls://host:1")),
        ("dask://[::1]:9000", Cluster("tcp://[::1]:9000")),
        ("dask://10.0.0.1?connect_seconds=2.5", Cluster("tcp://10.0.0.1:8786", 2.5)),
        ("dask://h?worker_seconds=5&connect_seconds=3", Cluster("tcp://h:8786", 3.0, 5.0)),
    ],
)
def test_the_setting_names_a_scheduler(setting, cluster):
    """Host, port, protocol and two durations are read."""
    assert parse_setting(setting) == cluster


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("dask://", "is no host with a port"),
        ("dask://:8786", "is no host with a port"),
        ("dask://host:0", "is no host with a port"),
        ("dask://host:99999", "out of range"),
        ("dask://host:many", "many"),
        ("dask://host/jobs", "'dask://host/jobs' is no host"),
        ("dask://host#x", "is no host with a port"),
        ("dask://host?", None),
        ("dask://host?fast", "fast"),
        ("dask://host?timeout=3", "option 'timeout'; there are ['connect_seconds', "),
        ("dask://host?connect_seconds=1&connect_seconds=2", "each once"),
        ("dask://host?connect_seconds=0", "connect_seconds='0'"),
        ("dask://host?connect_seconds=-1", "connect_seconds='-1'"),
        ("dask://host?connect_seconds=nan", "connect_seconds='nan'"),
        ("dask://host?connect_seconds=inf", "connect_seconds='inf'"),
        ("dask://host?worker_seconds=soon", "worker_seconds='soon'"),
    ],
)
def test_what_cannot_be_meant_is_refused(setting, reason):
    """The error says which part; an empty query is none."""
    if reason is None:
        parse_setting(setting)
        return
    with pytest.raises(SettingsError) as caught:
        DaskRuntime(setting)

    assert reason in str(caught.value)


def test_a_password_is_refused_and_not_repeated():
    """Nothing of the user part gets into the message."""
    with pytest.raises(SettingsError) as caught:
        parse_setting("dask://ada:secret@host")

    assert "secret" not in str(caught.value)
    assert "ada" not in str(caught.value)


def test_the_plugin_offers_both_schemes():
    """`dask://` and `dask+tls://` give this runtime, through the installed entry point."""
    runtimes = load_plugins().runtimes

    for setting in ("dask://host", "dask+tls://host"):
        assert isinstance(make_runtime(setting, runtimes), DaskRuntime)


def test_offering_imports_no_dask():
    """Loading the plugin, and making the runtime, leaves Dask alone until a step is called."""
    code = (
        "import sys; from artifact_plugins.plugins import load_plugins; "
        "from artifact_plugins.runtimes import make_runtime; "
        "make_runtime('dask://host', load_plugins().runtimes); "
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_runtime_that_was_never_used_closes():
    """There is nothing to disconnect."""
    DaskRuntime("dask://host").close()


class _Worker:
    address = "tcp://127.0.0.1:1"


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (KilledWorker("run_call-1", _Worker(), 3), WorkerLostError, "died"),
        (
            ModuleNotFoundError("No module named 'shop'", name="shop"),
            StepNotSendableError,
            "'shop'",
        ),
        (TypeError("code() takes 16 arguments"), RunError, "could not take the call"),
    ],
)
def test_what_the_cluster_raises_is_said_in_our_words(raised, kind, words):
    """The cause is kept, and the scheduler is named."""
    found = explained(raised, "tcp://host:8786")

    assert type(found) is kind
    assert words in str(found)
    assert "tcp://host:8786" in str(found)
    assert found.__cause__ is raised


def test_an_error_of_ours_comes_out_unchanged():
    """A worker that cannot open the store says so itself."""
    error = StoreReadError("the store is gone")

    assert explained(error, "tcp://host:8786") is error
    assert error.__cause__ is None


def test_a_scheduler_that_is_not_there_is_named_again_at_once():
    """The first call waits as long as the setting says, the others of the run do not."""
    runtime = DaskRuntime("dask://127.0.0.1:1?connect_seconds=0.5")

    for _ in range(2):
        with pytest.raises(RuntimeUnavailableError, match=r"tcp://127\.0\.0\.1:1 cannot be used"):
            runtime.submit(len, "abc")
