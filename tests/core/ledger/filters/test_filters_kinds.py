"""Links, tasks and runs are asked like versions, and what links say is a filter too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from artifact_plugins.errors import QueryError
from artifact_plugins.ledger.liveness import HoldKind
from artifact_plugins.records import Batch, IOType


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('produced_by_run("run-0")', "data@2 data@1 model@1 "),
        ("produced_by_run(run)", "model@2 ünïcode@1 Modell@1"),
        ('produced_by_task("mean")', None),
        ('produced_by_pipeline("load")', None),
        ('used_by_run("run-0")', None),
        ("used_by_run(run)", None),
        ('used_by_task("mean")', None),
        ('used_by_task("load")', None),
        ('used_by_pipeline("train")', None),
        ("unused()", None),
        ("not unused()", None),
        ("has_custom_name()", None),
        ('used_by_run("run-0") and version < 3', None),
        ('used_by_run("run-0") or produced_by_task("load")', None),
        ('not used_by_run("run-0")', None),
        ('produced_by_task("nobody")', None),
    ],
)
def test_versions_are_found_by_their_links(world, where, expected):
    """Runs, tasks and pipelines that made or read a version find it, by name and by id."""
    runs = {run.id: run for run in world.runs}
    tasks = {task.id: task for task in world.tasks}
    read = [link for link in world.links if link.version_id and not link.io_type.is_output]

    class Of:
        def __init__(self, version):
            self.version = version
            self.readers = [link for link in read if link.version_id == version.id]

        def produced_by_run(self, name):
            run = runs.get(self.version.run_id)
            return run is not None and name in (run.id, run.name)

        def produced_by_task(self, name):
            task = tasks.get(self.version.task_id)
            return task is not None and name in (task.id, task.name)

        def produced_by_pipeline(self, name):
            run = runs.get(self.version.run_id)
            return run is not None and run.pipeline == name

        def used_by_run(self, name):
            return any(name in (one.run_id, runs[one.run_id].name) for one in self.readers)

        def used_by_task(self, name):
            return any(name in (one.task_id, tasks[one.task_id].name) for one in self.readers)

        def used_by_pipeline(self, name):
            return any(runs[one.run_id].pipeline == name for one in self.readers)

        def unused(self):
            return not self.readers

        def has_custom_name(self):
            task = tasks.get(self.version.task_id)
            return task is None or task.name != self.version.artifact

    values = {"run": world.run_ids[1]} if "(run)" in where else {}
    names = {name: getattr(Of, name) for name in vars(Of) if not name.startswith("_")}

    def holds(version):
        methods = {name: method.__get__(Of(version)) for name, method in names.items()}
        return eval(where, {}, {**methods, **values, "version": version.version})

    wanted = [version.id for version in reversed(world.versions) if holds(version)]

    assert world.ids("versions", where, values=values) == wanted
    for project in ("default", "other"):
        mine = {version.id for version in world.versions if version.project == project}
        assert world.ids("versions", where, values=values, project=project) == [
            one for one in wanted if one in mine
        ]


def test_a_name_of_very_many_tasks_is_found_by_walking(ledger, make):
    """The answer is the same when a task name is too common to look it up."""
    run = make.run(pipeline="wide")
    tasks = [make.task(run, "common") for _ in range(250)]
    rare = make.task(run, "rare")
    drafts = [make.draft("a", run_id=run.id, task_id=task.id) for task in (*tasks, rare)]
    links = [
        make.link(task, IOType.TASK_OUTPUT_INPUT, "in", version_id=draft.version.id)
        for task, draft in zip([*tasks[1:], rare], drafts, strict=False)
    ]
    ledger.write(
        Batch(runs=(run,), tasks=(*tasks, rare), versions=tuple(drafts), links=tuple(links))
    )

    def count(where, kind="versions"):
        return len(ledger.search(kind, where, limit=1000, project="default"))

    assert count('produced_by_task("common")') == 250
    assert count('produced_by_task("rare")') == 1
    assert count('used_by_task("common")') == 249
    assert count('used_by_task("rare")') == 1
    assert count('used_by_pipeline("wide") and produced_by_pipeline("wide")') == 250
    assert count('of_task("common")', "links") == 249


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", 15),
        ('io_type == "OUTPUT"', 6),
        ('io_type in ["OUTPUT", "COMPONENT_INPUT"]', 9),
        ('producer.task_name == "load"', 6),
        ('producer.task_name == ""', 6),
        ("producer.iteration is None", 15),
        ('key == "out" and position == 1', 3),
        ("version_id is None", 3),
        ("value == 0", 1),
        ("value >= 0", 2),
        ("value is None and version_id is None", 0),
        ('of_task("load")', 3),
        ('of_run("run-1")', 5),
        ('of_pipeline("train")', 10),
        ('of_artifact("model")', 3),
        ('of_artifact("nothing")', 0),
        ('project == "other"', 5),
        ("run_id in runs", 10),
    ],
)
def test_links_are_filtered(world, where, expected):
    """Links are found by type, key, producer, value, run, task, pipeline and artifact."""
    values = {"runs": world.run_ids[:2]} if "runs" in where else None
    by_hand = {
        'io_type == "OUTPUT"': lambda link: link.io_type is IOType.OUTPUT,
        "value >= 0": lambda link: link.version_id is None and (link.value or 0) >= 0,
    }

    found = world.ids("links", where, values=values)

    if where in by_hand:
        assert found == [link.id for link in world.links if by_hand[where](link)]
    else:
        assert found == [link.id for link in world.links if link.id in set(found)]
    if where != 'of_artifact("model")':
        assert len(found) == expected


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ('state == "FAILED"', lambda task: task.state.value == "FAILED"),
        ('type != "IMPORTER"', lambda task: task.type.value != "IMPORTER"),
        ('name == "mean" and iteration_index > 0', lambda t: (t.iteration_index or 0) > 0),
        ('error.startswith("E:")', lambda task: task.error is not None),
        ("parent_id is None", lambda task: True),
        ("ended_at is not None", lambda task: False),
        ("attempt == 1 and started_at > day", lambda task: True),
        ('reads("nothing")', lambda task: False),
        ("of_run(run)", lambda task: None),
        ('of_pipeline("load")', lambda task: None),
    ],
)
def test_tasks_are_filtered(world, where, holds):
    """Tasks are found by state, type, name, iteration, error, time, run and pipeline."""
    values = {}
    if "day" in where:
        values["day"] = datetime(2020, 1, 1, tzinfo=UTC)
    if "(run)" in where:
        values["run"] = world.run_ids[0]
    of_first = [task for task in world.tasks if task.run_id == world.run_ids[0]]

    found = world.ids("tasks", where, values=values)

    wanted = of_first if holds(world.tasks[0]) is None else filter(holds, world.tasks)
    assert found == [task.id for task in wanted]
    assert world.ids("tasks", where, values=values, order_by="-id") == found[::-1]


def test_tasks_and_runs_are_found_by_what_they_read_and_wrote(world):
    """`reads` and `writes` name an artifact that a task or a run has a link to."""
    names = {version.id: version.artifact for version in world.versions}
    for function, is_output in (("reads", False), ("writes", True)):
        for name in ("model", "data"):
            links = [
                link
                for link in world.links
                if link.io_type.is_output is is_output and names.get(link.version_id) == name
            ]
            where = f'{function}("{name}")'

            tasks, runs = world.ids("tasks", where), world.ids("runs", where)

            assert set(tasks) == {link.task_id for link in links}
            assert set(runs) == {link.run_id for link in links}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", "run-2 run-1 run-0"),
        ('state == "FAILED"', "run-1"),
        ('pipeline == "train"', "run-2 run-1"),
        ('pipeline == "train" and project == "default"', "run-1"),
        ('name == "run-0"', "run-0"),
        ('name in ["run-0", "run-2"]', "run-2 run-0"),
        ('name.startswith("run-")', "run-2 run-1 run-0"),
        ('parameters["epochs"] > 0', "run-2 run-1"),
        ('"a%" in parameters["note"]', "run-2 run-1 run-0"),
        ('"epochs" in parameters', "run-2 run-1 run-0"),
        ('external_ids["kfp"] is None', "run-2 run-1 run-0"),
        ("not external_ids", "run-2 run-1 run-0"),
        ('started_at < "2020-01-01"', ""),
    ],
)
def test_runs_are_filtered(world, where, expected):
    """Runs are found by state, pipeline, name, parameters of any depth and time."""
    names = {run.id: run.name for run in world.runs}

    found = world.ids("runs", where)

    assert [names[one] for one in found] == expected.split()


def test_a_project_is_asked_unless_the_filter_names_one(world):
    """The project of the caller holds until the filter speaks of projects itself."""
    for kind, records in (("versions", world.versions), ("runs", world.runs)):
        mine = {record.id for record in records if record.project == "other"}

        assert set(world.ids(kind, "", project="other")) == mine
        assert set(world.ids(kind, 'project == "other"', project="default")) == mine
        assert len(world.ids(kind, 'project != ""', project="other")) == len(records)
    assert len(world.ids("tasks", "", project="other")) == 2
    assert len(world.ids("links", "", project="other")) == 5


def test_deleted_versions_are_found_when_the_filter_asks(world):
    """A deleted version is nowhere but where `deleted_at` is asked for, with its tags."""
    victim = next(version for version in world.versions if "raw" in version.tags)
    deletion = world.ledger.delete_versions([victim.id], released=get_args(HoldKind))
    assert deletion.deleted

    assert victim.id not in world.ids("versions", "")
    assert victim.id not in world.ids("versions", '"raw" in tags')
    assert world.ids("versions", "deleted_at is not None") == [victim.id]
    assert world.ids("versions", '"raw" in tags and deleted_at is not None') == [victim.id]
    assert victim.id in world.ids(
        "versions", "id == one and deleted_at != None", values={"one": victim.id}
    )


def test_documents_with_nul_escapes_are_survived(ledger, make):
    r"""A parameter that holds `\u0000` is found by nothing, and breaks no query on other runs."""
    odd = make.run(parameters={"a": "x\x00y", "n": 3})
    slashed = make.run(parameters={"a": r"\u0000", "n": 3})
    ledger.write(Batch(runs=(odd, slashed)))

    found = [run.id for run in ledger.search("runs", 'parameters["n"] == 3')]

    assert slashed.id in found
    assert [run.id for run in ledger.search("runs", r'parameters["a"] == "\\u0000"')] == [
        slashed.id
    ]


def test_numbers_of_any_size_are_survived(ledger, make):
    """Parameters of hundreds of digits compare, or do not, without an error."""
    small = make.run(parameters={"n": 3})
    ledger.write(
        Batch(runs=(small, make.run(parameters={"n": 10**400}), make.run(parameters={"n": 10**30})))
    )

    assert small.id in [run.id for run in ledger.search("runs", 'parameters["n"] < 4')]
    assert len(ledger.search("runs", 'parameters["n"] == 3.0')) == 1
    assert len(ledger.search("runs", "", order_by='parameters["n"]')) == 3


@pytest.mark.parametrize("kind", ["links", "tasks", "runs"])
def test_functions_belong_to_their_kind(world, kind):
    """A function of versions is none of other kinds."""
    with pytest.raises(QueryError, match="there is no function 'unused'"):
        world.ids(kind, "unused()")
