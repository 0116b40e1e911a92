"""ZenML, MLTE, Dioptra and a KFP-compatible server at once, each a process of its own.

`python tests/support/registries.py FOLDER` (`make registries`) starts them, writes what a
shell needs into `FOLDER/environment.sh`, and stops them with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

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


@dataclass
class Registries:
    """The four servers over one folder.

    Attributes:
        folder: Databases, files and logs.
        pages: Where people look, by system.
    """

    folder: Path
    pages: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Registries:
        self._stack = ExitStack()
        with self._stack:
            self.kfp = self._enter(KfpServer(self._own("kfp")))
            self.zenml = self._enter(serve_zenml(self._own("zenml"), ZENML_VERSION))
            self.dioptra = self._enter(DioptraServer(self._own("dioptra")))
            self.mlte = self._enter(_mlte(self._own("mlte")))
            self.pages = {
                "KFP": f"{self.kfp.url}/apis/v2beta1/artifacts?namespace=default",
                "ZenML": f"{self.zenml.url}/",
                "Dioptra": f"{self.dioptra.url}/",
                "MLTE": f"{self.mlte.url}/api/docs",
            }
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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

    def write_environment(self) -> Path:
        """Write the variables as a script for a shell and return it."""
        script = self.folder / "environment.sh"
        lines = [f"export {name}='{value}'" for name, value in self.variables.items()]
        script.write_text("\n".join(lines) + "\n")
        script.chmod(0o600)
        return script

    def _own(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _enter(self, server):
        return self._stack.enter_context(server)


def _mlte(folder: Path) -> ServerProcess:
    (folder / "store").mkdir(exist_ok=True)
    programs = environment("mlte", [MLTE])
    command = [str(programs / "mlte"), "backend", "--host", "127.0.0.1", "--port", "{port}"]
    command += [
        "--store-uri",
        f"fs://{folder}/store",
        "--jwt-secret",
        "forty characters of the loopback alone..",
    ]
    return ServerProcess(command, cwd=folder, ready="/api/healthz")


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    print("starting four servers; the first time their environments are installed", flush=True)
    with Registries(folder) as running:
        script = running.write_environment()
        for system, page in running.pages.items():
            print(f"{system:8} {page}")
        print(f"\nin another terminal:  . {script}\nCtrl-C stops them", flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
