"""The links of a run as another system would have recorded them; pure functions of records.

kfp_records.py   KfpRun, KfpTask, KfpParameter, CleanRun
kfp_write.py     render_kfp, KfpRendering: our links -> what Kubeflow Pipelines would have written
kfp_read.py      read_kfp: either form -> our links, as far as they are determined
kfp_rows.py      task rows of KFP -> tasks, and their parameters -> links
tree.py          who is whose parent and sibling, and where a value was written and read
"""

from artifact_plugins.compat.kfp_read import read_kfp
from artifact_plugins.compat.kfp_records import CleanRun, KfpParameter, KfpRun, KfpTask, KfpTaskType
from artifact_plugins.compat.kfp_write import KfpRendering, render_kfp

__all__ = [
    "CleanRun",
    "KfpParameter",
    "KfpRendering",
    "KfpRun",
    "KfpTask",
    "KfpTaskType",
    "read_kfp",
    "render_kfp",
]
