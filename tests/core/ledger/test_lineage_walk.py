"""Where a version comes from, what was made of it, and how that is drawn."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph import Lineage
from artifact_plugins.records import (
    Batch,
    IOType,
    TaskState,
    TaskType,
)

EVIL = '</td><script>alert("x")</script>'


class Story:
    """A run: load -> flights; a loop of mean over two months; rank collects; one branch of use."""

    def __init__(self, ledger: Ledger, make) -> None:
        self.ledger, self.make = ledger, make
        self.run = make.run()
        self.root = make.task(self.run, "root", type=TaskType.ROOT)
        ledger.write(Batch(runs=(self.run,), tasks=(self.root,)))
        self.flights = self.step("load", "flights", {"month": 1}, kind="Dataset")
        loop = make.task(self.run, "for-loop-1", type=TaskType.LOOP)
        ledger.write(Batch(tasks=(loop,)))
        self.delays = [
            self.step("mean", "delay", {"flights": self.flights, "carrier": "UA"}, index=n)
            for n in range(2)
        ]
        for number, delay in enumerate(self.delays):
            self.link(loop, IOType.ITERATOR_OUTPUT, "delay", delay, number, "mean")
            self.link(self.root, IOType.ITERATOR_OUTPUT, "delay", delay, number, "for-loop-1")
        self.ranking = self.step("rank", "ranking", {"delays": self.delays})

    def link(self, task, io_type, key, value, position=0, producer="") -> None:
        is_version = hasattr(value, "content_hash")
        link = self.make.link(
            task,
            io_type,
            key,
            position=position,
            producer=producer,
            version_id=value.id if is_version else None,
            value=None if is_version else value,
        )
        self.ledger.write(Batch(links=(link,)))

    def step(self, name, artifact, inputs, *, index=None, kind="Metric", state="SUCCEEDED"):
        task = self.make.task(
            self.run, name, iteration_index=index, parent_id=self.root.id, state=TaskState(state)
        )
        draft = self.make.draft(artifact, artifact_type=kind, run_id=self.run.id, task_id=task.id)
        (version,) = self.ledger.write(Batch(tasks=(task,), versions=(draft,)))
        for key, value in inputs.items():
            if isinstance(value, list):
                for number, one in enumerate(value):
                    self.link(task, IOType.COLLECTED_INPUTS, key, one, number, "for-loop-1")
            elif hasattr(value, "content_hash"):
                self.link(task, IOType.TASK_OUTPUT_INPUT, key, value, producer="load")
            else:
                self.link(task, IOType.RUNTIME_VALUE_INPUT, key, value)
        out = IOType.OUTPUT if index is None else IOType.ITERATOR_OUTPUT
        self.link(task, out, artifact, version, producer=name)
        return version


@pytest.fixture
def story(ledger, make):
    return Story(ledger, make)


def names(graph):
    return sorted(node.label for node in graph.nodes)


def test_upstream_leads_back_to_the_parameters(ledger, story):
    """Every version, leaf task and parameter before a version is found, groups are not."""
    graph = Lineage(ledger, story.ranking).upstream()

    assert names(graph) == sorted(
        [
            "ranking@1 (Metric)",
            "rank",
            "delay@1 (Metric)",
            "delay@2 (Metric)",
            "mean#0",
            "mean#1",
            "flights@1 (Dataset)",
            "load",
            '"UA"',
            '"UA"',
            "1",
        ]
    )
    assert len(graph.edges) == 11
    assert not graph.truncated


def test_downstream_leads_to_everything_made_of_a_version(ledger, story):
    """From the source data the walk finds the steps that read it and what they wrote."""
    graph = Lineage(ledger, story.flights).downstream()

    assert names(graph) == sorted(
        [
            "flights@1 (Dataset)",
            "mean#0",
            "mean#1",
            "delay@1 (Metric)",
            "delay@2 (Metric)",
            "rank",
            "ranking@1 (Metric)",
        ]
    )


def test_edges_are_the_links(ledger, story):
    """An edge goes from source to target and carries type, key, producer and position."""
    graph = Lineage(ledger, story.ranking).upstream(depth=1)

    reads = [edge.link for edge in graph.edges if edge.link.key == "delays"]
    assert [(one.io_type, one.position, str(one.producer)) for one in reads] == [
        (IOType.COLLECTED_INPUTS, 0, "for-loop-1"),
        (IOType.COLLECTED_INPUTS, 1, "for-loop-1"),
    ]
    assert {edge.source for edge in graph.edges if edge.link.key == "delays"} == {
        version.id for version in story.delays
    }
    assert [edge.target for edge in graph.edges if edge.link.io_type.is_output] == [
        story.ranking.id
    ]


@pytest.mark.parametrize(("depth", "count"), [(0, 1), (1, 4), (2, 9), (3, 11), (None, 11)])
def test_depth_counts_tasks(ledger, story, depth, count):
    """`depth` tasks are walked back, and None means all."""
    graph = Lineage(ledger, story.ranking).upstream(depth)

    assert len(graph.nodes) == count


def test_a_cache_hit_is_no_origin(ledger, story, make):
    """A version that later runs took from the cache is shown with the task that made it."""
    for _ in range(3):
        hit = make.task(story.run, "mean", state=TaskState.CACHED)
        ledger.write(Batch(tasks=(hit,)))
        story.link(hit, IOType.RUNTIME_VALUE_INPUT, "other", 5)
        story.link(hit, IOType.OUTPUT, "delay", story.delays[0])

    graph = Lineage(ledger, story.delays[0]).upstream()

    assert names(graph).count("mean") == 0
    assert names(graph).count("mean#0") == 1


def test_an_importer_is_an_origin(ledger, story, make):
    """Data that was there before leads to the importer that brought it in."""
    version = make.save(ledger, "table")
    importer = make.task(story.run, "importer", type=TaskType.IMPORTER)
    ledger.write(Batch(tasks=(importer,)))
    story.link(importer, IOType.OUTPUT, "table", version)

    graph = Lineage(ledger, version).upstream()

    assert names(graph) == ["importer", "table@1 (Artifact)"]


def test_a_version_saved_by_hand_stands_alone(ledger, make):
    """Without links the graph is the version itself, in every drawing."""
    version = make.save(ledger)

    graph = Lineage(ledger, version).upstream()

    assert graph.tree() == "flights@1 (Artifact)"
    assert len(graph.nodes) == 1
    assert graph.edges == ()


def test_a_walk_is_bounded(ledger, story):
    """At the limit of nodes the walk stops and every drawing says so."""
    graph = Lineage(ledger, story.ranking).upstream(max_nodes=5)

    assert graph.truncated
    assert len(graph.nodes) == 5
    assert "stopped after 5 nodes" in graph.tree()
    assert "stopped after 5 nodes" in graph.mermaid()
    assert graph.to_json()["truncated"] is True


def test_a_wide_level_is_one_query_for_many(ledger, story):
    """Queries grow with the levels of a graph, not with its nodes."""
    wide = [story.step("many", "part", {"n": n}) for n in range(60)]
    end = story.step("end", "sum", {"parts": wide})
    seen: list[str] = []
    ledger._database.connection().raw.set_trace_callback(seen.append)

    graph = Lineage(ledger, end).upstream()

    ledger._database.connection().raw.set_trace_callback(None)
    assert len(graph.nodes) == 2 + 60 * 3
    assert len(seen) <= 12


def test_a_long_chain_is_drawn(ledger, story):
    """A chain deeper than Python's stack is walked and drawn without recursion."""
    version = story.flights
    for number in range(150):
        version = story.step(f"s{number}", "x", {"x": version})

    graph = Lineage(ledger, version).upstream()

    assert len(graph.nodes) == 1 + 2 * 150 + 2
    assert "deeper levels are not drawn" in graph.tree()
    assert max(map(len, graph.tree().splitlines())) < 1000


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
