"""A lineage is bounded on a ledger of 100,000 versions, in a chain and in a fan."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from lineage_story import Make

from artifact_plugins.ledger import Ledger
from artifact_plugins.lineage_graph import Lineage, LineageGraph, run_graph
from artifact_plugins.records import (
    ArtifactVersion,
    Batch,
    IOType,
    Run,
    Task,
    TaskState,
    VersionQuery,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
COUNT = 100_000
# Measured: 2.5 s and 60 MB. A shared machine can be several times slower.
MAX_SECONDS = 30
MAX_BYTES = 150_000_000


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger with a chain of 100,000 steps that all read one version, and one that reads all."""
    url = f"sqlite:///{tmp_path_factory.mktemp('large')}/ledger.sqlite"
    with Ledger.open(url, durable=False) as opened:
        make = Make()
        run = make.run(name="large-1")
        end = make.task(run, "collect", state=TaskState.SUCCEEDED)
        total = make.draft("total", run_id=run.id, task_id=end.id)
        opened.write(Batch(runs=(run,), tasks=(end,), versions=(total,)))
        source = make.save(opened, "source")
        before = None
        for start in range(0, COUNT, 5000):
            before = write_steps(opened, make, run, end, source, before, start)
        made = make.link(end, IOType.OUTPUT, "o", version_id=total.version.id)
        opened.write(Batch(links=(made,)))
        yield opened


def write_steps(
    ledger: Ledger,
    make: Make,
    run: Run,
    end: Task,
    source: ArtifactVersion,
    before: str | None,
    start: int,
) -> str | None:
    """Write 5,000 steps; each reads the version before it and the source, `end` reads what it made."""
    tasks, drafts, links = [], [], []
    for number in range(start, start + 5000):
        task = make.task(run, "step", state=TaskState.SUCCEEDED)
        draft = make.draft("chain", run_id=end.run_id, task_id=task.id)
        made = draft.version.id
        if before is not None:
            links.append(make.link(task, IOType.TASK_OUTPUT_INPUT, "i", version_id=before))
        links += [
            make.link(task, IOType.RUNTIME_VALUE_INPUT, "source", version_id=source.id),
            make.link(task, IOType.OUTPUT, "o", version_id=made),
            make.link(end, IOType.COLLECTED_INPUTS, "i", version_id=made, position=number),
        ]
        before = made
        tasks.append(task)
        drafts.append(draft)
    ledger.write(Batch(tasks=tuple(tasks), versions=tuple(drafts), links=tuple(links)))
    return before


def ends(ledger: Ledger, artifact: str) -> tuple[ArtifactVersion, ArtifactVersion]:
    """Return the first and the last version of an artifact."""
    query = VersionQuery(artifact=artifact)
    (first,) = ledger.versions(query, limit=1, newest_first=False)
    (last,) = ledger.versions(query, limit=1)
    return first, last


def measured(ask: Callable[[], LineageGraph], *, memory: bool = False) -> LineageGraph:
    """Ask for the time, and once more for the memory."""
    started = time.process_time()
    graph = ask()
    seconds = time.process_time() - started
    assert seconds < MAX_SECONDS
    peak = 0
    if memory:
        tracemalloc.start()
        try:
            ask()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < MAX_BYTES
    print(f"{graph.direction}: {len(graph.nodes)} nodes, {seconds:.1f} s, {peak / 1e6:.0f} MB")
    return graph


def test_a_chain_is_walked_as_far_as_the_limit(ledger):
    """Up and down a chain of 100,000 versions, the walk ends at 10,000 nodes and says so."""
    first, last = ends(ledger, "chain")

    back = measured(Lineage(ledger, last).upstream)
    onward = measured(Lineage(ledger, first).downstream)

    for graph in (back, onward):
        assert graph.truncated
        assert len(graph.nodes) == 10_000
    assert len(back.tree().splitlines()) < 10_000


def test_a_chain_is_walked_as_deep_as_asked(ledger):
    """With a depth the walk is whole: 50 tasks, 51 versions and the source."""
    _, last = ends(ledger, "chain")

    graph = Lineage(ledger, last).upstream(50)

    assert not graph.truncated
    assert len(graph.nodes) == 102


def test_a_way_along_a_chain(ledger):
    """Two versions that are 1,000 steps apart are joined; the whole chain is too far."""
    first, last = ends(ledger, "chain")
    (near,) = ledger.versions(VersionQuery(artifact="chain", version=COUNT - 1000), limit=1)

    way = measured(lambda: Lineage(ledger, last).between(near))
    far = Lineage(ledger, last).between(first)

    assert len(way.edges) == 2000
    assert (far.edges, far.truncated) == ((), True)


def test_a_fan_is_walked_as_far_as_the_limit(ledger):
    """100,000 uses of a version, and 100,000 inputs of a task, end at 10,000 nodes."""
    source, _ = ends(ledger, "source")
    total, _ = ends(ledger, "total")

    onward = measured(Lineage(ledger, source).downstream, memory=True)
    back = measured(Lineage(ledger, total).upstream, memory=True)

    for graph in (back, onward):
        assert graph.truncated
        assert len(graph.nodes) <= 10_000
    assert len(back.nodes) == 10_000


def test_a_fan_is_shown_as_wide_as_asked(ledger):
    """With a width only some of the inputs are followed, and the others are counted."""
    total, _ = ends(ledger, "total")

    graph = measured(lambda: Lineage(ledger, total).upstream(width=10))

    assert len(graph.nodes) < 100
    assert sum(graph.hidden.values()) > 10_000
    assert " more" in graph.tree()


def test_a_large_run_is_drawn_as_far_as_the_limit(ledger):
    """The graph of a run of 100,000 steps ends at 10,000 nodes."""
    graph = measured(lambda: run_graph(ledger, "large-1"))

    assert graph.truncated
    assert len(graph.nodes) == 10_000
