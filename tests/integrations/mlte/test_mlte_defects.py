"""Pins: what MLTE 2.7.0 does wrong, and why we do otherwise. One that fails names a repair."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server_environments import ServerProcess

import artifact_plugins as ap

pytestmark = pytest.mark.server
Raw = Any


@pytest.fixture
def model(session: ap.Session) -> str:
    """A model that no other test has."""
    name: str = session.settings.project
    return name


def opaque(data: Any) -> dict[str, Any]:
    return {"evidence_type": "opaque", "data": data}


def test_search_sees_the_first_hundred_only(memory_raw: Raw, model: str) -> None:
    """The 101st document is not found by its own id: we list instead of searching."""
    for number in range(101):
        memory_raw.write(model, "v", f"case-{number:03}", opaque({}))
    path = f"/model/{model}/version/v/artifact"

    asked = {"filter": {"type": "identifier", "id": "evidence.case-100"}}
    found = memory_raw("POST", f"{path}/search", asked)

    assert found == (200, [])
    assert memory_raw("GET", f"{path}/evidence.case-100")[0] == 200
    assert len(memory_raw("GET", path)[1]) == 100
    assert len(memory_raw("GET", f"{path}?limit=1000000000")[1]) == 101


def test_one_url_stands_for_two_ids(memory_raw: Raw, model: str) -> None:
    """Behind the URL of `a---b` lies `a/b`: our ids hold neither, and what is read is compared."""
    memory_raw.write(model, "v", "a/b", opaque({"which": "slash"}))
    memory_raw.write(model, "v", "a---b", opaque({"which": "dashes"}))

    found = memory_raw("GET", f"/model/{model}/version/v/artifact/evidence.a---b")

    assert found[1]["body"]["value"]["data"] == {"which": "slash"}


def test_the_server_rewrites_id_class_and_level(raw: Raw, model: str) -> None:
    """Only what lies in the value survives: that is where our record is."""
    artifact = raw.write(model, "v", "x", opaque({"a": 1}))[1]["artifact"]
    again = {**artifact, "header": {**artifact["header"], "identifier": "mine", "level": "model"}}
    again["body"] = {**artifact["body"], "evidence_class": "acme.Own"}
    body = {"artifact": again, "force": True, "parents": True}

    stored = raw("POST", f"/model/{model}/version/v/artifact", body)[1]["artifact"]

    assert stored["header"]["identifier"] == "evidence.x"
    assert stored["header"]["level"] == "version"
    assert stored["body"]["evidence_class"] == "mlte.evidence.types.opaque.Opaque"


def test_nan_becomes_null_without_a_word(raw: Raw, model: str) -> None:
    """Python's JSON writes NaN, MLTE stores null: such values are refused before they are sent."""
    status, answer = raw.write(model, "v", "x", opaque({"a": float("nan")}))

    assert status == 200
    assert answer["artifact"]["body"]["value"]["data"] == {"a": None}


def test_half_a_character_breaks_a_whole_mlte_version(memory_raw: Raw, model: str) -> None:
    """It is stored, and then nothing of that version can be listed."""
    memory_raw.write(model, "v", "x", opaque({"a": "caf\udce9"}))

    assert memory_raw("GET", f"/model/{model}/version/v/artifact")[0] == 500
    # Else no other test could list the versions of this server.
    memory_raw("DELETE", f"/model/{model}/version/v/artifact/evidence.x")
    assert memory_raw("GET", f"/model/{model}/version/v/artifact") == (200, [])


def test_text_evidence_breaks_a_whole_mlte_version_of_a_sql_store(
    sqlite_server: ServerProcess, log_in_raw: Callable[..., Raw], model: str
) -> None:
    """The write fails and stays: our values are opaque, never text."""
    raw = log_in_raw(sqlite_server.url)

    status = raw.write(model, "v", model, {"evidence_type": "string", "string": "a"})[0]

    assert status == 500
    assert raw("GET", f"/model/{model}/version/v/artifact")[0] == 500
    # Else no other test could list the versions of this server.
    with contextlib.closing(sqlite3.connect(sqlite_server.log.parent / "mlte.db")) as database:
        ours = "SELECT id FROM artifact WHERE identifier = ?"
        for statement in (
            "DELETE FROM evidence_metadata WHERE evidence_id IN "
            f"(SELECT id FROM evidence WHERE artifact_id IN ({ours}))",
            f"DELETE FROM evidence WHERE artifact_id IN ({ours})",
            f"DELETE FROM artifact WHERE id IN ({ours})",
        ):
            database.execute(statement, (f"evidence.{model}",))
        database.commit()
    assert raw("GET", f"/model/{model}/version/v/artifact") == (200, [])


def test_a_version_that_is_not_there_is_listed_as_a_failure(
    raw: Raw, server: ServerProcess, model: str
) -> None:
    """Stores without SQL answer 500: a listing that fails is followed by a look at the version."""
    raw.write(model, "v", "x", opaque({}))

    status = raw("GET", f"/model/{model}/version/none/artifact")[0]

    assert status == (200 if "sqlite" in str(server.log) else 500)


def test_documents_of_a_deleted_version_come_back_in_the_next(
    raw: Raw, server: ServerProcess, model: str
) -> None:
    """SQLite gives the row of a deleted version again: we delete documents, never versions."""
    raw.write(model, "v1", "old", opaque({}))
    raw("DELETE", f"/model/{model}/version/v1")
    raw.write(model, "v2", "new", opaque({}))

    found = raw("GET", f"/model/{model}/version/v2/artifact")[1]

    cases = sorted(one["body"]["metadata"]["test_case_id"] for one in found)
    assert cases == (["new", "old"] if "sqlite" in str(server.log) else ["new"])


def test_whoever_makes_a_model_with_a_document_cannot_read_it(
    memory_server: ServerProcess, memory_raw: Raw, model: str, log_in_raw: Callable[..., Raw]
) -> None:
    """A regular user gets no rights with `parents`: we make the model first."""
    user = {"username": f"user-{model}", "password": "a word", "role": "regular", "groups": []}
    memory_raw("POST", "/user", user)
    regular = log_in_raw(memory_server.url, user["username"], "a word")

    assert regular.write(model, "v", "x", opaque({}))[0] == 200

    assert regular("GET", f"/model/{model}/version/v/artifact/evidence.x")[0] == 403


def test_property_filters_fail(memory_raw: Raw, model: str) -> None:
    """A filter by what a document holds is a failure of the server: we filter here."""
    memory_raw.write(model, "v", "x", opaque({}))
    asked = {"filter": {"type": "property", "name": "uri", "property": "s3"}}

    assert memory_raw("POST", f"/model/{model}/version/v/artifact/search", asked)[0] == 500


def test_the_own_client_cannot_use_its_own_backend(
    programs: Path, memory_server: ServerProcess, tmp_path: Path
) -> None:
    """`set_store` never logs in, and prints the password: readers need a store of their own."""
    url = memory_server.url.replace("//", "//admin:admin1234@")
    code = f"from mlte.session import set_store; set_store({url!r})"

    done = subprocess.run(
        [str(programs / "python"), "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )

    assert done.returncode == 1
    assert "UnauthenticatedError" in done.stderr
    assert "admin1234" in done.stdout
