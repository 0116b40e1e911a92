"""ZenML, MLTE, Dioptra and a KFP-compatible server at once, each a process of its own.

`python tests/support/registries.py FOLDER` (`make registries`) starts them on ports 8881 to
8885, writes what a shell needs into `FOLDER/environment.sh`, and stops them with Ctrl-C. What
they were given is in FOLDER, and there again at the next start.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest
from dioptra_server import PASSWORD as DIOPTRA_PASSWORD
from dioptra_server import USER as DIOPTRA_USER
from dioptra_server import DioptraServer
from kfp_server import KfpServer
from server_environments import ServerProcess, environment
from zenml_servers import NEW as ZENML_VERSION
from zenml_servers import PASSWORD as ZENML_PASSWORD
from zenml_servers import USERNAME as ZENML_USER
from zenml_servers import serve as serve_zenml

MLTE = "mlte[backend,rdbs]==2.7.0"
MLTE_USER, MLTE_PASSWORD = "admin", "admin1234"
PORTS = {"kfp": 8881, "zenml": 8882, "dioptra": 8883, "mlflow": 8884, "mlte": 8885}


@dataclass
class Registries:
    """The four servers over one folder.

    Attributes:
        folder: Databases, files and logs.
        ports: Where each listens, as `PORTS`; a free one when not given.
        tell: Called with the system and where people look, once it serves.
    """

    folder: Path
    ports: Mapping[str, int] = field(default_factory=dict)
    tell: Callable[[str, str], None] = lambda system, page: None

    def __enter__(self) -> Registries:
        port = self.ports.get
        with ExitStack() as stack:
            self.kfp = stack.enter_context(KfpServer(self._own("kfp"), port=port("kfp")))
            self.tell("KFP", f"{self.kfp.url}/apis/v2beta1/artifacts?namespace=default")
            zenml = serve_zenml(self._own("zenml"), ZENML_VERSION, port=port("zenml"))
            self.zenml = stack.enter_context(zenml)
            self.tell("ZenML", f"{self.zenml.url}/  ({ZENML_USER}, {ZENML_PASSWORD})")
            dioptra = DioptraServer(
                self._own("dioptra"), port=port("dioptra"), mlflow_port=port("mlflow")
            )
            self.dioptra = stack.enter_context(dioptra)
            self.tell("Dioptra", f"{self.dioptra.url}/  ({DIOPTRA_USER}, {DIOPTRA_PASSWORD})")
            self.mlte = stack.enter_context(_mlte(self._own("mlte"), port("mlte")))
            self.tell("MLTE", f"{self.mlte.url}/api/docs  ({MLTE_USER}, {MLTE_PASSWORD})")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def urls(self) -> dict[str, str]:
        """The URLs for `Settings.backends`, by scheme."""
        return {
            "kfp": f"kfp+{self.kfp.url}/",
            "zenml": f"zenml+{self.zenml.url}/",
            "dioptra": self.dioptra.backend_url(),
            "mlte": f"mlte+{self.mlte.url}/",
        }

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs in its environment to deliver to all four."""
        return {
            "ARTIFACT_PLUGINS_BACKENDS": json.dumps(list(self.urls.values())),
            "ARTIFACT_PLUGINS_ZENML_USERNAME": ZENML_USER,
            "ARTIFACT_PLUGINS_ZENML_PASSWORD": ZENML_PASSWORD,
            "ARTIFACT_PLUGINS_DIOPTRA_USERNAME": DIOPTRA_USER,
            "ARTIFACT_PLUGINS_DIOPTRA_PASSWORD": DIOPTRA_PASSWORD,
            "ARTIFACT_PLUGINS_MLTE_USERNAME": MLTE_USER,
            "ARTIFACT_PLUGINS_MLTE_PASSWORD": MLTE_PASSWORD,
        }

    def _own(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _mlte(folder: Path, port: int | None) -> ServerProcess:
    (folder / "store").mkdir(exist_ok=True)
    programs = environment("mlte", [MLTE])
    command = [str(programs / "mlte"), "backend", "--host", "127.0.0.1", "--port", "{port}"]
    command += [
        "--store-uri",
        f"fs://{folder}/store",
        "--jwt-secret",
        "forty characters of the loopback alone..",
    ]
    return ServerProcess(command, cwd=folder, ready="/api/healthz", port=port)


def write_environment(folder: Path, variables: Mapping[str, str]) -> Path:
    """Write variables, and where our programs are, as a script for a shell; return it."""
    script = folder / "environment.sh"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    script.touch(0o600)
    script.write_text("\n".join(lines) + "\n")
    return script


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    print("starting four servers; the first time their environments are installed", flush=True)
    script = folder / "environment.sh"
    try:
        with Registries(folder, PORTS, _tell) as running:
            write_environment(folder, running.variables)
            print(f"\nin another terminal:  . {script}\nCtrl-C stops them", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except (pytest.fail.Exception, pytest.skip.Exception) as error:  # what fixtures say
        print(error.msg, file=sys.stderr)
        return 1
    finally:
        script.unlink(missing_ok=True)
    return 0


def _tell(system: str, page: str) -> None:
    print(f"{system:8} {page}", flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
