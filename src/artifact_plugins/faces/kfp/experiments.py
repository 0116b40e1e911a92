"""Experiments: names that runs are put under, and in multi-user mode their namespace."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from artifact_plugins.faces.kfp.face import Call, Face, is_possible_id, storable
from artifact_plugins.faces.kfp.messages import EXPERIMENT
from artifact_plugins.faces.kfp.notes import Note
from artifact_plugins.faces.kfp.pages import Listable, options, page
from artifact_plugins.faces.kfp.protojson import read, seconds
from artifact_plugins.faces.kfp.refusals import Refusal, invalid, not_found
from artifact_plugins.faces.kfp.versions import LONGEST_NAMESPACE, kept_name, too_long
from artifact_plugins.records import new_id, now

_DEFAULTS = uuid.UUID("7b2ab1f3-6b0e-5a53-9a53-0c6e6a4a7d11")
"""Namespace of the ids of the experiments that are there without being created."""

Message = dict[str, Any]
EXPERIMENTS: Listable[Message] = Listable(
    name="Experiment",
    columns={
        "id": lambda one: one["experiment_id"],
        "experiment_id": lambda one: one["experiment_id"],
        "name": lambda one: one["display_name"],
        "display_name": lambda one: one["display_name"],
        "created_at": lambda one: int(one["created_at"].timestamp()),
        "namespace": lambda one: one.get("namespace", ""),
    },
    default="created_at",
    key=lambda one: str(one["experiment_id"]),
)


def create(face: Face, call: Call) -> Message:
    """`POST /experiments`."""
    name, namespace = call.body.get("display_name", ""), call.body.get("namespace", "")
    if not name:
        raise invalid("Experiment name is empty. Please specify a valid experiment name")
    if face.access.is_multi_user:
        if not namespace:
            raise invalid("Experiment resource must specify a namespace in multi-user mode")
        too_long("Namespace", namespace, LONGEST_NAMESPACE, "create experiment")
        if kept_name(namespace) != namespace:
            raise invalid(f"namespace {namespace!a} cannot be the name of a project")
    project = face.project_of(namespace)
    face.access.authorize(call.caller, "experiments/create", project, None)
    too_long("Name", name, 128, "create experiment")
    with face.writing:
        if any(one["display_name"] == name for one in _of_project(face, project)):
            raise Refusal(
                6,
                f"Already exist error: The name {name} already exist. Please specify a new name",
                f"The name {name} already exist. Please specify a new name",
                http=409,
            )
        note = {
            "display_name": storable(name, "Experiment name"),
            "description": call.body.get("description", ""),
            "created_at": seconds(now()),
            "namespace": project,
        }
        experiment_id = new_id()
        face.notes.put("experiment", experiment_id, note)
    return _shown(face, experiment_id, note)


def get(face: Face, call: Call) -> Message:
    """`GET /experiments/{experiment_id}`."""
    found = find(face, call.path["experiment_id"])
    face.access.authorize(call.caller, "experiments/get", found["project"], None)
    return found


def listing(face: Face, call: Call) -> Message:
    """`GET /experiments`."""
    query = call.query
    asked = options(EXPERIMENTS, query)
    namespace = query.get("namespace", "")
    if face.access.is_multi_user and not namespace:
        raise invalid("A resource cannot have an empty namespace in multi-user mode")
    project = face.project_of(namespace)
    face.access.authorize(call.caller, "experiments/list", project, None)
    part = page(asked, _of_project(face, project))
    return {
        "experiments": part.rows,
        "total_size": part.total,
        "next_page_token": part.token,
    }


def find(face: Face, experiment_id: str) -> Message:
    """Return an experiment; 404 when there is none.

    Returns:
        The message, and under `project` which project holds it.
    """
    note = face.notes.get("experiment", experiment_id) if is_possible_id(experiment_id) else None
    if note is None or not face.is_served(note["namespace"]):
        raise not_found("Experiment", experiment_id)
    return _shown(face, experiment_id, note)


def default_id(face: Face, project: str) -> str:
    """Return the id of a project's default experiment, which is made when it is not there."""
    experiment_id = str(uuid.uuid5(_DEFAULTS, project))
    if face.notes.get("experiment", experiment_id) is None:
        note = {
            "display_name": "Default",
            "description": "All runs created without specifying an experiment",
            "created_at": seconds(now()),
            "namespace": project,
        }
        face.notes.put("experiment", experiment_id, note)
    return experiment_id


def _of_project(face: Face, project: str) -> Iterator[Message]:
    default_id(face, project)
    for experiment_id, note in face.notes.below("experiment"):
        if note["namespace"] == project:
            yield _shown(face, experiment_id, note)


def _shown(face: Face, experiment_id: str, note: Note) -> Message:
    shown = read(EXPERIMENT, {**note, "namespace": face.namespace_of(note["namespace"])})
    return {
        **shown,
        "experiment_id": experiment_id,
        "storage_state": "AVAILABLE",
        "project": note["namespace"],
    }
