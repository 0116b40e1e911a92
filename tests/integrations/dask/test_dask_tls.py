"""An encrypted cluster: `dask+tls://` with the certificates of Dask's own configuration."""

from __future__ import annotations

from typing import Annotated

import dask
import pytest
from tls_places import Papers, papers

import artifact_plugins as ap
from artifact_plugins.errors import RuntimeUnavailableError

pytestmark = pytest.mark.server

PARTIES = ("scheduler", "worker", "client")


@ap.step
def double(x: int) -> Annotated[int, "twice"]:
    return 2 * x


def known(made: Papers) -> dict[str, str]:
    """Return Dask's settings for one who has these certificates; each file holds its key, too."""
    certificates = {f"distributed.comm.tls.{party}.cert": str(made.chain) for party in PARTIES}
    return {"distributed.comm.tls.ca-file": str(made.authority), **certificates}


def test_an_encrypted_cluster_runs_steps(opened, own_cluster, tmp_path):
    """With the certificates steps run; without them, and in the open, the cluster is named."""
    made = papers(tmp_path / "papers", "127.0.0.1")
    spelled = {
        f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value
        for name, value in known(made).items()
    }
    with dask.config.set(known(made)):
        cluster = own_cluster(1, **spelled, DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME="tls")
        assert cluster.url().startswith("dask+tls://")
        with opened(cluster.url()) as session, ap.start_run("encrypted") as run:
            doubled = double.map(x=[1, 2])
        assert [ap.value(item) for item in doubled] == [2, 4]
        assert [task.state for task in session.tasks(f'run_id == "{run.id}"')][-1] == "SUCCEEDED"

    stranger = papers(tmp_path / "stranger", "127.0.0.1")
    in_the_open = cluster.url(connect_seconds=1).replace("dask+tls", "dask")
    with dask.config.set(known(stranger)):
        for url in (cluster.url(connect_seconds=1), in_the_open):
            with (
                pytest.raises(RuntimeUnavailableError, match="cannot be used"),
                opened(url, "elsewhere"),
                ap.start_run("refused"),
            ):
                double(1)
