"""`--where` and `--order-by` of list, runs, tasks and links."""

from __future__ import annotations

import json


def names(call, *arguments):
    document = json.loads(call(*arguments, "--json").stdout)
    return [f"{row['artifact']}@{row['version']}" for row in document["versions"]]


def test_list_takes_a_filter_and_an_order(call):
    """`list --where` lists versions of every artifact, in the order that is asked for."""
    assert names(call, "list", "--where", 'metadata["rmse"] < 0.3') == ["config@2"]
    assert names(call, "list", "--where", '"raw" in tags') == ["config@1"]
    assert names(call, "list", "config", "--order-by", "version") == ["config@1", "config@2"]
    assert names(call, "list", "config", "--tag", "raw", "--where", "version < 9") == ["config@1"]
    assert "total@2" in call("list", "--where", 'artifact_type != "x"').stdout


def test_a_name_is_a_value_and_no_filter(call):
    """A NAME beside a filter is looked for as it is written."""
    assert names(call, "list", '" or True or "', "--where", "True") == []


def test_pages_of_a_filter_go_on(call):
    """The token of one page gives the next one of the same filter."""
    asked = (
        "list",
        "--where",
        "version > 0",
        "--order-by",
        "name, version",
        "--limit",
        "2",
        "--json",
    )
    first = json.loads(call(*asked).stdout)

    second = json.loads(call(*asked, "--page-token", first["next_page_token"]).stdout)
    wrong = call("list", "--where", "version > 1", "--page-token", first["next_page_token"], code=1)

    assert [row["artifact"] for row in first["versions"]] == ["config", "config"]
    assert [row["artifact"] for row in second["versions"]] == ["large", "prices"]
    assert "error[invalid-key]" in wrong.stderr


def test_runs_tasks_and_links_take_filters(call):
    """The three kinds of records are found by their own fields and functions."""
    runs = json.loads(call("runs", "--where", 'parameters["count"] == 3', "--json").stdout)["runs"]
    run = runs[0]["name"]
    tasks = json.loads(call("tasks", "--where", f'of_run("{run}")', "--json").stdout)["tasks"]
    links = json.loads(
        call(
            "links",
            "--where",
            'of_artifact("total") and of_task("total") and io_type == "OUTPUT"',
            "--json",
        ).stdout
    )["links"]

    assert len(runs) == 1
    assert [task["name"] for task in tasks if task["type"] == "RUNTIME"] == ["prices", "total"]
    assert len(links) == 2
    assert "prices" in call("tasks", "--order-by=-started_at").stdout
    assert "TASK_OUTPUT_INPUT" in call("links").stdout
    assert "SUCCEEDED" in call("runs", "--where", "True", "--pipeline", "bill").stdout


def test_an_error_is_shown_with_its_caret(call):
    """A wrong filter is one line of error, then the expression and carets, and exit code 1."""
    for command in ("list", "runs", "tasks", "links"):
        done = call(command, "--where", "nam == 1 or \x1b[31m", code=1)
        assert "error[query]: " in done.stderr
        assert "\x1b" not in done.stderr
    done = call("runs", "--where", 'state == "FAILD"', code=1)

    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error[query]: 'state' is never 'FAILD'; did you mean 'FAILED'?",
        '    state == "FAILD"',
        "             ^^^^^^^",
    ]


def test_wrong_usage_is_named(call):
    """A filter of runs beside the name of one is exit code 2."""
    assert "leave RUN out" in call("runs", "bill", "--where", "True", code=2).stderr


def test_an_empty_place_has_nothing(call, tmp_path):
    """Without a ledger every listing is empty and nothing is created."""
    for command, key in (
        ("list", "versions"),
        ("tasks", "tasks"),
        ("links", "links"),
        ("runs", "runs"),
    ):
        done = call(command, "--ledger", str(tmp_path / "no.sqlite"), "--where", "True", "--json")
        assert json.loads(done.stdout) == {key: [], "next_page_token": None}
    assert not (tmp_path / "no.sqlite").exists()
