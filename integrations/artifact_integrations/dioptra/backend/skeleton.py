"""What Dioptra wants before a job can be: group, queue, plugin, entrypoint, experiment, tags.

Nothing here is unique on the server when two ask at once: each is looked up by
its exact name, made, looked up again, and the oldest is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from artifact_plugins.contracts.backend import Delivery
from artifact_plugins.transport import compact, made_once, sha256_of

from .attaching import Attaching
from .lines import described, line_of
from .naming import resource_name
from .place import Place
from .server import ApiError, DioptraApi, contract, existing_id

PLUGIN = "artifact_plugins_recorded"
FILE = "recorded.py"
FUNCTION, ELSEWHERE = "recorded", "RecordedElsewhere"
_GRAPH = f"run:\n  task: {FUNCTION}\n"
_SOURCE = f'''"""Stands for steps that ran elsewhere and were recorded by artifact_plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dioptra import pyplugs
from dioptra.sdk.api.artifact import ArtifactTaskInterface

_WHY = "recorded elsewhere: artifact_plugins ran this step and recorded it here"


@pyplugs.register
def {FUNCTION}() -> None:
    raise RuntimeError(_WHY)


class {ELSEWHERE}(ArtifactTaskInterface):
    """A value that no code of a worker reads: data brought in from outside."""

    @staticmethod
    def serialize(working_dir: Path, name: str, contents: Any, **parameters: Any) -> Path:
        raise RuntimeError(_WHY)

    @staticmethod
    def deserialize(working_dir: Path, path: str, **parameters: Any) -> Any:
        raise RuntimeError(f"{{path!r}} was {{_WHY}}; load it with artifact_plugins")

    @staticmethod
    def validation() -> dict[str, Any] | None:
        return None
'''


@dataclass(frozen=True, slots=True)
class Shape:
    """The inputs of a step: one entrypoint for each shape.

    Attributes:
        step: What the entrypoint is called after: project, pipeline and step.
        parameters: Name to Dioptra's type, of those that have a value.
        artifacts: Names of the inputs that are artifacts.
    """

    step: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its entrypoint, the same wherever it is made."""
        shape = compact([self.step, dict(self.parameters), sorted(self.artifacts)])
        return f"{resource_name(*self.step)}.{sha256_of(shape)[:8]}"


class Skeleton:
    """Makes shared things once, and remembers them as the delivery's notes."""

    def __init__(self, place: Place, api: DioptraApi, attaching: Attaching) -> None:
        self._place = place
        self._api = api
        self._attaching = attaching
        self._lock = Lock()
        self._known: tuple[int, int] | None = None

    def group(self) -> int:
        """Return the id of the group."""
        return self._ids()[0]

    def any_type(self) -> int:
        """Return the id of the parameter type `any`, which every artifact of ours has."""
        return self._ids()[1]

    def queue(self, delivery: Delivery, *, anew: bool = False) -> int:
        """Return the id of the queue of recorded jobs."""
        name = self._place.queue
        text = "Holds what was recorded elsewhere. No worker may listen on it."

        def make() -> dict[str, Any]:
            found = self._attaching.queue()
            return _noted(found or self._make("queues/", resource_name(name), text)["id"])

        return int(made_once(delivery, "queue", name, make, anew=anew)["external_id"])

    def recorded(self, delivery: Delivery, *, anew: bool = False) -> dict[str, Any]:
        """Return the plugin whose tasks stand for what ran elsewhere.

        Returns:
            `plugin`, `snapshot` and `task`, the id of `RecordedElsewhere`.
        """
        return made_once(delivery, "plugin", PLUGIN, self._publish_recorded, anew=anew)

    def entrypoint(self, shape: Shape, delivery: Delivery, *, anew: bool = False) -> int:
        """Return the id of the entrypoint of a step."""
        queue = self.queue(delivery, anew=anew)
        recorded = self.recorded(delivery, anew=anew)

        def make() -> dict[str, Any]:
            body = {
                "taskGraph": _GRAPH,
                "artifactGraph": "",
                "parameters": [
                    {"name": name, "parameterType": kind, "defaultValue": None}
                    for name, kind in sorted(shape.parameters.items())
                ],
                "artifactParameters": [
                    {"name": name, "outputParams": [self.output()]}
                    for name in sorted(shape.artifacts)
                ],
                "queues": [queue],
                "plugins": [recorded["plugin"]],
            }
            text = f"Step {'/'.join(shape.step)}, recorded by artifact_plugins."
            made = self._make("entrypoints/", shape.name, text, **body)
            self.serve(made, queue)
            return _noted(made["id"])

        return int(made_once(delivery, "entrypoint", shape.name, make, anew=anew)["external_id"])

    def serve(self, entrypoint: Mapping[str, Any], queue: int) -> None:
        """Have an entrypoint take jobs from a queue; a job may be in no other one."""
        if queue not in [item["id"] for item in entrypoint.get("queues", ())]:
            self._api.post(f"entrypoints/{entrypoint['id']}/queues", {"ids": [queue]})

    def experiment(
        self, pipeline: Sequence[str], entrypoint: int, delivery: Delivery, *, anew: bool = False
    ) -> int:
        """Return the id of the experiment of a pipeline, with an entrypoint in it."""
        name = self._place.experiment or resource_name(*pipeline)
        with delivery.only("experiment", name):
            noted = None if anew else delivery.external("experiment", name)
            if noted is None:
                found = self._attaching.experiment()
                if found is None:
                    line = line_of("pipeline", project=pipeline[0], pipeline=".".join(pipeline[1:]))
                    text = described(f"Pipeline {'/'.join(pipeline)}.", line)
                    found = self._make("experiments/", name, text, entrypoints=[entrypoint])["id"]
                noted = _noted(found) | {"entrypoints": []}
            if entrypoint not in noted["entrypoints"]:
                path = f"experiments/{noted['external_id']}/entrypoints"
                self._api.post(path, {"ids": [entrypoint]})
                noted = {**noted, "entrypoints": [*noted["entrypoints"], entrypoint]}
                delivery.note("experiment", name, noted)
        return int(noted["external_id"])

    def mark(self, path: str, tag: str, delivery: Delivery) -> None:
        """Give a resource a tag; their names are unique."""

        def make() -> dict[str, Any]:
            try:
                made = self._api.post("tags/", {"group": self.group(), "name": tag})["id"]
            except ApiError as error:
                made = existing_id(error)
            return _noted(made)

        noted = made_once(delivery, "tag", tag, make)
        self._api.post(f"{path}/tags", {"ids": [int(noted["external_id"])]})

    def output(self) -> dict[str, Any]:
        """Return what every artifact task gives back: one value of type `any`."""
        return {"name": "value", "parameterType": self.any_type()}

    def forget(self) -> None:
        """Ask for the group and the types again."""
        with self._lock:
            self._known = None

    def _make(self, collection: str, name: str, text: str, **more: Any) -> dict[str, Any]:
        body = {"group": self.group(), "name": name, "description": text, **more}
        return self._api.make(collection, body)

    def _publish_recorded(self) -> dict[str, Any]:
        made = self._make("plugins/", PLUGIN, "Steps that ran elsewhere.")
        place = f"plugins/{made['id']}/files"
        body = {
            "filename": FILE,
            "contents": _SOURCE,
            "tasks": {
                "functions": [{"name": FUNCTION, "inputParams": [], "outputParams": []}],
                "artifacts": [{"name": ELSEWHERE, "outputParams": [self.output()]}],
            },
        }
        found = [f for f in self._api.all(place, sort="createdOn") if f["filename"] == FILE]
        if not found:
            try:
                self._api.post(place, body)
            except ApiError as error:
                existing_id(error)
        elif found[0]["contents"] != _SOURCE or _task_id(found[0]) is None:
            self._api.put(f"{place}/{found[0]['id']}", body)  # an older release, or people
        plugin = self._api.get(f"plugins/{made['id']}")
        for file in plugin["files"]:
            task = _task_id(file)
            if file["filename"] == FILE and task is not None:
                return {
                    "external_id": str(plugin["id"]),
                    "plugin": int(plugin["id"]),
                    "snapshot": int(plugin["snapshot"]),
                    "task": task,
                }
        raise contract(f"a plugin {PLUGIN!r} without the artifact task {ELSEWHERE!r}")

    def _ids(self) -> tuple[int, int]:
        with self._lock:
            if self._known is None:
                types = self._api.all("pluginParameterTypes/", sort="createdOn")
                found = [item["id"] for item in types if item["name"] == "any"]
                if not found:
                    raise contract("parameter types without 'any'")
                self._known = (self._api.group()[0], int(min(found)))
            return self._known


def _noted(resource_id: Any) -> dict[str, Any]:
    return {"external_id": str(resource_id)}


def _task_id(file: Mapping[str, Any]) -> int | None:
    tasks = file["tasks"]["artifacts"]
    return next((int(task["id"]) for task in tasks if task["name"] == ELSEWHERE), None)
