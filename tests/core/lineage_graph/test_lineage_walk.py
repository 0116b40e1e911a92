"""Where a version comes from and what was made of it."""

from __future__ import annotations

import pytest

from artifact_plugins.errors import InputError
from artifact_plugins.lineage_graph import Lineage, run_graph
from artifact_plugins.records import Batch, IOType, LinkQuery, TaskState, TaskType


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


def test_a_key_chooses_the_input_of_the_first_task(ledger, story):
    """Upstream by key follows one input of the maker; everything behind it stays."""
    delay = story.delays[0]

    graph = Lineage(ledger, delay).upstream(key="flights")

    assert names(graph) == ["1", "delay@1 (Metric)", "flights@1 (Dataset)", "load", "mean#0"]


def test_a_key_chooses_how_a_version_was_used(ledger, story):
    """Downstream by key finds only the tasks that read the version under that name."""
    other = story.step("check", "report", {"reference": story.flights})

    graph = Lineage(ledger, story.flights).downstream(key="reference")

    assert names(graph) == ["check", "flights@1 (Dataset)", "report@1 (Metric)"]
    assert graph.edges[-1].target == other.id


def test_a_run_bounds_the_walk(ledger, story, make):
    """By run only its tasks are followed; what came from elsewhere is an origin."""
    first = story.run
    story.run = make.run()
    ledger.write(Batch(runs=(story.run,)))
    later = story.step("late", "x", {"flights": story.flights})

    back = Lineage(ledger, later).upstream(run=story.run.id)
    onward = Lineage(ledger, story.flights).downstream(run=first.name)

    assert names(back) == ["flights@1 (Dataset)", "late", "x@1 (Metric)"]
    assert "late" not in names(onward)
    assert "rank" in names(onward)


def test_a_width_bounds_what_is_shown_of_one_node(ledger, story):
    """At most `width` inputs of a task are followed; the graph counts the others."""
    graph = Lineage(ledger, story.ranking).upstream(width=1)
    rank = next(node for node in graph.nodes if node.label == "rank")

    assert "delay@1 (Metric)" in names(graph)
    assert "delay@2 (Metric)" not in names(graph)
    assert graph.hidden[rank.id] == 1
    assert not graph.truncated


def test_a_width_bounds_the_uses_of_a_version(ledger, story):
    """Downstream, at most `width` readers of a version are followed."""
    graph = Lineage(ledger, story.flights).downstream(width=1)

    assert graph.hidden == {story.flights.id: 1}
    assert "mean#1" not in names(graph)


@pytest.mark.parametrize(
    "bounds", [{"depth": -1}, {"width": 0}, {"max_nodes": 0}, {"depth": 1.5}, {"depth": "2"}]
)
def test_bounds_that_make_no_sense_are_refused(ledger, story, bounds):
    """A negative depth, no width, no room or no number is an error that names it."""
    with pytest.raises(InputError, match=next(iter(bounds))):
        Lineage(ledger, story.ranking).upstream(**bounds)


def hand_on(story, make, version, *, also=None, state="SUCCEEDED"):
    """Write a task that reads a version and has the same version as its output."""
    task = make.task(story.run, "forward", state=TaskState(state))
    story.ledger.write(Batch(tasks=(task,)))
    story.link(task, IOType.TASK_OUTPUT_INPUT, "i", version, producer="load")
    story.link(task, IOType.OUTPUT, "o", version, producer="forward")
    if also is not None:
        story.link(task, IOType.OUTPUT, "also", also, producer="forward")
    return task


def test_a_task_that_hands_a_version_on_is_no_step_of_its_way(ledger, story, make):
    """Downstream and upstream stop at pass-through: the same version is made once."""
    hand_on(story, make, story.flights)

    onward = Lineage(ledger, story.flights).downstream()
    back = Lineage(ledger, story.flights).upstream()

    assert "forward" not in names(onward)
    assert "rank" in names(onward)
    assert names(back) == ["1", "flights@1 (Dataset)", "load"]


def test_a_version_from_outside_was_not_made_by_who_hands_it_on(ledger, story, make):
    """A version that no task made has no origin, even when a task returned it unchanged."""
    outside = make.save(ledger, "table")
    hand_on(story, make, outside)

    graph = Lineage(ledger, outside).upstream()

    assert names(graph) == ["table@1 (Artifact)"]


def test_a_task_that_hands_on_one_of_its_outputs_made_the_other(ledger, story, make):
    """Only the version that it read is left out of what a task made."""
    made = make.save(ledger, "made")
    hand_on(story, make, story.flights, also=made)

    graph = Lineage(ledger, story.flights).downstream(depth=1)

    assert "forward" in names(graph)
    assert "made@1 (Artifact)" in names(graph)
    assert len({(edge.source, edge.target) for edge in graph.edges}) == len(graph.edges)
    assert all(edge.target != story.flights.id for edge in graph.edges)


def test_levels_of_a_group_are_no_steps(ledger, story):
    """A version that leaves a loop and the run is linked there, and drawn once."""
    graph = Lineage(ledger, story.ranking).upstream()
    kinds = {node.task.type for node in graph.nodes if node.task}

    assert kinds == {TaskType.RUNTIME}
    assert len(ledger.links(LinkQuery(version_ids=(story.delays[0].id,))).items) == 4
    assert names(graph).count("delay@1 (Metric)") == 1


def test_between_finds_every_way(ledger, story):
    """Between two versions lie the tasks and versions on all ways, and no parameters."""
    graph = Lineage(ledger, story.ranking).between(story.flights)

    assert names(graph) == sorted(
        [
            "delay@1 (Metric)",
            "delay@2 (Metric)",
            "flights@1 (Dataset)",
            "mean#0",
            "mean#1",
            "rank",
            "ranking@1 (Metric)",
        ]
    )
    assert (graph.root, graph.nodes[-1].id) == (story.ranking.id, story.flights.id)
    assert len(graph.edges) == 7


def test_between_does_not_mind_the_order(ledger, story):
    """It is the same graph whichever version is asked, by record or by id."""
    back = Lineage(ledger, story.ranking).between(story.flights.id)
    onward = Lineage(ledger, story.flights).between(story.ranking)

    assert names(back) == names(onward)
    assert onward.root == story.ranking.id


def test_a_path_is_one_way(ledger, story):
    """`path_to` gives one way with the fewest tasks."""
    direct = story.step("join", "joined", {"ranking": story.ranking, "flights": story.flights})

    long = Lineage(ledger, story.ranking).path_to(story.flights)
    short = Lineage(ledger, direct).path_to(story.flights)

    assert len(long.edges) == 5 - 1
    assert names(short) == ["flights@1 (Dataset)", "join", "joined@1 (Metric)"]


def test_two_versions_without_a_way(ledger, story):
    """Neither was made of the other: both are there, and no edge."""
    graph = Lineage(ledger, story.delays[0]).between(story.delays[1])

    assert names(graph) == ["delay@1 (Metric)", "delay@2 (Metric)"]
    assert graph.edges == ()
    assert not graph.truncated
    assert len(graph.tree().splitlines()) == 2


def test_a_version_and_itself(ledger, story):
    """Between a version and itself lies the version."""
    graph = Lineage(ledger, story.flights).between(story.flights)

    assert names(graph) == ["flights@1 (Dataset)"]


def test_clocks_that_disagree_hide_no_way(ledger, story, make):
    """A way is found though the made version says it is older than its source."""
    task = make.task(story.run, "skewed")
    past = story.flights.created_at.replace(year=2000)
    draft = make.draft("old", run_id=story.run.id, task_id=task.id, created_at=past)
    (made,) = ledger.write(Batch(tasks=(task,), versions=(draft,)))
    story.link(task, IOType.TASK_OUTPUT_INPUT, "i", story.flights)
    story.link(task, IOType.OUTPUT, "o", made)

    graph = Lineage(ledger, made).path_to(story.flights)

    assert graph.root == made.id
    assert len(graph.edges) == 2


def test_a_search_that_was_cut_says_so(ledger, story):
    """No way was found within the limit: the answer is not a definite no."""
    graph = Lineage(ledger, story.ranking).between(story.flights, max_nodes=3)

    assert graph.edges == ()
    assert graph.truncated


def test_a_run_is_drawn_from_its_ends(ledger, story):
    """The graph of a run has its steps, versions and parameters; its roots are what is left over."""
    graph = run_graph(ledger, story.run.name)

    assert names(graph) == names(Lineage(ledger, story.ranking).upstream())
    assert graph.roots == (story.ranking.id,)
    assert graph.direction == "run"


def test_a_run_with_steps_that_hold_nothing(ledger, story, make):
    """A step without inputs and outputs, and one that only reads, are roots of their own."""
    lone = make.task(story.run, "lone")
    reader = make.task(story.run, "reader")
    ledger.write(Batch(tasks=(lone, reader)))
    story.link(reader, IOType.TASK_OUTPUT_INPUT, "i", story.ranking)

    graph = run_graph(ledger, story.run)

    assert set(graph.roots) == {lone.id, reader.id}


def test_a_run_is_bounded(ledger, story):
    """The graph of a run stops at the limit of nodes."""
    graph = run_graph(ledger, story.run, max_nodes=4)

    assert graph.truncated
    assert len(graph.nodes) == 4


def test_a_run_without_steps(ledger, make):
    """An empty run has an empty graph, in every drawing."""
    run = make.run()
    ledger.write(Batch(runs=(run,)))

    graph = run_graph(ledger, run)

    assert (graph.nodes, graph.root, graph.tree()) == ((), "", "")
    assert "nothing" in graph.html()
    assert graph.mermaid() == "flowchart LR\n"


def test_a_deleted_version_stays_on_its_way(ledger, story):
    """The record of a deleted version still leads to what it was made of."""
    ids = [version.id for version in story.delays]
    held = {kind for holds in ledger.holds(story.delays).values() for kind in holds}
    deletion = ledger.delete_versions(ids, released={hold.kind for hold in held})
    assert {version.id for version in deletion.deleted} == set(ids)

    graph = Lineage(ledger, story.ranking).upstream()

    assert "delay@1 (Metric, deleted)" in names(graph)
    assert "load" in names(graph)


def test_a_cache_hit_is_the_origin_inside_its_run(ledger, story, make):
    """Bounded to a run, a version from cache leads to the task that was served there."""
    second = make.run()
    hit = make.task(second, "mean", state=TaskState.CACHED)
    ledger.write(Batch(runs=(second,), tasks=(hit,)))
    story.link(hit, IOType.TASK_OUTPUT_INPUT, "flights", story.flights)
    story.link(hit, IOType.OUTPUT, "delay", story.delays[0])

    inside = Lineage(ledger, story.delays[0]).upstream(run=second)
    anywhere = Lineage(ledger, story.delays[0]).upstream()

    assert names(inside) == ["delay@1 (Metric)", "flights@1 (Dataset)", "mean"]
    assert "mean#0" in names(anywhere)
