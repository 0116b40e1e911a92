"""What a URL attaches to: an experiment, queue, entrypoint or job that somebody else made."""

from __future__ import annotations

from typing import Any

from artifact_plugins.errors import BackendRejectedError

from .inputs import Inputs
from .place import Place
from .server import SYSTEM, DioptraApi

_NO_JOB = "it is that of a worker, which `__JOB_ID` names, or of `&job=` in the URL"


class Attaching:
    """Finds them on one server, by name or id; changes nothing of them."""

    def __init__(self, place: Place, api: DioptraApi) -> None:
        self._place = place
        self._api = api

    def check(self) -> None:
        """Look that all that the URL names is there.

        Raises:
            BackendRejectedError: Something is not; says what.
        """
        self.experiment()
        self.queue()
        self.entrypoint()
        if self._place.job is not None:
            self.job()

    def experiment(self) -> int | None:
        """Return the id of the experiment that the URL names; None when it names none.

        Raises:
            BackendRejectedError: There is no experiment of that name or id.
        """
        given = self._place.experiment
        return None if given is None else int(self._existing("experiment", given)["id"])

    def queue(self) -> int | None:
        """Return the id of the queue that the URL names by its id; None for one of that name.

        Raises:
            BackendRejectedError: There is no queue of that id.
        """
        given = self._place.queue
        return int(self._existing("queue", given)["id"]) if given.isdecimal() else None

    def entrypoint(self) -> dict[str, Any] | None:
        """Return the entrypoint that the URL names; None when it names none.

        Raises:
            BackendRejectedError: There is none of that name or id, or it takes
                artifacts: a run of ours has parameters only.
        """
        given = self._place.entrypoint
        if given is None:
            return None
        found = self._existing("entrypoint", given)
        takes = [str(item["name"]) for item in found.get("artifactParameters", ())]
        if takes:
            raise BackendRejectedError(
                f"{SYSTEM} entrypoint {given!r} takes the artifacts {takes}, and runs have none",
                hint="name one that takes parameters only (&entrypoint=NAME), or leave it out; "
                "nothing was sent, the ledger has the records",
            )
        return found

    def job(self) -> tuple[dict[str, Any], str]:
        """Return the job that the URL names, and the id of its MLflow run.

        Raises:
            BackendRejectedError: There is no such job, or no worker has begun it.
        """
        job_id = self._place.job
        found = self._api.found(f"jobs/{job_id}")
        if found is None:
            raise BackendRejectedError(
                f"{SYSTEM} at {self._place.url.host} has no job {job_id}",
                hint=f"{_NO_JOB}; nothing was sent, the ledger has the records",
                status=404,
            )
        run_id = self._api.get(f"jobs/{job_id}/mlflowRun").get("mlflowRunId")
        if run_id is None:
            raise BackendRejectedError(
                f"{SYSTEM} job {job_id} is {found['status']} and has no MLflow run to keep files in",
                hint="a worker has to begin it; `artifact-plugins replay` sends the records then",
            )
        return found, str(run_id)

    def _existing(self, kind: str, given: str) -> dict[str, Any]:
        named = self._api.named(f"{kind}s/", given)
        if named:
            return self._api.get(f"{kind}s/{named[0]['id']}")
        found = self._api.found(f"{kind}s/{given}") if given.isdecimal() else None
        if found is None:
            raise BackendRejectedError(
                f"{SYSTEM} at {self._place.url.host} has no {kind} {given!r}",
                hint=f"name one in the URL (&{kind}=NAME or its id), or leave it out for one "
                "of our own; nothing was sent, the ledger has the records",
                status=404,
            )
        return found


def fitting(inputs: Inputs, entrypoint: dict[str, Any]) -> Inputs:
    """Return the inputs that an entrypoint of somebody else takes.

    The others are in the line of the job and in the run document.

    Raises:
        BackendRejectedError: It wants a parameter that the run has not.
    """
    types = {str(item["name"]): str(item["parameterType"]) for item in entrypoint["parameters"]}
    values = {
        name: text
        for name, text in inputs.values.items()
        if name in types and _takes(types[name], inputs.types[name])
    }
    wanted = [
        str(item["name"])
        for item in entrypoint["parameters"]
        if item.get("defaultValue") is None and item["name"] not in values
    ]
    if wanted:
        raise BackendRejectedError(
            f"{SYSTEM} entrypoint {entrypoint['name']!r} wants the parameters {wanted}, which the "
            "run has not, or of another type",
            hint="give them defaults there, or leave &entrypoint= out; the ledger has the record",
        )
    return Inputs(values, {name: types[name] for name in values}, {})


def _takes(theirs: str, ours: str) -> bool:
    return theirs in (ours, "string") or (theirs, ours) == ("float", "integer")
