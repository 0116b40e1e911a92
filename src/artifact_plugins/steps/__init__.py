"""Steps, pipelines and runs: when things happen, and which link that makes.

step.py        Step: the decorator; .map and .partial
pipeline.py    Pipeline, start_run: a body that runs as one run
ports.py       Output, Input, Lazy: what annotations may say
signature.py   the inputs and outputs of a step, read once at decoration
handles.py     Handle, FanOut, OutputHandles: what a step call returns in a run; value
active.py      ActiveRun, ActiveTask: what is running, and the records it writes
opening.py     RUNNING tasks become visible when they last
story.py       everything of one run as one document in the store
bindings.py    arguments become input links (links.md rules R1, R4-R9)
call.py        the stages of one step call
loop.py        map: one LOOP task, one task per iteration
front.py       save, load, register, log_artifact, ...: the functions of the front door
result.py      PipelineRun: what a run gives its caller
"""

from artifact_plugins.session import open_session
from artifact_plugins.steps.front import (
    current_task,
    lineage,
    load,
    load_artifact,
    log_artifact,
    log_metadata,
    register,
    save,
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
    "lineage",
    "load",
    "load_artifact",
    "log_artifact",
    "log_metadata",
    "open_session",
    "pipeline",
    "register",
    "save",
    "start_run",
    "step",
    "value",
]
