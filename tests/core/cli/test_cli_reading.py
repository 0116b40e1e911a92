"""What the reading commands print, for people and for programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = Callable[..., Any]


def test_list_shows_every_artifact(cli) -> None:
    """`list` has a line for each artifact with its number of versions and type."""
    lines = cli("list").stdout.splitlines()

    assert [line.split()[0] for line in lines if line][2:] == ["config", "large", "prices", "total"]
    assert next(line for line in lines if line.startswith("prices")).split()[1:4] == [
        "2",
        "Dataset",
        "pandas:DataFrame",
    ]


def test_list_as_json_is_complete(cli_json: Json) -> None:
    """`list --json` has every field of a summary and a token for the next page."""
    document = cli_json("list")

    assert document["next_page_token"] is None
    assert [row["artifact"] for row in document["artifacts"]] == [
        "config",
        "large",
        "prices",
        "total",
    ]
    assert document["artifacts"][0]["versions"] == 2


def test_list_of_a_name_shows_versions_newest_first(cli_json: Json, call) -> None:
    """`list NAME` lists versions, newest first, with their tags."""
    document = cli_json("list", "config")
    text = call("list", "config").stdout

    assert [row["version"] for row in document["versions"]] == [2, 1]
    assert "config@1" in text
    assert "raw, v:1" in text


def test_list_filters_by_tag(cli_json: Json) -> None:
    """`list NAME --tag` keeps the versions that have the tag."""
    assert [row["version"] for row in cli_json("list", "config", "--tag", "raw")["versions"]] == [1]


def test_pages_join_to_the_whole(cli_json: Json, call) -> None:
    """Pages by `--limit` and `--page-token` join to the list without repeats."""
    names, token = [], None
    while True:
        more = ("--page-token", token) if token else ()
        document = cli_json("list", "--limit", "3", *more)
        names += [row["artifact"] for row in document["artifacts"]]
        token = document["next_page_token"]
        if token is None:
            break

    assert names == ["config", "large", "prices", "total"]
    assert "--page-token" in call("list", "--limit", "3").stdout


def test_show_has_record_metadata_and_preview(cli) -> None:
    """`show` prints what is recorded about a version, and its preview."""
    text = cli("show", "prices").stdout

    assert "prices@2" in text
    assert "pandas:DataFrame" in text
    assert '"rows": 3' in text
    assert "3 rows x 2 columns" in text
    assert "i2" in text


def test_show_as_json_is_the_record(cli_json: Json) -> None:
    """`show --json` is the whole record."""
    record = cli_json("show", "config@1")

    assert (record["version"], record["tags"], record["description"]) == (
        1,
        ["raw", "v:1"],
        "by hand",
    )
    assert record["content_hash"].startswith("blake3:")


def test_version_is_found_by_name_number_and_id(cli_json: Json) -> None:
    """A version is named by name, name@number, id, or the first characters of an id."""
    found = cli_json("show", "config@1")["id"]

    assert cli_json("show", found)["id"] == found
    assert cli_json("show", found[:-2])["id"] == found
    assert cli_json("show", "config")["version"] == 2


def test_load_prints_the_value(call) -> None:
    """`load` prints a value as Python shows it, and a table as a table."""
    assert call("load", "config@1").stdout.strip() == "{'a': [1, 2.5], 'b': 'text'}"
    assert "price" in call("load", "prices").stdout


def test_load_as_json_gives_the_value(cli_json: Json) -> None:
    """`load --json` gives the value itself when JSON holds it, else its text."""
    config, prices = cli_json("load", "config@1"), cli_json("load", "prices")

    assert (config["is_exact"], config["value"]) == (True, {"a": [1, 2.5], "b": "text"})
    assert (prices["is_exact"], prices["type"]) == (False, "pandas:DataFrame")


def test_load_as_another_type(cli_json: Json) -> None:
    """`load --as` uses the materializer of that type, for the columns asked for."""
    document = cli_json("load", "prices", "--as", "pyarrow.Table", "--columns", "price")

    assert document["type"] == "pyarrow:Table"
    assert "item" not in document["value"]


def test_lineage_tree_names_tasks_and_parameters(cli) -> None:
    """`lineage` draws the way back to the parameters of the run."""
    text = cli("lineage", "total").stdout

    assert "total@2" in text
    assert "prices@2" in text
    assert "count" in text


def test_lineage_down_leads_to_the_result(call) -> None:
    """`lineage --down` draws what was made from a version."""
    assert "total@1" in call("lineage", "prices@1", "--down").stdout


def test_lineage_in_every_format(call, cli_json: Json, tmp_path: Path) -> None:
    """`lineage` writes Mermaid, one HTML page, and JSON; `--json` is the same JSON."""
    page = tmp_path / "lineage.html"
    done = call("lineage", "total", "--format", "html", "--output", str(page))

    assert done.stdout == ""
    assert "<html" in page.read_text().lower()
    assert "total" in page.read_text()
    assert call("lineage", "total", "--format", "mermaid").stdout.startswith(("flowchart", "graph"))
    assert cli_json("lineage", "total") == cli_json("lineage", "total", "--format", "json")


def test_runs_are_listed_newest_first(cli_json: Json, call) -> None:
    """`runs` lists runs with their state and parameters."""
    runs = cli_json("runs")["runs"]

    assert [run["parameters"] for run in runs] == [{"count": 3}, {"count": 4}]
    assert call("runs").stdout.count("SUCCEEDED") == 2


def test_one_run_shows_tasks_and_links(cli_json: Json, call) -> None:
    """`runs RUN` has the tasks of a run and their typed links."""
    run = cli_json("runs")["runs"][0]
    document = cli_json("runs", run["id"])
    text = call("runs", run["name"]).stdout

    assert {task["name"] for task in document["tasks"]} >= {"prices", "total"}
    assert {"OUTPUT", "TASK_OUTPUT_INPUT", "COMPONENT_DEFAULT_INPUT"} <= {
        link["io_type"] for link in document["links"]
    }
    assert "TASK_OUTPUT_INPUT" in text
    assert "prices@2" in text


def test_explain_prints_the_walk(call, cli_json: Json) -> None:
    """`explain` prints each step of the resolution and the materializer taken."""
    assert "=>" in call("explain", "pandas.DataFrame").stdout
    assert cli_json("explain", "pandas:DataFrame")["materializer"] == "pandas.frame"


def test_plugins_are_listed(call, cli_json: Json) -> None:
    """`plugins` lists every installed plugin with its materializers and runtimes."""
    found = {plugin["name"]: plugin for plugin in cli_json("plugins")["plugins"]}

    assert found["materializers.pandas"]["error"] is None
    assert [offer["scheme"] for offer in found["integrations.dask"]["runtimes"]] == [
        "dask",
        "dask+tls",
    ]
    listed = call("plugins").stdout
    assert "materializers.pandas" in listed
    assert "dask://..." in listed


def test_export_writes_the_verified_files(cli_json: Json, tmp_path: Path) -> None:
    """`export` copies the payload files of a version and names them."""
    (file,) = cli_json("export", "large", str(tmp_path / "out"))["files"]

    assert Path(file).parent == tmp_path / "out"
    assert Path(file).stat().st_size > 10_000


def test_project_is_another_namespace(call) -> None:
    """`--project`, before or after the command, looks into another project."""
    assert "no artifacts yet" in call("--project", "other", "list").stdout
    assert "no artifacts yet" in call("list", "--project", "other").stdout


def test_reading_changes_nothing(call, original: Path) -> None:
    """Reading commands leave every file of the store as it is."""
    store = original / ".artifact_plugins" / "store"
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}

    for command in (["list"], ["show", "large"], ["load", "large"], ["doctor"]):
        call(*command)

    after = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    assert after == before


def test_classes_of_the_working_folder_are_found(in_folder, folder: Path) -> None:
    """A value of the user's own class, in a module beside the store, loads and is explained."""
    (folder / "orders.py").write_text(
        "from dataclasses import dataclass\n\n\n"
        "@dataclass\nclass Order:\n    item: str\n    count: int\n"
    )
    script = "import artifact_plugins as ap, orders; ap.save(orders.Order('pen', 3), 'order')"
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=60)

    run = in_folder(folder)

    assert run("load", "order").stdout.strip() == "Order(item='pen', count=3)"
    assert "python.document" in run("explain", "orders.Order").stdout
