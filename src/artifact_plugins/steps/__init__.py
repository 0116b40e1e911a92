"""Steps, pipelines and runs: when things happen, and which link that makes.

step.py        Step: the decorator; .map and .partial
pipeline.py    Pipeline, start_run: a body that runs as one run
nested.py      a pipeline in a pipeline; branches.py: one_of; exits.py: exit steps
loop.py        map, for_each: one LOOP task, iterations inside
ports.py       Output, Input, Lazy: what annotations may say
signature.py   the inputs and outputs of a step, read once at decoration
handles.py     Handle, FanOut, OutputHandles: what a step call returns in a run; value
views.py       what a value looks like from where it is used
scopes.py      Group, Scope: names, what is handed down, what leaves (rules R3 to R6)
groups.py      groups open, results leave them, they close
bindings.py    arguments become input links (rules R1, R4-R9)
call.py        one step call: open, run, commit, tell
job.py         inputs, function, outputs, wherever it runs
lanes.py       where that is; async_lane.py: in an event loop; remote.py: in another process
scheduler.py   starts calls when their inputs are there
inside.py      ActiveTask: what a step function may ask for
active.py      ActiveRun: what is running, and the records it writes
outgoing.py    records gather and become visible in batches; writing.py: who commits now
story.py       everything of one run as one document in the store
front.py       save, load, register, log_artifact, ...: the functions of the front door
migrating.py   old versions written anew in another form; conversion.py: by what, with which options
result.py      PipelineRun: what a run gives its caller
"""

from artifact_plugins.session import open_session
from artifact_plugins.steps.branches import one_of
from artifact_plugins.steps.exits import exit_handler
from artifact_plugins.steps.front import (
    current_task,
    for_each,
    lineage,
    links,
    load,
    load_artifact,
    log_artifact,
    log_metadata,
    migrate,
    register,
    runs,
    save,
    tasks,
    versions,
)
from artifact_plugins.steps.handles import value
from artifact_plugins.steps.pipeline import Pipeline, pipeline, start_run
from artifact_plugins.steps.ports import Input, Lazy, Output
from artifact_plugins.steps.result import PipelineRun
from artifact_plugins.steps.step import Step, step

__all__ = [
    "Input",
    "Lazy",
    "Output",
    "Pipeline",
    "PipelineRun",
    "Step",
    "current_task",
    "exit_handler",
    "for_each",
    "lineage",
    "links",
    "load",
    "load_artifact",
    "log_artifact",
    "log_metadata",
    "migrate",
    "one_of",
    "open_session",
    "pipeline",
    "register",
    "runs",
    "save",
    "tasks",
    "versions",
    "start_run",
    "step",
    "value",
]
