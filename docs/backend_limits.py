"""What each system cannot hold, and what becomes of it: the limits are those of the code."""

from __future__ import annotations

from artifact_integrations.dioptra.backend import inputs, lines, metrics, naming, tracking
from artifact_integrations.kfp import limits as kfp
from artifact_integrations.kfp import tasks
from artifact_integrations.mlte import ids
from artifact_integrations.zenml import fields, sources, stores

_REFUSED = "refused: a dead letter that says so"
_KEPT = "left out there; our record carries it"

ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("KFP", "name of a run, task or artifact", f"{kfp.NAME_MAX:,} characters", "ends in a digest"),
    ("KFP", "key of a link", f"{kfp.KEY_MAX:,} characters", "ends in a digest"),
    ("KFP", "URI of a version", f"{kfp.URI_MAX:,} characters", f"{_REFUSED}; `data:` is left out"),
    ("KFP", "namespace", f"{kfp.NAMESPACE_MAX:,} characters", _REFUSED),
    ("KFP", "whole numbers in values", f"±{kfp.EXACT_INT_MAX:,}", "sent as text"),
    ("KFP", "links sent with a task at once", f"{tasks.LINKS_MAX:,}", "more go in batches"),
    ("ZenML", "key of metadata", f"{fields.KEY_CHARACTERS:,} characters", "cut; `:` becomes `.`"),
    ("ZenML", "value of metadata", f"{fields._VALUE_CHARACTERS:,} characters of JSON", _KEPT),
    ("ZenML", "None as a value of metadata", "none", _KEPT),
    ("ZenML", "name of a step", f"{sources._NAME_CHARACTERS:,} characters", "ends in a digest"),
    ("ZenML", "tag that reads as a UUID", "none", _KEPT),
    ("ZenML", "URI of a version", f"{stores._URI_CHARACTERS:,} characters", "our id instead"),
    ("Dioptra", "name of a resource or file", f"{naming._MAX:,} characters", "ends in a digest"),
    (
        "Dioptra",
        "record in a description",
        f"{lines.LINE_MAX_BYTES:,} bytes",
        "a file in the MLflow run carries it",
    ),
    ("Dioptra", "collected input of a job", f"{inputs.LIST_MAX} versions", "in `run.json` only"),
    ("Dioptra", "metrics of a task", f"{metrics.METRICS_MAX} numbers", "in our record only"),
    ("Dioptra", "tag of an MLflow run", f"{tracking._TAG_MAX:,} characters", "cut"),
    (
        "MLTE",
        "id of a model, version or document",
        f"{ids._MAX_CHARACTERS} ASCII letters and digits",
        "other characters as `=XX`; a longer one ends in a digest",
    ),
)
