"""How a lineage is drawn: text, Mermaid, one HTML page, JSON."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from artifact_plugins.lineage_graph import Lineage, run_graph
from artifact_plugins.records import IOType

EVIL = '</td><script>alert("x")</script>'


def test_the_tree_shows_links_and_draws_a_node_once(ledger, story):
    """The tree names versions, tasks, link types, keys and values; a repeat says "see above"."""
    lines = Lineage(ledger, story.ranking).upstream().tree().splitlines()

    assert lines == [
        "ranking@1 (Metric)",
        "└── rank [SUCCEEDED] (ranking OUTPUT)",
        "    ├── delay@1 (Metric) (delays[0] COLLECTED_INPUTS from for-loop-1)",
        "    │   └── mean#0 [SUCCEEDED] (delay ITERATOR_OUTPUT)",
        "    │       ├── flights@1 (Dataset) (flights TASK_OUTPUT_INPUT from load)",
        "    │       │   └── load [SUCCEEDED] (flights OUTPUT)",
        "    │       │       └── month = 1 (RUNTIME_VALUE_INPUT)",
        '    │       └── carrier = "UA" (RUNTIME_VALUE_INPUT)',
        "    └── delay@2 (Metric) (delays[1] COLLECTED_INPUTS from for-loop-1)",
        "        └── mean#1 [SUCCEEDED] (delay ITERATOR_OUTPUT)",
        "            ├── flights@1 (Dataset) (flights TASK_OUTPUT_INPUT from load) (see above)",
        '            └── carrier = "UA" (RUNTIME_VALUE_INPUT)',
    ]


def test_mermaid_labels_cannot_leave_their_quotes(ledger, story):
    """Every line of the flowchart is a node or an edge, whatever names and values hold."""
    end = story.step('"] --> x', "x", {"evil": '"];\n click n0 "javascript:x"', "v": EVIL})

    lines = Lineage(ledger, end).upstream().mermaid().splitlines()

    assert lines[0] == "flowchart LR"
    assert lines[-1] == "    style n0 stroke-width:3px"
    node = re.compile(r'    n\d+(\[|\(\[|\{\{)"[\w #;.@=,/-]*"(\]|\]\)|\}\})')
    edge = re.compile(r'    n\d+ -->\|"[\w #;.@=,/-]*"\| n\d+')
    assert [
        line for line in lines[1:-1] if not (node.fullmatch(line) or edge.fullmatch(line))
    ] == []


class Page(HTMLParser):
    """Collects tags and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_the_page_is_self_contained_and_escaped(ledger, story):
    """The HTML page has no scripts and no addresses, and shows hostile names as text."""
    end = story.step(EVIL, "x", {EVIL: EVIL, "delays": story.delays})
    page = Page()

    text = Lineage(ledger, end).upstream().html()
    page.feed(text)

    assert page.addresses == []
    assert page.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "div",
        "span",
        "table",
        "tr",
        "th",
        "td",
    }
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text


def test_the_json_is_json(ledger, story):
    """`to_json` holds every node and edge as JSON values, whole records included."""
    graph = Lineage(ledger, story.ranking).upstream()

    again = json.loads(json.dumps(graph.to_json(), allow_nan=False))

    assert again["root"] == story.ranking.id
    assert [node["id"] for node in again["nodes"]] == [node.id for node in graph.nodes]
    assert again["nodes"][0]["version"]["artifact"] == "ranking"
    assert {edge["link"]["io_type"] for edge in again["edges"]} >= {"OUTPUT", "COLLECTED_INPUTS"}


def test_what_a_width_hides_is_counted_in_every_drawing(ledger, story):
    """The tree, the flowchart and the JSON say how many links are not shown, and of what."""
    graph = Lineage(ledger, story.ranking).upstream(width=1)
    rank = next(node for node in graph.nodes if node.label == "rank")

    assert "    └── ... 1 more" in graph.tree().splitlines()
    assert '["1 more"]' in graph.mermaid()
    assert "... 1 more" in graph.html()
    assert graph.to_json()["hidden"][rank.id] == 1


def test_the_schema_of_the_json_is_stable(ledger, story):
    """The names in the document are those that programs rely on; a new one is a new format."""
    document = Lineage(ledger, story.ranking).upstream().to_json()

    assert document["format"] == "artifact_plugins.lineage/1"
    assert list(document) == [
        "format",
        "root",
        "roots",
        "direction",
        "truncated",
        "hidden",
        "nodes",
        "edges",
    ]
    assert document["direction"] == "upstream"
    contents = {"version": "version", "task": "task", "parameter": "value"}
    assert all(
        set(node) == {"id", "kind", "label", contents[node["kind"]]} for node in document["nodes"]
    )
    assert {frozenset(edge) for edge in document["edges"]} == {
        frozenset({"source", "target", "link"})
    }


def test_a_way_is_drawn_from_the_later_version(ledger, story):
    """The tree between two versions starts with the later and ends with the earlier one."""
    graph = Lineage(ledger, story.flights).path_to(story.ranking)

    lines = graph.tree().splitlines()

    assert lines[0] == "ranking@1 (Metric)"
    assert "flights@1 (Dataset)" in lines[-1]
    assert "From flights@1 (Dataset) to ranking@1 (Metric)" in graph.html()


def test_a_run_is_drawn_whole(ledger, story):
    """Every end of a run starts a tree of its own; what is above is not drawn again."""
    other = story.step("check", "report", {"flights": story.flights})

    text = run_graph(ledger, story.run).tree()

    assert text.splitlines()[0] == "ranking@1 (Metric)"
    assert f"{other} (Metric)" in text.splitlines()
    assert text.count("load [SUCCEEDED]") == 1


def test_a_flowchart_marks_where_it_starts(ledger, story):
    """The root is drawn with a thicker line."""
    lines = Lineage(ledger, story.ranking).upstream().mermaid().splitlines()

    assert lines[1] == '    n0["ranking@1 #40;Metric#41;"]'
    assert lines[-1] == "    style n0 stroke-width:3px"


def test_a_loop_in_the_links_is_drawn_once(ledger, story):
    """Links that lead in a circle, as damage could leave them, end in "see above"."""
    task = next(node.task for node in Lineage(ledger, story.flights).upstream().nodes if node.task)
    story.link(task, IOType.TASK_OUTPUT_INPUT, "again", story.ranking)

    graph = Lineage(ledger, story.ranking).upstream()

    assert "ranking@1 (Metric) (again TASK_OUTPUT_INPUT) (see above)" in graph.tree()
    assert Lineage(ledger, story.ranking).between(story.flights).edges
