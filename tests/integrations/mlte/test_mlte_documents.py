"""Records become documents that say the same, and come back equal."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from artifact_integrations.mlte import documents
from artifact_integrations.mlte.backend import MlteBackend
from artifact_plugins.contracts.backend import BackendOperation
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Producer,
    Run,
    RunState,
    Task,
    TaskState,
)

AT = datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)
RUN_ID = "01a202ad-dc9c-7350-9e33-d31ab40d9c39"


def a_task(**more: Any) -> Task:
    values = {
        "id": "01a202ad-dc9f-71c6-9606-e8cee6c40839",
        "run_id": RUN_ID,
        "name": "train",
        "scope_path": "ROOT/for-loop-1/train#0",
        "iteration_index": 0,
        "state": TaskState.SUCCEEDED,
        "started_at": AT,
        "ended_at": AT,
    }
    return Task(**{**values, **more})


def a_version(**more: Any) -> ArtifactVersion:
    values = {
        "id": "01a202ad-dcd6-7ae3-bde5-95ee48d4c8ce",
        "project": "shop",
        "artifact": "model",
        "version": 3,
        "data_type": "builtins:dict",
        "format": "json/1",
        "uri": "s3://bucket/key",
        "metadata": {"rmse": -0.0, "deep": [{"a": None}], "big": 2**60},
        "tags": ("raw", "é"),
        "run_id": RUN_ID,
        "task_id": "01a202ad-dc9f-71c6-9606-e8cee6c40839",
        "created_at": AT,
    }
    return ArtifactVersion(**{**values, **more})


def test_the_document_of_a_version_holds_the_whole_record() -> None:
    """What comes back from a document equals the record, microseconds and minus zero included."""
    version = a_version()
    place = documents.place_of_version(version, a_task())

    document = documents.version_document(version, a_task(), place)
    found = documents.remote_version(place.external_id, document.artifact())

    assert found is not None
    assert found.record == version
    assert math.copysign(1, found.record.metadata["rmse"]) == -1
    assert found.external_id.endswith(f"/evidence.art.train.0.model.{version.id}")


def test_a_document_shows_people_what_it_is() -> None:
    """MLTE's pages list the facts beside the value, as short texts."""
    version = a_version()

    document = documents.version_document(
        version, a_task(), documents.place_of_version(version, a_task())
    )

    assert document.shown["artifact"] == "model"
    assert document.shown["version"] == "3"
    assert document.shown["tags"] == "raw, é"
    assert document.shown["step"] == "train"
    assert all(isinstance(text, str) for text in document.shown.values())


def test_a_value_inside_the_record_is_not_shown_as_an_address() -> None:
    """A `data:` URI holds the value itself, which belongs into the record alone."""
    version = a_version(uri="data:application/json,%7B%7D")

    document = documents.version_document(version, None, documents.place_of_version(version, None))

    assert document.shown["uri"] == "in the record"
    assert document.data["record"]["uri"] == version.uri


def test_the_document_of_a_task_holds_every_field_of_its_links() -> None:
    """Links come back equal: type, key, producer, iteration 0 or none, position, value."""
    links = (
        ArtifactTaskLink(
            id="1", run_id=RUN_ID, task_id="t", io_type=IOType.COLLECTED_INPUTS, key="x",
            producer=Producer(task_name="for-loop-1", iteration=0), position=1, version_id="v",
        ),
        ArtifactTaskLink(
            id="2", run_id=RUN_ID, task_id="t", io_type=IOType.RUNTIME_VALUE_INPUT, key="n",
            value={"a": [1, None]},
        ),
        ArtifactTaskLink(
            id="3", run_id=RUN_ID, task_id="t", io_type=IOType.OUTPUT, key="o",
            producer=Producer(task_name="train"), version_id="w",
        ),
    )  # fmt: skip

    document = documents.task_document(a_task(), "shop", links, {"v": "m/v/evidence.x"})

    assert [len(document.data[name]) for name in ("inputs", "params", "outputs")] == [1, 1, 1]
    found = documents.links_of(document.artifact())
    assert sorted(found, key=lambda link: link.id) == list(links)


def test_nan_in_a_value_of_any_type_is_not_made_null() -> None:
    """Pydantic would write null for it; the document keeps it, so that it is refused by name."""
    link = ArtifactTaskLink(
        id="1", run_id=RUN_ID, task_id="t", io_type=IOType.OUTPUT, key="o", value=[math.nan]
    )

    document = documents.task_document(a_task(), "shop", [link], {})

    assert math.isnan(document.data["outputs"][0]["value"][0])


def test_an_edit_is_told_from_another_record() -> None:
    """Tags, metadata, names may change under one id; the content of a version may not."""
    version = a_version()
    place = documents.place_of_version(version, None)
    sent = documents.version_document(version, None, place).data
    edited = documents.version_document(
        version.model_copy(update={"tags": (), "artifact": "renamed", "updated_at": AT}),
        None,
        place,
    ).data
    forged = documents.version_document(
        version.model_copy(update={"content_hash": "blake3:00"}), None, place
    ).data

    assert documents.is_same_record(sent, edited)
    assert documents.changed_fields(sent, edited) == ("artifact", "tags")
    assert not documents.is_same_record(sent, forged)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"evidence_type": "opaque"},
        {"data": {"kind": "artifact-version/1"}},
        {"data": {"kind": "artifact-version/1", "record": "text"}},
        {"data": {"kind": "artifact-version/9", "record": {}}},
        {"data": {"kind": ["artifact-version/1"], "record": {}}},
    ],
)
def test_documents_of_others_have_no_record_of_ours(value: Any) -> None:
    """Whatever stands in a document, it is read without an error; only ours have records."""
    artifact = {"header": {"identifier": "evidence.x"}, "body": {"value": value}}

    found = documents.remote_version("m/v/evidence.x", artifact)

    assert found is not None
    assert found.record is None
    assert documents.links_of(artifact) == ()


def test_a_damaged_record_is_no_record() -> None:
    """A document that says it is ours and is not complete is shown as somebody else's."""
    version = a_version()
    place = documents.place_of_version(version, None)
    artifact = documents.version_document(version, None, place).artifact()
    del artifact["body"]["value"]["data"]["record"]["format"]

    found = documents.remote_version(place.external_id, artifact)

    assert found is not None
    assert found.record is None


def test_the_document_of_a_run_lies_in_the_mlte_version_of_the_run() -> None:
    """A project is a model, a run a version of it."""
    run = Run(
        id=RUN_ID, project="a/b", pipeline="p", name="p-1", state=RunState.FAILED, started_at=AT
    )

    assert documents.run_document(run).place.external_id == f"a=2Fb/{RUN_ID}/evidence.run"


def test_every_operation_has_an_ability_with_a_reason() -> None:
    """The table of the documentation has a row for whatever a backend may be asked for."""
    assert set(MlteBackend.abilities) == set(BackendOperation)
    assert all(ability.how for ability in MlteBackend.abilities.values())
