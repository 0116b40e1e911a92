"""Questions over links: where a version comes from and what was made of it; read only.

The walk goes by version id: a version, the leaf task that made it, what that
task read, and so on. Groups (loops, branches, nested pipelines) expose values
of their leaves under further links; those are left out, since the leaves read
and write the very same version ids.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from artifact_plugins.ledger import Ledger
from artifact_plugins.records import (
    ArtifactTaskLink,
    ArtifactVersion,
    IOType,
    LinkQuery,
    Task,
    TaskQuery,
    TaskType,
    VersionQuery,
)

MAX_NODES = 10_000
_CHUNK = 500  # ids in one query
_PAGE = 1000
_TREE_LEVELS = 100
_VALUE_CHARACTERS = 60
_Kinds: TypeAlias = tuple[IOType, ...]
_OUTPUTS: _Kinds = tuple(kind for kind in IOType if kind.is_output)
_INPUTS: _Kinds = tuple(kind for kind in IOType if not kind.is_output)
_LEAVES = frozenset({TaskType.RUNTIME, TaskType.IMPORTER})


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A version, a task or a parameter value.

    Attributes:
        id: Of the version or task; of its link for a parameter.
        kind: Which of the three it is.
        version: The record of a version, else None.
        task: The record of a task, else None.
        value: The JSON value of a parameter, else None.
    """

    id: str
    kind: Literal["version", "task", "parameter"]
    version: ArtifactVersion | None = None
    task: Task | None = None
    value: Any = None

    @property
    def label(self) -> str:
        """A short name for people: `flights@3 (Dataset)`, `mean#2`, `"UA"`."""
        if self.version is not None:
            return f"{self.version} ({self.version.artifact_type})"
        if self.task is not None:
            index = self.task.iteration_index
            return self.task.name if index is None else f"{self.task.name}#{index}"
        text = json.dumps(self.value, ensure_ascii=False)
        return text if len(text) <= _VALUE_CHARACTERS else text[: _VALUE_CHARACTERS - 3] + "..."


@dataclass(frozen=True, slots=True)
class LineageEdge:
    """A link in the direction of the data: from `source` to `target` (node ids)."""

    source: str
    target: str
    link: ArtifactTaskLink


@dataclass(frozen=True, slots=True)
class LineageGraph:
    """What a walk found.

    Attributes:
        root: Id of the version that was asked about.
        nodes: Versions, tasks and parameters, nearest to the root first.
        edges: Links between them.
        is_upstream: Whether the walk went to where the root comes from.
        truncated: Whether it stopped at the limit of nodes.
    """

    root: str
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    is_upstream: bool
    truncated: bool

    def tree(self) -> str:
        """Return the graph as lines of text; a node is drawn in full once."""
        return "\n".join(f"{prefix}{text}" for prefix, text in self._lines())

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        names = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        shapes = {"version": ('["', '"]'), "task": ('(["', '"])'), "parameter": ('{{"', '"}}')}
        lines = ["flowchart LR"]
        for node in self.nodes:
            before, after = shapes[node.kind]
            lines.append(f"    {names[node.id]}{before}{_mermaid_text(node.label)}{after}")
        for edge in self.edges:
            text = _mermaid_text(_port(edge.link))
            lines.append(f'    {names[edge.source]} -->|"{text}"| {names[edge.target]}')
        if self.truncated:
            lines.append(f'    more["stopped after {len(self.nodes)} nodes"]')
        return "\n".join([*lines, "    style n0 stroke-width:3px", ""])

    def html(self) -> str:
        """Return one page that needs nothing else: no scripts, no other files."""
        direction = "Upstream" if self.is_upstream else "Downstream"
        title = html.escape(f"{direction} of {self.nodes[0].label}")
        lines = "\n".join(
            f'<div><span class="l">{html.escape(prefix)}</span>{html.escape(text)}</div>'
            for prefix, text in self._lines()
        )
        return _HTML.format(title=title, lines=lines, rows="\n".join(map(_html_row, self.nodes)))

    def to_json(self) -> dict[str, Any]:
        """Return the graph as JSON values; times are ISO 8601 in UTC."""
        return {
            "root": self.root,
            "direction": "upstream" if self.is_upstream else "downstream",
            "truncated": self.truncated,
            "nodes": [_node_json(node) for node in self.nodes],
            "edges": [
                {"source": e.source, "target": e.target, "link": e.link.model_dump(mode="json")}
                for e in self.edges
            ],
        }

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Draw the tree without recursion: a chain may be longer than Python's stack."""
        nodes = {node.id: node for node in self.nodes}
        below: dict[str, list[LineageEdge]] = {}
        for edge in self.edges:
            below.setdefault(edge.target if self.is_upstream else edge.source, []).append(edge)
        drawn = {self.root}
        yield "", nodes[self.root].label
        waiting = [(edge, "", 1) for edge in reversed(below.get(self.root, []))]
        last = {id(edges[-1]) for edges in below.values()}
        while waiting:
            edge, indent, level = waiting.pop()
            node = nodes[edge.source if self.is_upstream else edge.target]
            corner, bar = ("└── ", "    ") if id(edge) in last else ("├── ", "│   ")
            is_known = node.id in drawn
            drawn.add(node.id)
            text = _line(edge, node) + (" (see above)" if is_known else "")
            children = [] if is_known else below.get(node.id, [])
            if children and level >= _TREE_LEVELS:
                text, children = f"{text} ... (deeper levels are not drawn)", []
            yield indent + corner, text
            waiting += [(child, indent + bar, level + 1) for child in reversed(children)]
        if self.truncated:
            yield "", f"... stopped after {len(self.nodes)} nodes"


class Lineage:
    """Where one version comes from, and what was made of it.

    Args:
        ledger: Where the links are.
        version: Whose links to follow.
    """

    def __init__(self, ledger: Ledger, version: ArtifactVersion) -> None:
        self.version = version
        self._ledger = ledger

    def upstream(self, depth: int | None = None, *, max_nodes: int = MAX_NODES) -> LineageGraph:
        """Walk back to the parameters and source data.

        Args:
            depth: How many tasks to go back; None for all of them.
            max_nodes: Stop there; the graph then says `truncated`.
        """
        return _Walk(self._ledger, self.version, max_nodes).upstream(depth)

    def downstream(self, depth: int | None = None, *, max_nodes: int = MAX_NODES) -> LineageGraph:
        """Walk forward to everything that was made of it; arguments as `upstream`."""
        return _Walk(self._ledger, self.version, max_nodes).downstream(depth)


class _Walk:
    """One walk, level by level; the number of queries depends on the levels only."""

    def __init__(self, ledger: Ledger, root: ArtifactVersion, max_nodes: int) -> None:
        self._ledger = ledger
        self._root = root
        self._max_nodes = max_nodes
        self._nodes = {root.id: LineageNode(root.id, "version", version=root)}
        self._edges: dict[str, LineageEdge] = {}
        self._truncated = False

    def upstream(self, depth: int | None) -> LineageGraph:
        frontier = [self._root]
        while frontier and depth != 0 and not self._truncated:
            made = self._makers(frontier)
            links = self._links("task_ids", made, _INPUTS)
            frontier = self._add_versions(link.version_id for link in links)
            for link in links:
                self._add_input(link)
            depth = None if depth is None else depth - 1
        return self._graph(is_upstream=True)

    def downstream(self, depth: int | None) -> LineageGraph:
        frontier = [self._root]
        while frontier and depth != 0 and not self._truncated:
            reads = self._links("version_ids", [one.id for one in frontier], _INPUTS)
            leaves = self._leaves(link.task_id for link in reads)
            tasks = [task.id for task in leaves.values() if self._add_task(task)]
            for link in reads:
                self._add_input(link)
            writes = self._links("task_ids", tasks, _OUTPUTS)
            frontier = self._add_versions(link.version_id for link in writes)
            for link in writes:
                self._add_output(link)
            depth = None if depth is None else depth - 1
        return self._graph(is_upstream=False)

    def _makers(self, versions: list[ArtifactVersion]) -> list[str]:
        """Add the tasks that made these versions; return the new ones.

        A version knows its task. One that does not (it was there before) is
        shown with the first importer or step that brought it in; later cache
        hits and imports of the same version are uses of it, not its origin.
        """
        wanted = {version.id for version in versions}
        own = [version.task_id for version in versions if version.task_id is not None]
        writes = [
            link
            for link in self._links("task_ids", dict.fromkeys(own), _OUTPUTS)
            if link.version_id in wanted
        ]
        found = {link.version_id for link in writes}
        others = [version.id for version in versions if version.id not in found]
        writes += self._links("version_ids", others, _OUTPUTS)
        leaves = self._leaves(link.task_id for link in writes)
        made: set[str | None] = set()
        new = []
        for link in writes:
            task = leaves.get(link.task_id)
            if task is not None and link.version_id not in made:
                made.add(link.version_id)
                new += [task.id] if self._add_task(task) else []
                self._add_output(link)
        return new

    def _links(
        self, field: Literal["task_ids", "version_ids"], ids: Iterable[str], kinds: _Kinds
    ) -> list[ArtifactTaskLink]:
        found: list[ArtifactTaskLink] = []
        for chunk in _chunks(ids):
            chosen: dict[str, Any] = {field: chunk}
            query = LinkQuery(**chosen, io_types=kinds)
            token: str | None = ""
            while token is not None and not self._truncated:
                page = self._ledger.links(query, limit=_PAGE, page_token=token or None)
                found += page.items
                token = page.next_token
                self._truncated = len(found) > 4 * self._max_nodes
        return found

    def _leaves(self, ids: Iterable[str]) -> dict[str, Task]:
        chunks = _chunks(dict.fromkeys(ids))
        pages = (self._ledger.tasks(TaskQuery(ids=chunk), limit=_PAGE) for chunk in chunks)
        return {task.id: task for page in pages for task in page if task.type in _LEAVES}

    def _add_task(self, task: Task) -> bool:
        """Add a task; tell whether it is new."""
        if task.id in self._nodes or not self._has_room():
            return False
        self._nodes[task.id] = LineageNode(task.id, "task", task=task)
        return True

    def _add_versions(self, ids: Iterable[str | None]) -> list[ArtifactVersion]:
        new = []
        wanted = (one for one in dict.fromkeys(ids) if one is not None and one not in self._nodes)
        for chunk in _chunks(wanted):
            query = VersionQuery(ids=chunk)
            for version in self._ledger.versions(query, limit=_PAGE, newest_first=False):
                if self._has_room():
                    self._nodes[version.id] = LineageNode(version.id, "version", version=version)
                    new.append(version)
        return new

    def _add_input(self, link: ArtifactTaskLink) -> None:
        source = link.version_id or link.id
        if link.task_id not in self._nodes:
            return
        if link.version_id is None and self._has_room():
            self._nodes[source] = LineageNode(source, "parameter", value=link.value)
        if source in self._nodes:
            self._edges[link.id] = LineageEdge(source, link.task_id, link)

    def _add_output(self, link: ArtifactTaskLink) -> None:
        target = link.version_id
        if target is not None and target in self._nodes and link.task_id in self._nodes:
            self._edges[link.id] = LineageEdge(link.task_id, target, link)

    def _has_room(self) -> bool:
        if len(self._nodes) < self._max_nodes:
            return True
        self._truncated = True
        return False

    def _graph(self, *, is_upstream: bool) -> LineageGraph:
        return LineageGraph(
            root=self._root.id,
            nodes=tuple(self._nodes.values()),
            edges=tuple(self._edges.values()),
            is_upstream=is_upstream,
            truncated=self._truncated,
        )


def _chunks(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    every = tuple(ids)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]


def _port(link: ArtifactTaskLink) -> str:
    # `delays[2] COLLECTED_INPUTS from mean#2`
    is_list = link.position > 0 or link.io_type is IOType.COLLECTED_INPUTS
    key = f"{link.key}[{link.position}]" if is_list else link.key
    producer = "" if link.io_type.is_output or not str(link.producer) else f" from {link.producer}"
    return f"{key} {link.io_type.value}{producer}"


def _line(edge: LineageEdge, node: LineageNode) -> str:
    port = _port(edge.link)
    if node.task is not None:
        return f"{node.label} [{node.task.state.value}] ({port})"
    if node.version is not None:
        return f"{node.label} ({port})"
    key, _, rest = port.partition(" ")
    return f"{key} = {node.label} ({rest})"


def _mermaid_text(text: str) -> str:
    # Mermaid has its own entity codes; everything that could end a label is one.
    return "".join(c if c.isalnum() or c in " _-.@=,/" else f"#{ord(c)};" for c in text)


def _node_json(node: LineageNode) -> dict[str, Any]:
    record = node.version or node.task
    kind, content = (
        ("value", node.value) if record is None else (node.kind, record.model_dump(mode="json"))
    )
    return {"id": node.id, "kind": node.kind, "label": node.label, kind: content}


def _html_row(node: LineageNode) -> str:
    version, task = node.version, node.task
    if version is not None:
        facts = f"{version.data_type}, {version.size_bytes} bytes, {version.created_at:%F %T} UTC"
    elif task is not None:
        facts = f"{task.type.value}, {task.state.value}, {task.scope_path}"
    else:
        facts = json.dumps(node.value, ensure_ascii=False)
    cells = (node.kind, node.label, facts, node.id)
    row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f'<tr class="{node.kind}">{row}</tr>'


_HTML = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2733; background: #fff }}
.tree {{ font: 13px/1.45 ui-monospace, monospace; white-space: pre; overflow-x: auto }}
.tree div:first-child {{ font-weight: bold }}
.l {{ color: #93a1af }}
table {{ border-collapse: collapse; margin-top: 1.5rem }}
td, th {{ text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #e6ebf0 }}
td {{ vertical-align: top; overflow-wrap: anywhere }}
.version {{ color: #1a6aa8 }} .task {{ color: #8a4fa3 }} .parameter {{ color: #5b6b2f }}
</style>
</head><body>
<h1>{title}</h1>
<div class="tree">
{lines}
</div>
<table>
<tr><th>kind</th><th>name</th><th>facts</th><th>id</th></tr>
{rows}
</table>
</body></html>
"""
