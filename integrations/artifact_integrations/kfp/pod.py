"""Which KFP task this process runs in: from the launcher's arguments, the environment, the token.

The user's code descends from KFP's launcher, whose arguments say everything:
no placeholder of a pipeline names the own task. Outside a KFP pod nothing is
found, and nothing is looked for but one environment variable.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import POD_VARIABLE

_LAUNCHER = "kfp-launcher/launch"
_SCOPED_TOKEN = Path("/var/run/secrets/kfp/token")
_TOKEN_FILES = (_SCOPED_TOKEN, Path("/var/run/secrets/kubeflow/pipelines/token"))
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_AUDIENCE = "pipelines.kubeflow.org/runs/"
_HTTP_PORT = 8888
_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Pod:
    """Where in KFP this process runs.

    Attributes:
        run_id, task_id: Of KFP; None when nothing says so.
        namespace: Of the pod.
        base_url: Where the API is served over HTTP; None when nothing says so.
    """

    run_id: str | None
    task_id: str | None
    namespace: str | None
    base_url: str | None


def find_pod(
    environ: Mapping[str, str] | None = None, processes: Path = Path("/proc")
) -> Pod | None:
    """Return the pod that this process runs in; None outside of KFP.

    Args:
        environ: The environment of the process.
        processes: Where the arguments of the parents are read.
    """
    environ = os.environ if environ is None else environ
    if not environ.get(POD_VARIABLE):
        return None
    said = launcher_arguments(processes)
    namespace = said.get("namespace") or environ.get("NAMESPACE") or _text(_NAMESPACE_FILE) or None
    return Pod(
        run_id=said.get("run_id") or environ.get("KFP_RUN_ID") or _run_of_token(environ),
        task_id=said.get("task_id") or environ.get("KFP_TASK_ID") or None,
        namespace=namespace,
        base_url=_base_url(said, environ, namespace),
    )


def locate(urls: Sequence[str]) -> tuple[str, ...]:
    """Return the URLs that this process delivers to: in a pod of KFP they say run and task.

    A process that shares the ledger may send what this one left, and must put
    it into the same run; so what the pod knows becomes part of the URL. Outside
    of a pod the URLs stay as they are.

    Args:
        urls: Of `kfp`, as the settings name them; in a pod none need be named.
    """
    pod = find_pod()
    if pod is None:
        return tuple(urls)
    from .options import KfpOptions  # late: outside of a pod nothing of HTTP is imported

    if not urls and pod.base_url is not None and pod.run_id is not None:
        urls = [f"kfp+{pod.base_url}"]
    return tuple(KfpOptions.parse(url, pod).complete_url for url in urls)


def is_of_cluster(base_url: str, environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether a server is the one that runs the pods, to whom their tokens are shown.

    That is the one that the environment names, or one by a name that only a
    cluster resolves.
    """
    environ = os.environ if environ is None else environ
    host = urlsplit(base_url).hostname or ""
    named = environ.get("KF_PIPELINES_ENDPOINT", "")
    if named and host == urlsplit(named if "://" in named else f"//{named}").hostname:
        return True
    is_short = host == "ml-pipeline" or host.startswith("ml-pipeline.")
    return is_short or host.endswith((".svc", ".cluster.local"))


def launcher_arguments(processes: Path = Path("/proc"), pid: int | None = None) -> dict[str, str]:
    """Return the arguments of the launcher that this process descends from; empty without one."""
    for arguments in _parents(processes, os.getpid() if pid is None else pid):
        if any(part.endswith(_LAUNCHER) for part in arguments[:4]):
            return _options(arguments)
    return {}


def token(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the token of the pod as it is now: its file is renewed every hour or so."""
    environ = os.environ if environ is None else environ
    named = environ.get("KF_PIPELINES_SA_TOKEN_PATH")
    for path in (Path(named),) if named else _TOKEN_FILES:
        found = _text(path)
        if found:
            return found
    return None


def _parents(processes: Path, pid: int) -> Iterator[list[str]]:
    """Yield the arguments of the process and of its parents, the nearest first."""
    for _ in range(_DEPTH):
        folder = processes / str(pid)
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            # The name in brackets may hold anything, blanks and brackets too.
            after = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            above = int(after[1])
        except (OSError, ValueError, IndexError):
            return
        yield [part.decode(errors="replace") for part in arguments]
        if above <= 0 or above == pid:
            return
        pid = above


def _options(arguments: list[str]) -> dict[str, str]:
    """Return `--name value` and `--name=value` up to `--`, where the user's command begins."""
    found: dict[str, str] = {}
    waiting: str | None = None
    for part in arguments:
        if part == "--":
            break
        if waiting is not None and not part.startswith("--"):
            found[waiting] = part
            waiting = None
        elif part.startswith("--"):
            name, separator, value = part[2:].partition("=")
            waiting = None if separator else name
            if separator:
                found[name] = value
    return found


def _run_of_token(environ: Mapping[str, str]) -> str | None:
    """Return the run that the pod's token is bound to; the server checks it, we only read it."""
    parts = (token(environ) or "").split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        audiences = json.loads(base64.urlsafe_b64decode(padded))["aud"]
    except (ValueError, KeyError, TypeError):
        return None
    for audience in audiences if isinstance(audiences, list) else [audiences]:
        if isinstance(audience, str) and audience.startswith(_AUDIENCE):
            return audience.removeprefix(_AUDIENCE) or None
    return None


def _base_url(
    said: Mapping[str, str], environ: Mapping[str, str], namespace: str | None
) -> str | None:
    named = environ.get("KF_PIPELINES_ENDPOINT")
    if named:
        return named if "://" in named else f"http://{named}"
    # The launcher speaks gRPC; the same server serves HTTP on a port of its own.
    host = said.get("ml_pipeline_server_address")
    if not host and namespace:
        host = f"ml-pipeline.{namespace}"
    return f"http://{host}:{_HTTP_PORT}" if host else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None
