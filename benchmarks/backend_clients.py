"""Delivered records a second, beside the system's own client registering as many.

Both talk to the same real server on this machine, one after the other. Ours is
the whole way: commits of a session, then the outbox until it is empty. The
client's is a loop in a process of its own, in an environment of the tests, and
does the least that makes such a record there: `does` says what.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import workloads as w
from dioptra_server import dioptra_programs
from registries import MLTE, Registries
from rich.console import Console
from rich.table import Table
from server_environments import environment
from zenml_servers import NEW as ZENML_VERSION
from zenml_servers import ZenML

import artifact_plugins as ap

RECORDS = 200


@ap.step
def plus_one(x: int) -> int:
    return x + 1


@dataclass(frozen=True)
class Peer:
    """A system's own client.

    Attributes:
        does: What it does for one record.
        python: Of the environment that it is installed in.
        code: Registers `given["count"]` records and leaves `seconds`.
    """

    does: str
    python: Callable[[], Path]
    code: str


KFP = """
import kfp_server_api
client = kfp_server_api.ApiClient(kfp_server_api.Configuration(host=given["url"]))
def post(path, body):
    return client.call_api(
        "/apis/v2beta1" + path, "POST", body=body, response_type="object",
        header_params={"Accept": "application/json", "Content-Type": "application/json"},
        _return_http_data_only=True)
run = post("/runs", {"display_name": "bench"})["run_id"]
started = time.perf_counter()
for n in range(given["count"]):
    task = post(f"/runs/{run}/tasks", {"name": f"t{n}", "type": "RUNTIME", "state": "SUCCEEDED"})
    post("/artifacts", {
        "artifact": {"name": f"a{n}", "type": "Artifact", "uri": "s3://b/k", "namespace": "default"},
        "run_id": run, "task_id": task["task_id"], "producer_key": "output"})
seconds = time.perf_counter() - started
"""

MLTE_SESSION = """
from urllib.parse import urlsplit
from mlte.context.context import Context
from mlte.evidence.metadata import EvidenceMetadata
from mlte.evidence.types.opaque import Opaque
from mlte.store.artifact.factory import create_artifact_store
from mlte.store.base import StoreURI
place = urlsplit(given["url"])
login = f"{given['user']}:{given['password']}"
store = create_artifact_store(StoreURI.from_string(f"http://{login}@{place.netloc}"))
context = Context("bench-of-the-client", "one")
measured = {"measurement_class": "a.B", "output_class": "a.C", "additional_data": {}}
started = time.perf_counter()
for n in range(given["count"]):
    evidence = Opaque({"value": n}).with_metadata(
        EvidenceMetadata.model_validate({"test_case_id": f"case-{n}", "measurement": measured}))
    evidence.save_with(context, store, parents=True)
seconds = time.perf_counter() - started
"""

ZENML = """
from zenml import save_artifact
save_artifact(0, name="warm")
started = time.perf_counter()
for n in range(given["count"]):
    save_artifact(n, name="bench")
seconds = time.perf_counter() - started
"""

DIOPTRA = """
from dioptra.client import connect_json_dioptra_client
client = connect_json_dioptra_client(given["url"])
client.auth.login(given["user"], given["password"])
there = client.artifacts.get(page_length=100)["data"][0]
started = time.perf_counter()
for n in range(given["count"]):
    client.artifacts.create(
        group_id=there["group"]["id"], job_id=there["job"],
        artifact_uri=f"{there['artifactUri']}?bench={n}", description="bench")
seconds = time.perf_counter() - started
"""

PEERS = {
    "kfp": Peer(
        "a task and its artifact: kfp-server-api's transport, two requests",
        lambda: environment("kfp-api", ["kfp-server-api==2.17.3"]) / "python",
        KFP,
    ),
    "zenml": Peer(
        "save_artifact of an int, outside of a run, bytes written",
        lambda: environment("zenml", [f"zenml[server]=={ZENML_VERSION}"]) / "python",
        ZENML,
    ),
    "dioptra": Peer(
        "artifacts.create at a job that is there; no file is sent",
        lambda: dioptra_programs() / "python",
        DIOPTRA,
    ),
    "mlte": Peer(
        "an Opaque evidence saved with its store",
        lambda: environment("mlte", [MLTE]) / "python",
        MLTE_SESSION,
    ),
}


def ours(system: str, servers: Registries) -> dict[str, float]:
    """Register records with a run of mapped steps until they are at the server."""
    with tempfile.TemporaryDirectory() as folder, _variables(servers.variables):
        settings = ap.Settings(
            store_url=f"{folder}/store",
            ledger_url=f"sqlite:///{folder}/ledger.sqlite",
            project="default",
            backends=(servers.urls[system],),
            flush_seconds=0.0,
        )
        with ap.open_session(settings) as session:
            with ap.start_run("warm"):
                plus_one(1)
            session.deliverer.sync()
            before = session.deliverer.status()[0].delivered
            started, cpu = w.now(), w.cpu()
            with ap.start_run("bench"):
                plus_one.map(x=list(range(RECORDS)))
            (status,) = session.deliverer.sync(timeout_seconds=1200)
            seconds = w.now() - started
    assert (status.pending, status.dead) == (0, 0), status
    return {
        "seconds": seconds,
        "cpu_seconds": w.cpu() - cpu,
        "rows": status.delivered - before,
        "records_a_second": RECORDS / seconds,
    }


def theirs(system: str, servers: Registries) -> dict[str, float]:
    """Register as many with the system's own client."""
    peer, variables = PEERS[system], servers.variables
    given = {
        "url": getattr(servers, system).url,
        "count": RECORDS,
        "user": variables.get(f"ARTIFACT_PLUGINS_{system.upper()}_USERNAME"),
        "password": variables.get(f"ARTIFACT_PLUGINS_{system.upper()}_PASSWORD"),
    }
    zenml = ZenML(servers.zenml.url, ZENML_VERSION)
    code = "import json, sys, time\ngiven = json.load(sys.stdin)\n" + peer.code
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "client.py"  # ZenML wants a file
        script.write_text(f"{code}\nprint('SECONDS', seconds)\n")
        done = subprocess.run(
            [str(peer.python()), str(script)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={
                "HOME": folder,
                "PATH": os.environ["PATH"],
                "ZENML_CONFIG_PATH": folder,
                "ZENML_STORE_URL": servers.zenml.url,
                "ZENML_STORE_USERNAME": variables["ARTIFACT_PLUGINS_ZENML_USERNAME"],
                "ZENML_STORE_PASSWORD": variables["ARTIFACT_PLUGINS_ZENML_PASSWORD"],
                "ZENML_ACTIVE_PROJECT_ID": zenml.ask("GET", "/projects/default")["id"],
                "ZENML_ANALYTICS_OPT_IN": "false",
                "ZENML_LOGGING_VERBOSITY": "ERROR",
            },
            timeout=1800,
        )
    if done.returncode:
        raise SystemExit(f"the client of {system} failed:\n{done.stderr[-4000:]}")
    seconds = float(done.stdout.rpartition("SECONDS ")[2])
    return {"seconds": seconds, "records_a_second": RECORDS / seconds}


def compare(systems: Sequence[str], console: Console) -> dict[str, Any]:
    """Measure each system, ours first, and print the table."""
    table = Table("system", "ours", "its client", "ratio", "our CPU a record", "its client does")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, Registries(Path(folder)) as servers:
        for system in systems:
            our, their = ours(system, servers), theirs(system, servers)
            results[system] = {"ours": our, "theirs": their}
            table.add_row(
                system,
                f"{our['records_a_second']:.0f}/s",
                f"{their['records_a_second']:.0f}/s",
                f"{our['records_a_second'] / their['records_a_second']:.2f}",
                f"{our['cpu_seconds'] / RECORDS * 1e3:.1f} ms",
                PEERS[system].does,
            )
    console.print(table)
    return results


@contextmanager
def _variables(given: dict[str, str]) -> Any:
    """Set variables of this process for the time of a block."""
    before = dict(os.environ)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
