"""Questions over links: where a version comes from and what was made of it; read only.

The walk goes by version id: a version, the leaf task that made it, what that
task read, and so on. Groups (loops, branches, nested pipelines) expose values
of their leaves under further links; those are left out, since the leaves read
and write the very same version ids. So are the outputs of a task that hands on
a version which it read.

lineage.py    Lineage: the questions about one version; run_graph: a whole run
records.py    LineageGraph, LineageNode, LineageEdge: what a walk found
walk.py       the walks, level by level and bounded; budget.py: how far
reading.py    what a walk asks the ledger
between.py    the ways from one version to another; whole_run.py: the links of a run
labels.py     how links and nodes are written for people
tree.py, mermaid.py, page.py, document.py
              one drawing each: text, Mermaid, HTML, JSON
"""

from artifact_plugins.lineage_graph.budget import MAX_NODES
from artifact_plugins.lineage_graph.lineage import Lineage, run_graph
from artifact_plugins.lineage_graph.records import LineageEdge, LineageGraph, LineageNode

__all__ = ["MAX_NODES", "Lineage", "LineageEdge", "LineageGraph", "LineageNode", "run_graph"]
