"""The graph as one HTML page that opens offline: no scripts, no other files."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

from artifact_plugins.lineage_graph.labels import title
from artifact_plugins.lineage_graph.tree import lines

if TYPE_CHECKING:
    from artifact_plugins.lineage_graph.records import LineageGraph, LineageNode


def draw(graph: LineageGraph) -> str:
    """Return the page; every name and value in it is escaped."""
    drawn = "\n".join(
        f'<div><span class="l">{html.escape(prefix)}</span>{html.escape(text)}</div>'
        for prefix, text in lines(graph)
    )
    rows = "\n".join(map(_row, graph.nodes))
    return _PAGE.format(title=html.escape(title(graph)), lines=drawn, rows=rows)


def _row(node: LineageNode) -> str:
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


_PAGE = """<!DOCTYPE html>
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
