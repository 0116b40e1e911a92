"""The messages of the API: their fields, kinds and which of them keep presence.

A message value is a dict by proto name that holds only what was given.
`optional` fields are told apart from their zero; all others are not.

Source:
    The swagger files of kubeflow/pipelines, pull request 13986 at 6585b5143d67.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from artifact_plugins.records import IOType

Kind = Literal[
    "string", "int32", "int64", "double", "bool", "enum", "time", "message", "value", "struct"
]
Dialect = Literal["M", "S"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        is_optional: Whether an empty value differs from a missing one.
        is_map: Whether it is a map from text to `message`.
        names: Of an enum: its names by number.
    """

    kind: Kind
    is_list: bool = False
    is_optional: bool = False
    is_map: bool = False
    names: tuple[str, ...] = ()
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message and its fields by proto name.

    Attributes:
        spelled: The proto name of each accepted spelling: its own and camelCase.
    """

    name: str
    fields: Mapping[str, Field]
    spelled: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        spelled = {camel(name): name for name in self.fields}
        object.__setattr__(self, "spelled", spelled | {name: name for name in self.fields})


def camel(name: str) -> str:
    """Return the camelCase spelling of a proto name."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


STRING = Field("string")
OPTIONAL_STRING = Field("string", is_optional=True)
INT32, INT64, OPTIONAL_INT64 = Field("int32"), Field("int64"), Field("int64", is_optional=True)
BOOL, OPTIONAL_BOOL = Field("bool"), Field("bool", is_optional=True)
TIME, VALUE, STRUCT = Field("time"), Field("value"), Field("struct")

IO_TYPES = ("UNSPECIFIED", *(str(kind) for kind in IOType))
ARTIFACT_TYPES = (
    "TYPE_UNSPECIFIED",
    "Artifact",
    "Model",
    "Dataset",
    "HTML",
    "Markdown",
    "Metric",
    "ClassificationMetric",
    "SlicedClassificationMetric",
)
TASK_STATES = (
    "RUNTIME_STATE_UNSPECIFIED",
    "RUNNING",
    "SUCCEEDED",
    "SKIPPED",
    "FAILED",
    "CACHED",
)
TASK_TYPES = (
    "TASK_TYPE_UNSPECIFIED",
    "ROOT",
    "RUNTIME",
    "CONDITION_BRANCH",
    "CONDITION",
    "LOOP",
    "EXIT_HANDLER",
    "IMPORTER",
    "DAG",
)
RUN_STATES = (
    "RUNTIME_STATE_UNSPECIFIED",
    "PENDING",
    "RUNNING",
    "SUCCEEDED",
    "SKIPPED",
    "FAILED",
    "CANCELING",
    "CANCELED",
    "PAUSED",
)
STORAGE_STATES = ("STORAGE_STATE_UNSPECIFIED", "AVAILABLE", "ARCHIVED")


def of(message: Message) -> Field:
    """Return the field type of one message."""
    return Field("message", message=message)


def many(message: Message) -> Field:
    """Return the field type of a list of messages."""
    return Field("message", is_list=True, message=message)


def one_of(names: tuple[str, ...]) -> Field:
    """Return the field type of an enum."""
    return Field("enum", names=names)


IO_TYPE = one_of(IO_TYPES)
PRODUCER = Message("IOProducer", {"task_name": STRING, "iteration": OPTIONAL_INT64})
ARTIFACT = Message(
    "Artifact",
    {
        "artifact_id": STRING,
        "name": STRING,
        "description": STRING,
        "type": one_of(ARTIFACT_TYPES),
        "uri": OPTIONAL_STRING,
        "metadata": STRUCT,
        "number_value": Field("double", is_optional=True),
        "created_at": TIME,
        "namespace": STRING,
    },
)
_CREATE_ARTIFACT = {
    "artifact": of(ARTIFACT),
    "run_id": STRING,
    "task_id": STRING,
    "producer_key": STRING,
    "iteration_index": OPTIONAL_INT64,
}
CREATE_ARTIFACT: Mapping[Dialect, Message] = {
    "M": Message("CreateArtifactRequest", {**_CREATE_ARTIFACT, "reuse_if_exists": BOOL}),
    "S": Message("CreateArtifactRequest", {**_CREATE_ARTIFACT, "type": IO_TYPE}),
}
CREATE_ARTIFACTS: Mapping[Dialect, Message] = {
    dialect: Message("CreateArtifactsBulkRequest", {"artifacts": many(message)})
    for dialect, message in CREATE_ARTIFACT.items()
}
ARTIFACTS = Message("CreateArtifactsBulkResponse", {"artifacts": many(ARTIFACT)})
ARTIFACT_TASK = Message(
    "ArtifactTask",
    {
        "id": STRING,
        "artifact_id": STRING,
        "run_id": STRING,
        "task_id": STRING,
        "type": IO_TYPE,
        "producer": of(PRODUCER),
        "key": STRING,
    },
)
CREATE_ARTIFACT_TASK = Message("CreateArtifactTaskRequest", {"artifact_task": of(ARTIFACT_TASK)})
ARTIFACT_TASKS = Message("CreateArtifactTasksBulkRequest", {"artifact_tasks": many(ARTIFACT_TASK)})
_PAGE = {"total_size": INT32, "next_page_token": STRING}
ARTIFACT_PAGE = Message("ListArtifactResponse", {"artifacts": many(ARTIFACT), **_PAGE})
ARTIFACT_TASK_PAGE = Message(
    "ListArtifactTasksResponse", {"artifact_tasks": many(ARTIFACT_TASK), **_PAGE}
)

IO_PARAMETER = Message(
    "IOParameter",
    {"value": VALUE, "type": IO_TYPE, "parameter_key": STRING, "producer": of(PRODUCER)},
)
IO_ARTIFACT = Message(
    "IOArtifact",
    {
        "artifacts": many(ARTIFACT),
        "type": IO_TYPE,
        "artifact_key": STRING,
        "producer": of(PRODUCER),
    },
)
INPUT_OUTPUTS = Message(
    "InputOutputs", {"parameters": many(IO_PARAMETER), "artifacts": many(IO_ARTIFACT)}
)
STATUS = Message(
    "Status", {"code": INT32, "message": STRING, "details": Field("struct", is_list=True)}
)
TASK_POD = Message(
    "TaskPod",
    {"name": STRING, "uid": STRING, "type": one_of(("UNSPECIFIED", "DRIVER", "EXECUTOR"))},
)
TASK_STATUS = Message(
    "TaskStatus", {"update_time": TIME, "state": one_of(TASK_STATES), "error": of(STATUS)}
)
TASK = Message(
    "PipelineTask",
    {
        "name": STRING,
        "display_name": STRING,
        "task_id": STRING,
        "run_id": STRING,
        "pods": many(TASK_POD),
        "cache_fingerprint": STRING,
        "create_time": TIME,
        "end_time": TIME,
        "state": one_of(TASK_STATES),
        "status_metadata": of(
            Message("StatusMetadata", {"message": STRING, "custom_properties": STRUCT})
        ),
        "state_history": many(TASK_STATUS),
        "type": one_of(TASK_TYPES),
        "type_attributes": of(
            Message(
                "TypeAttributes",
                {
                    "iteration_index": OPTIONAL_INT64,
                    "iteration_count": OPTIONAL_INT64,
                    "download_to_workspace": OPTIONAL_BOOL,
                },
            )
        ),
        "parent_task_id": OPTIONAL_STRING,
        "child_tasks": many(Message("ChildTask", {"task_id": STRING, "name": STRING})),
        "inputs": of(INPUT_OUTPUTS),
        "outputs": of(INPUT_OUTPUTS),
        "scope_path": STRING,
    },
)
TASK_MAP = Message("UpdateTasksBulkBody", {"tasks": Field("message", is_map=True, message=TASK)})
TASK_PAGE = Message("ListTasksResponse", {"tasks": many(TASK), **_PAGE})
FIND_CACHED = Message("FindCachedTaskRequest", {"namespace": STRING, "cache_fingerprint": STRING})
FOUND_CACHED = Message("FindCachedTaskResponse", {"task": of(TASK)})

_PIPELINE = Message(
    "PipelineVersionReference", {"pipeline_id": STRING, "pipeline_version_id": STRING}
)
RUN = Message(
    "Run",
    {
        "experiment_id": STRING,
        "run_id": STRING,
        "display_name": STRING,
        "storage_state": one_of(STORAGE_STATES),
        "description": STRING,
        "pipeline_version_id": OPTIONAL_STRING,
        "pipeline_spec": STRUCT,
        "pipeline_version_reference": of(_PIPELINE),
        "runtime_config": of(
            Message("RuntimeConfig", {"parameters": STRUCT, "pipeline_root": STRING})
        ),
        "service_account": STRING,
        "created_at": TIME,
        "scheduled_at": TIME,
        "finished_at": TIME,
        "state": one_of(RUN_STATES),
        "error": of(STATUS),
        "run_details": of(
            Message("RunDetails", {"pipeline_context_id": INT64, "pipeline_run_context_id": INT64})
        ),
        "recurring_run_id": STRING,
        "state_history": many(
            Message(
                "RuntimeStatus",
                {"update_time": TIME, "state": one_of(RUN_STATES), "error": of(STATUS)},
            )
        ),
        "plugins_input": STRUCT,
        "plugins_output": STRUCT,
        "pipeline_reference": of(_PIPELINE),
        "task_count": INT32,
        "tasks": many(TASK),
    },
)
RUN_PAGE = Message("ListRunsResponse", {"runs": many(RUN), **_PAGE})
EXPERIMENT = Message(
    "Experiment",
    {
        "experiment_id": STRING,
        "display_name": STRING,
        "description": STRING,
        "created_at": TIME,
        "namespace": STRING,
        "storage_state": one_of(STORAGE_STATES),
        "last_run_created_at": TIME,
    },
)
EXPERIMENT_PAGE = Message("ListExperimentsResponse", {"experiments": many(EXPERIMENT), **_PAGE})
HEALTH = Message(
    "GetHealthzResponse",
    {"commit_sha": STRING, "tag_name": STRING, "multi_user": BOOL, "pipeline_store": STRING},
)
EMPTY = Message("Empty", {})

_PREDICATE_VALUES = {
    "int_value": Field("int32", is_optional=True),
    "long_value": OPTIONAL_INT64,
    "string_value": OPTIONAL_STRING,
    "timestamp_value": Field("time", is_optional=True),
    "int_values": of(Message("IntValues", {"values": Field("int32", is_list=True)})),
    "long_values": of(Message("LongValues", {"values": Field("int64", is_list=True)})),
    "string_values": of(Message("StringValues", {"values": Field("string", is_list=True)})),
}
OPERATIONS = (
    "OPERATION_UNSPECIFIED",
    "EQUALS",
    "NOT_EQUALS",
    "GREATER_THAN",
    "",
    "GREATER_THAN_EQUALS",
    "LESS_THAN",
    "LESS_THAN_EQUALS",
    "IN",
    "IS_SUBSTRING",
)
PREDICATE_VALUES = tuple(_PREDICATE_VALUES)
FILTER = Message(
    "Filter",
    {
        "predicates": many(
            Message(
                "Predicate",
                {"operation": one_of(OPERATIONS), "key": STRING, **_PREDICATE_VALUES},
            )
        )
    },
)
