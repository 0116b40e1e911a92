"""Records in the shape of Kubeflow Pipelines, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from artifact_integrations.kfp.artifacts import artifact_body, record_of, remote_version
from artifact_integrations.kfp.dialects import Dialect
from artifact_integrations.kfp.limits import kfp_key, kfp_name
from artifact_integrations.kfp.links import (
    links_from_texts,
    parameters,
    producer_body,
    read_parameters,
    read_rows,
    row_body,
    row_key,
    unfit_values,
)
from artifact_integrations.kfp.tasks import (
    LINKS_MAX,
    Scope,
    opening_body,
    remote_task,
    scope_path,
    task_body,
)
from artifact_plugins.errors import BackendRejectedError
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    Preview,
    Producer,
    Task,
    TaskState,
    TaskType,
    new_id,
)

WHEN = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def version(**changes: Any) -> ArtifactVersion:
    given: dict[str, Any] = {
        "id": new_id(),
        "project": "p",
        "artifact": "flights",
        "version": 3,
        "data_type": "builtins:dict",
        "format": "document/2",
        "uri": "file:///store/versions/01/a",
        "tags": ("raw",),
        "metadata": {"rows": 3, "share": 1.0, "big": 2**60, "nested": {"a": [1, None]}},
        "created_at": WHEN,
    }
    return ArtifactVersion(**{**given, **changes})


def link(**changes: Any) -> ArtifactTaskLink:
    given: dict[str, Any] = {
        "id": new_id(),
        "run_id": "run",
        "task_id": "task",
        "io_type": IOType.TASK_OUTPUT_INPUT,
        "key": "i",
        "producer": Producer(task_name="make"),
    }
    return ArtifactTaskLink(**{**given, **changes})


def task(**changes: Any) -> Task:
    given: dict[str, Any] = {
        "id": "task",
        "run_id": "run",
        "parent_id": "root",
        "name": "use",
        "scope_path": "ROOT/for-loop-1/use#0",
        "iteration_index": 0,
        "state": TaskState.SUCCEEDED,
        "attempt": 2,
        "cache_key": "c",
        "started_at": WHEN,
        "ended_at": WHEN,
    }
    return Task(**{**given, **changes})


def as_floats(value: Any) -> Any:
    """Return JSON as it comes back from KFP, whose numbers are float64."""
    return json.loads(json.dumps(value), parse_int=float)


def test_a_version_comes_back_equal():
    """The record is rebuilt exactly, although KFP makes every number of the metadata a float."""
    record = version(previews=(Preview(kind="text", content="a"),), aliases=("best",))

    body = artifact_body(record, "ns")

    assert record_of(as_floats(body)) == record
    assert body["metadata"]["big"] == str(2**60)
    assert body["metadata"]["nested"] == {"a": [1, None]}
    assert (body["name"], body["namespace"], body["uri"]) == ("flights", "ns", record.uri)


@pytest.mark.parametrize(
    "metadata", [{}, {"artifact_plugins": 1}, {"artifact_plugins": "{}"}, None]
)
def test_an_artifact_of_somebody_else_has_no_record(metadata):
    """What carries no record of ours, or a damaged one, is shown without one."""
    found = remote_version({"artifact_id": "a", "name": "n", "metadata": metadata})

    assert (found.external_id, found.name, found.record) == ("a", "n", None)


def test_a_record_under_another_id_is_none_of_ours():
    """A record that was copied to another artifact's id does not count."""
    body = artifact_body(version(), "ns")
    body["metadata"]["artifact_plugins_id"] = new_id()

    assert record_of(body) is None


@pytest.mark.parametrize(
    ("kind", "metadata", "kfp_type", "title"),
    [
        ("Dataset", {}, "Dataset", None),
        ("ClassificationMetric", {}, "ClassificationMetric", None),
        ("Metric", {"value": 0}, "Metric", None),
        ("Metric", {"value": True}, "Artifact", "Metric"),
        ("Metric", {}, "Artifact", "Metric"),
        ("shop.Report", {}, "Artifact", "shop.Report"),
    ],
)
def test_types_are_those_of_kfp(kind, metadata, kfp_type, title):
    """A type that KFP has not, or a Metric without a number, is an Artifact with a title."""
    body = artifact_body(version(artifact_type=kind, metadata=metadata), "ns")

    assert body["type"] == kfp_type
    assert body["metadata"].get("_kfp_schema_title") == title
    assert ("number_value" in body) == (kfp_type == "Metric")


def test_a_metric_of_zero_keeps_its_number():
    """Zero is a number: KFP tells it from none."""
    assert (
        artifact_body(version(artifact_type="Metric", metadata={"value": 0}), "n")["number_value"]
        == 0.0
    )


def test_a_long_value_in_its_record_goes_without_uri():
    """A `data:` URI over 2,048 characters travels in the record alone."""
    record = version(uri="data:," + "x" * 3000)

    body = artifact_body(record, "ns")

    assert "uri" not in body
    assert record_of(body) == record
    assert "uri" in artifact_body(version(uri="data:," + "x" * 2042), "ns")


def test_too_many_previews_are_left_out():
    """A record of megabytes goes without its previews, everything else stays."""
    record = version(previews=(Preview(kind="png", content="A" * 400_000),))

    found = record_of(artifact_body(record, "ns"))

    assert found == record.model_copy(update={"previews": ()})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"uri": "s3://" + "k" * 2048}, "2053 characters"),
        ({"metadata": {"a": {"b": [float("nan")]}}}, r"metadata.a.b\[0\] is nan"),
        ({"metadata": {"a": float("inf")}}, "metadata.a is inf"),
        ({"metadata": {"a": "\ud800"}}, "half a character"),
        ({"metadata": {"a": {1}}}, "a set"),
        ({"metadata": {"a": "x" * 3_000_000}}, "too many"),
    ],
)
def test_what_kfp_cannot_hold_is_refused_before_it_is_sent(changes, said):
    """URIs and metadata over KFP's limits are named, with what is wrong."""
    with pytest.raises(BackendRejectedError, match=said):
        artifact_body(version().model_copy(update=changes), "ns")


def test_the_limits_themselves_are_taken():
    """The longest name, URI and namespace go through; one character more of the namespace does not."""
    longest = version(artifact="n" * 128, uri="s3://" + "k" * 2043)

    assert artifact_body(longest, "n" * 63)["name"] == "n" * 128
    with pytest.raises(BackendRejectedError, match="namespace"):
        artifact_body(longest, "n" * 64)


def test_long_names_and_keys_end_in_a_digest():
    """A key has at most 191 characters, a name 128; two long ones that begin alike stay two."""
    assert (kfp_key("k" * 191), kfp_name("t" * 128)) == ("k" * 191, "t" * 128)

    keys = {kfp_key("k" * 191 + end) for end in "ab"}
    names = {kfp_name("t" * 128 + end) for end in "ab"}

    assert {len(key) for key in keys} == {191}
    assert {len(name) for name in names} == {128}
    assert (len(keys), len(names)) == (2, 2)


def test_a_value_that_is_no_json_is_named_and_its_parameter_left_out():
    """NaN is told with its place; the other parameters of the task are there."""
    links = [link(value=float("nan")), link(key="word", value="big")]

    read, written = parameters(links, {})

    assert unfit_values(links) == ["i is nan, which JSON does not have"]
    assert [one["parameter_key"] for one in read] == ["word"]
    assert written == []


@pytest.mark.parametrize(
    ("producer", "body"),
    [
        (Producer(), {}),
        (Producer(iteration=0), {"iteration": "0"}),
        (Producer(task_name="use"), {"task_name": "use"}),
        (Producer(task_name="ROOT", iteration=7), {"task_name": "mine", "iteration": "7"}),
    ],
)
def test_producers_keep_zero_and_nothing_apart(producer, body):
    """An iteration travels as text, 0 differs from none, and a renamed ROOT is named as there."""
    assert producer_body(producer, {"ROOT": "mine"}) == body


@pytest.mark.parametrize("io_type", list(IOType))
def test_rows_of_all_link_types_come_back(io_type):
    """Every link type is sent as it is and read back equal, its place in a list included."""
    links = [
        link(io_type=io_type, version_id=f"v{n}", position=n, producer=Producer(iteration=n))
        for n in range(3)
    ]
    rows = [
        row_body(one, f"a-{one.version_id}", run_id="R", task_id="T", io_type=io_type, names={})
        for one in links
    ]

    found = read_rows(
        [{**row, "id": "x"} for row in rows],
        links,
        {f"a-v{n}": f"v{n}" for n in range(3)},
        run_id="run",
        task_id="task",
        names={},
    )

    assert found == links


def test_one_row_is_all_links_that_say_the_same():
    """A version twice in one list is one row of KFP and two links of ours."""
    io_type = IOType.COLLECTED_INPUTS
    links = [link(io_type=io_type, version_id="v", position=n) for n in range(2)]
    rows = [row_body(one, "a", run_id="R", task_id="T", io_type=io_type, names={}) for one in links]

    assert row_key(rows[0]) == row_key(rows[1])
    found = read_rows(rows[:1], links, {"a": "v"}, run_id="run", task_id="task", names={})
    assert found == links


def test_one_row_of_dialect_s_is_all_links_of_its_version_and_type():
    """S keeps one key and iteration of a version; what a task carries brings the others back."""
    made = link(io_type=IOType.ITERATOR_OUTPUT, version_id="w", producer=Producer(iteration=2))
    links = [*(link(id=f"l-{key}", version_id="v", key=key) for key in "ij"), made]
    of_s = {"run_id": "R", "task_id": "T", "names": {}}
    rows = []
    for one in links:
        io_type = Dialect.S.row_type(one.io_type, is_leaf=True)
        rows.append(row_body(one, f"a-{one.version_id}", io_type=io_type, **of_s))
    stored = list({row_key(row, Dialect.S): row for row in reversed(rows)}.values())
    ids = {"a-v": "v", "a-w": "w"}

    found = read_rows(stored, links, ids, **of_s, dialect=Dialect.S, is_leaf=True)
    bare = read_rows(stored, (), ids, **of_s, dialect=Dialect.S, is_leaf=True)

    assert len(stored) == 2
    assert {row["type"] for row in stored} == {"TASK_OUTPUT_INPUT", "OUTPUT"}
    assert sorted(one.id for one in found) == sorted(one.id for one in links)
    assert {one.io_type for one in bare} == {IOType.TASK_OUTPUT_INPUT, IOType.ITERATOR_OUTPUT}


def test_a_row_of_somebody_else_keeps_its_ids():
    """A link that the task does not carry is read as the server says it."""
    row = {"id": "x", "artifact_id": "a", "type": "OUTPUT", "key": "o", "producer": {}}

    (found,) = read_rows([row], [], {}, run_id="run", task_id="task", names={})

    assert (found.id, found.version_id, found.io_type) == ("x", "a", IOType.OUTPUT)


VALUES: list[Any] = [1, 1.0, "a", None, True, [1, 2], {"a": 1}, 2**60, [], [[1]]]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("io_type", list(IOType))
def test_parameters_come_back_exactly(value, io_type):
    """A value comes back with its type, although KFP keeps numbers as floats."""
    links = [link(io_type=io_type, value=value, producer=Producer(iteration=0))]
    read, written = parameters(links, {})

    found = read_parameters(
        as_floats([*read, *written]), links, run_id="run", task_id="task", names={}
    )

    assert found == links
    assert [type(one.value) for one in found] == [type(value)]
    assert bool(written) == io_type.is_output


def test_a_list_of_values_is_one_parameter():
    """Several values under one port and producer are one list in their order; items are not."""
    collected = [link(value=n, position=2 - n, io_type=IOType.COMPONENT_INPUT) for n in range(3)]
    items = [
        link(value=n, io_type=IOType.ITERATOR_INPUT, producer=Producer(task_name="l", iteration=n))
        for n in range(2)
    ]

    read, _ = parameters([*collected, *items], {})

    assert [one["value"] for one in read] == [[2, 1, 0], 0, 1]


def test_a_changed_parameter_is_read_as_it_is():
    """When the server says another value than we sent, the server's is returned."""
    sent = [link(value=1, io_type=IOType.RUNTIME_VALUE_INPUT)]
    (said,), _ = parameters(sent, {})

    (found,) = read_parameters([{**said, "value": 2}], sent, run_id="run", task_id="task", names={})

    assert found.value == 2


def test_a_collected_list_of_somebody_else_is_a_link_per_element():
    """A list under COLLECTED_INPUTS that nobody described is spread."""
    said = {"type": "COLLECTED_INPUTS", "parameter_key": "i", "value": ["a", "b"]}

    found = read_parameters([said], [], run_id="run", task_id="task", names={})

    assert [(one.value, one.position) for one in found] == [("a", 0), ("b", 1)]


@pytest.mark.parametrize(
    "texts", [None, 3, [1], [["x"]], [["i", "NO TYPE", "k", "", None, 0, None, 1]]]
)
def test_damaged_texts_are_no_links(texts):
    """Links as text that nobody can read are left out; the rows still say what they say."""
    assert links_from_texts(texts, run_id="r", task_id="t") == []


def test_a_task_comes_back_equal():
    """Times to the microsecond, attempt and links are rebuilt from what the task carries."""
    record, links = task(), [link(value=3), link(version_id="v", position=1)]

    body = task_body(record, links, Scope("R"), "P")
    found = remote_task(body)

    assert found is not None
    assert (found.record, list(found.links)) == (record, links)
    assert body["create_time"] == "2026-01-01T12:00:00Z"
    assert body["type_attributes"] == {"iteration_index": "0"}
    assert body["scope_path"] == "root.for-loop-1.use"
    assert (body["parent_task_id"], body["cache_fingerprint"]) == ("P", "c")


def test_an_open_task_carries_no_links_and_no_outputs():
    """Before it ends a task says neither its outputs nor its end."""
    outputs = [link(value=3, io_type=IOType.OUTPUT)]

    opened = opening_body(task_body(task(), outputs, Scope("R"), None))
    running = task_body(task(state=TaskState.RUNNING, ended_at=None), outputs, Scope("R"), None)

    assert opened["state"] == "RUNNING"
    assert {"end_time", "outputs", "parent_task_id"} & set(opened) == set()
    found = remote_task(running)
    assert found is not None
    assert list(found.links) == []


def test_a_group_of_thousands_carries_no_links_as_text():
    """Above the limit the rows alone say the links."""
    links = [link(version_id=str(n)) for n in range(LINKS_MAX + 1)]

    found = remote_task(task_body(task(type=TaskType.LOOP), links, Scope("R"), None))

    assert found is not None
    assert list(found.links) == []


@pytest.mark.parametrize(
    "properties", [None, {}, {"artifact_plugins": "{"}, {"artifact_plugins": "[]"}]
)
def test_a_task_of_somebody_else_is_none_of_ours(properties):
    """A task without our record, or with a damaged one, is not taken for ours."""
    assert remote_task({"name": "x", "status_metadata": {"custom_properties": properties}}) is None


def test_an_attached_root_is_a_dag_below_the_other_run():
    """In somebody else's run our ROOT has the name of our run, is a DAG, and has a path below."""
    scope = Scope("R", "T", "delays-1", "root.train.delays-1")
    root = task(
        parent_id=None, name="ROOT", scope_path="ROOT", type=TaskType.ROOT, iteration_index=None
    )

    body = task_body(root, [], scope, scope.parent_task_id)

    assert (body["name"], body["type"], body["parent_task_id"]) == ("delays-1", "DAG", "T")
    assert body["scope_path"] == "root.train.delays-1"
    assert scope_path(task(), scope) == "root.train.delays-1.for-loop-1.use"
    assert scope.names == {"ROOT": "delays-1"}


def test_an_over_long_task_name_is_shortened_and_carried_whole():
    """A task name over 128 characters ends in a digest there; the record has all of it."""
    body = task_body(task(name="t" * 129), [], Scope("R"), None)

    assert len(body["name"]) == len(body["display_name"]) == 128
    found = remote_task(body)
    assert found is not None
    assert found.record.name == "t" * 129
