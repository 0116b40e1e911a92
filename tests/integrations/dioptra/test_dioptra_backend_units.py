"""What a Dioptra backend decides without a server: names, descriptions, inputs, errors, files."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport_server import Said

from artifact_integrations.dioptra.backend import DioptraBackend
from artifact_integrations.dioptra.backend.inputs import inputs_of, parameter_inputs
from artifact_integrations.dioptra.backend.lines import (
    LINE_MAX_BYTES,
    described,
    line_of,
    parted,
    record_of,
    version_line,
)
from artifact_integrations.dioptra.backend.metrics import METRICS_MAX, metrics_of
from artifact_integrations.dioptra.backend.naming import (
    file_name,
    identifier,
    resource_name,
    stored_path,
)
from artifact_integrations.dioptra.backend.place import Place
from artifact_integrations.dioptra.backend.plugin_files import files_digest, plugin_files
from artifact_integrations.dioptra.backend.server import (
    ApiError,
    MlflowUnknownError,
    escaped,
    explain,
)
from artifact_integrations.dioptra.backend.tracking import proxied
from artifact_plugins import Session
from artifact_plugins.contracts.backend import BackendOperation
from artifact_plugins.errors import (
    BackendAuthError,
    BackendContractError,
    BackendUnavailableError,
    SettingsError,
    UnsupportedByBackendError,
)
from artifact_plugins.records import ArtifactTaskLink, ArtifactVersion, IOType, new_id
from artifact_plugins.transport import HttpAnswer, compact

URL = "dioptra+http://localhost:5000/?mlflow=http://localhost:35000"
NAMES = st.text(min_size=1, max_size=300)


def version(**fields: Any) -> ArtifactVersion:
    """Return a record with as little as a record has."""
    given = {
        "id": new_id(),
        "project": "p",
        "artifact": "flights",
        "version": 3,
        "data_type": "builtins:dict",
        "format": "document/2",
        "uri": "data:,x",
        "created_at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    }
    return ArtifactVersion(**{**given, **fields})


@given(NAMES)
def test_every_name_becomes_one_that_dioptra_takes(name: str) -> None:
    """Any name becomes a resource name, a file name and an identifier of bounded length."""
    assert re.fullmatch(r"[A-Za-z0-9_. -]{1,200}", resource_name(name))
    assert resource_name(name).strip()
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}", file_name(name))
    assert identifier(name).isidentifier()


@given(NAMES, NAMES)
def test_different_names_stay_different(one: str, other: str) -> None:
    """Two names that are changed alike are told apart by a part of their digest."""
    for rule in (resource_name, file_name, identifier):
        assert (rule(one) == rule(other)) == (one == other)


def test_a_path_keeps_its_folders() -> None:
    """Every part of a path is made storable, its depth stays."""
    assert stored_path("a/b.txt") == "a/b.txt"
    assert re.fullmatch(r"a/x-1-[0-9a-f]{8}/n\.\.-[0-9a-f]{8}", stored_path("a/x#1/.."))


@given(st.text(), st.dictionaries(st.text(), st.integers() | st.text()))
def test_a_line_is_read_back_whatever_people_write_above_it(
    text: str, facts: dict[str, Any]
) -> None:
    """The last line is ours, also below a text that holds lines like it."""
    line = {**line_of("version"), "facts": facts}

    assert parted(described(text, line))[1] == line
    assert parted(described(f'{{"ap":1,"kind":"theirs"}}\n{text}', line))[1] == line


@pytest.mark.parametrize("text", ["", "note", '{"ap":', '{"ap":2}', '{"ap":1', "[1]", None])
def test_a_description_of_somebody_else_has_no_line(text: str | None) -> None:
    """What is not our line, or one of a form that is not known, is text."""
    assert parted(text) == (text or "", {})


def test_a_record_comes_back_from_its_line() -> None:
    """A small record is in the line itself, every field of it."""
    record = version(
        tags=("ü", "prod"), metadata={"rmse": 0.1, "n": None}, description="two\nlines"
    )

    line, document = version_line(record, manifest="sha256:00")

    assert document is None
    assert record_of(json.loads(compact(line))) == record
    assert line["tags"] == ["tag:ü", "tag:prod"]


def test_a_record_that_is_too_long_lies_beside_its_line() -> None:
    """A line stays under 8 KiB; the document is named by its digest and refused when changed."""
    tags = tuple(f"tag-{number}-{'x' * 200}" for number in range(60))
    record = version(metadata={"text": "x" * 100_000}, tags=tags)

    line, document = version_line(record, manifest=None)

    assert len(compact(line)) <= LINE_MAX_BYTES
    assert document is not None
    assert record_of(line, document) == record
    with pytest.raises(ValueError, match="not the one"):
        record_of(line, document + b" ")


def test_numbers_are_metrics_by_a_name_that_tells_them_apart() -> None:
    """A key that outputs agree on is the name; else its output is before it; nothing else is sent."""
    one = version(artifact="model", metadata={"loss": 1, "size": 2, "value": 3, "val.f1": 0.5})
    other = version(
        artifact="table", metadata={"loss": 1, "size": 5, "is_new": True, "huge": 10**400}
    )
    found = metrics_of([one, other], prefix="fit_")

    assert found == {
        "fit_loss": 1.0,
        "fit_model_size": 2.0,
        "fit_table_size": 5.0,
        "fit_model": 3.0,
        identifier("fit_val.f1"): 0.5,
    }
    many = version(metadata={f"m{number}": number for number in range(METRICS_MAX + 1)})
    assert len(metrics_of([many])) == METRICS_MAX


def link(key: str, **fields: Any) -> ArtifactTaskLink:
    """Return a link of an input."""
    given = {"io_type": IOType.TASK_OUTPUT_INPUT, "key": key, **fields}
    return ArtifactTaskLink(id=new_id(), run_id=new_id(), task_id=new_id(), **given)


def test_inputs_of_a_job() -> None:
    """Versions are pairs of ids, lists get a number, scalars are texts, null and lists are left out."""
    links = [
        link("frame", version_id="v1"),
        *(link("many", version_id=f"v{n}", position=n) for n in range(2)),
        link("auto/plot", version_id="gone"),
        link("class", value=True),
        link("n", value=3),
        link("x", value=float("nan")),
        link("none", value=None),
        link("list", value=[1]),
        link("nul", value="a\0"),
        link("half", value="\ud800"),
        link("huge", value=10**5000),
    ]

    found = inputs_of(links, lambda v: None if v == "gone" else {"id": int(v[1:]), "snapshotId": 9})

    assert dict(found.artifacts) == {
        "frame": {"id": 1, "snapshotId": 9},
        "many__0": {"id": 0, "snapshotId": 9},
        "many__1": {"id": 1, "snapshotId": 9},
    }
    assert {re.sub(r"_[0-9a-f]{8}", "", key): text for key, text in found.values.items()} == {
        "class": "True",
        "n": "3",
        "x": "nan",
    }
    assert sorted(found.types.values()) == ["boolean", "float", "integer"]


def test_a_long_list_makes_no_inputs() -> None:
    """Over 20 elements are in the line of the job only: each length would be an entrypoint."""
    links = [link("many", version_id=f"v{n}", position=n) for n in range(21)]

    assert not inputs_of(links, lambda v: {"id": 1, "snapshotId": 1}).artifacts


def test_outputs_are_no_inputs() -> None:
    """What a task wrote is left out."""
    written = link("o", version_id="v1").model_copy(update={"io_type": IOType.OUTPUT})

    assert not inputs_of([written], lambda v: {"id": 1, "snapshotId": 1}).artifacts
    assert parameter_inputs({"a": 1, "b": [1]}).values == {"a": "1"}


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("dioptra+http://localhost:5000/", "MLflow server ''"),
        ("dioptra+http://localhost:5000/?mlflow=localhost:1", "MLflow server"),
        ("dioptra+http://localhost:5000/?mlflow=http://u:pw@h:1", "option 'mlflow'"),
        (f"{URL}&queue=", "empty queue"),
        (f"{URL}&colour=red", "no option 'colour'"),
        (f"{URL}&password=hunter2", "holds a credential"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, part: str) -> None:
    """The error names what is wrong and repeats no password; nothing is opened."""
    with pytest.raises(SettingsError, match=re.escape(part)) as caught:
        DioptraBackend(url)

    assert "pw" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_url_is_taken_apart() -> None:
    """Queue and group have usual names."""
    place = Place.parse(URL)

    assert (place.url.base, place.mlflow) == ("http://localhost:5000", "http://localhost:35000")
    assert (place.queue, place.group) == ("artifact-plugins-recorded", "public")


def said(status: int, body: Any) -> HttpAnswer:
    """Return an answer of a server."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    return HttpAnswer("Dioptra", "POST /api/v1/artifacts/", status, {"content-type": kind}, data)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"error": "MlflowRunNotFoundError", "message": "m"}, MlflowUnknownError),
        (500, {"error": "JobStoreError", "message": "m"}, ApiError),
        (409, {"error": "EntityExistsError", "detail": {"existing_id": 4}}, ApiError),
        (400, {"errors": {"name": ["Missing"]}}, ApiError),
        (401, {"message": "not logged in"}, BackendAuthError),
        (401, {"error": "UserAuthenticationError", "message": "m"}, BackendAuthError),
        (500, {"message": "Internal Server Error"}, BackendUnavailableError),
        (404, b"<html>unknown route</html>", BackendContractError),
        (405, {"message": "no"}, Exception),
    ],
)
def test_an_error_is_known_by_its_name_before_its_status(
    status: int, body: Any, error: type[Exception]
) -> None:
    """A 404 of an MLflow that is down is an outage, a 500 of our own mistake is not."""
    assert isinstance(explain(said(status, body)), error)


def test_a_page_for_people_with_status_500_is_an_outage() -> None:
    """Unhandled errors are HTML in one mode of the server; the usual rules hold."""
    answer = said(500, b"<html>")

    assert isinstance(explain(answer) or answer.error(), BackendUnavailableError)


def test_an_api_error_keeps_its_name_and_detail() -> None:
    """Callers branch on Dioptra's name of an error."""
    error = explain(said(409, {"error": "EntityExistsError", "detail": {"existing_id": 4}}))

    assert isinstance(error, ApiError)
    assert (error.error, error.detail["existing_id"], error.status) == ("EntityExistsError", 4, 409)


def test_a_search_quotes_what_its_language_knows() -> None:
    """Backslash, quote, star, question mark and newline are taken as they are."""
    assert escaped('a"b*c?d\\e\nf') == 'a\\"b\\*c\\?d\\\\e\\nf'


def test_files_that_mlflow_does_not_serve_are_refused() -> None:
    """Only its own artifact store can be written over HTTP."""
    assert proxied("mlflow-artifacts:/1/r/artifacts") == "1/r/artifacts"
    with pytest.raises(BackendContractError, match="serve-artifacts"):
        proxied("s3://bucket/1/r/artifacts")


def test_every_operation_is_in_the_table() -> None:
    """The table of the documentation has a row for each, and what is not supported says why."""
    abilities = DioptraBackend.abilities

    assert set(abilities) == set(BackendOperation)
    with pytest.raises(UnsupportedByBackendError, match="no request that deletes"):
        DioptraBackend(URL).delete_version("1")


def test_g3_equal_code_is_published_under_equal_digests(session: Session) -> None:
    """G3: two snapshots of one code give the same files and digest, other code others."""
    saved = [
        session.save(value, f"a{n}")
        for n, value in enumerate(({"a": 1}, {"b": [2]}, pd.DataFrame({"a": [1]})))
    ]
    made = [_files(session, item) for item in saved]

    assert made[0] == made[1]
    assert made[0].digest == files_digest(made[0].files)
    assert made[0].name.endswith(made[0].digest[7:19])
    assert made[2].digest != made[0].digest
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]+", made[2].name)


def _files(session: Session, saved: ArtifactVersion) -> Any:
    assert saved.plugin_snapshot is not None
    snapshot = session.ledger.snapshot(saved.plugin_snapshot)
    return plugin_files(snapshot, saved.materializer or "", session.store.get_archive)


@pytest.mark.parametrize(
    ("version", "is_known"),
    [("1.1.0", True), ("1.2.2", True), ("1.99.0", True), ("1.0.3", False), ("2.0.0", False)],
)
def test_only_known_releases_are_spoken_to(speaking: Any, version: str, is_known: bool) -> None:
    """1.1 to the last 1.x are; another one is named before a login is sent."""
    body = json.dumps({"status": "healthy", "version": version}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    speaker = speaking(lambda number, request: Said(head.encode() + body))
    backend = DioptraBackend(f"dioptra+{speaker.url}/?mlflow={speaker.url}")

    if is_known:
        assert backend._api.version() == version
    else:
        with pytest.raises(BackendContractError, match=re.escape(version)):
            backend.probe()
    assert len(speaker.requests) == 1
