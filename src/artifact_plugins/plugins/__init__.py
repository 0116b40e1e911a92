"""Who takes part: installed plugins, their hooks, and which materializer handles a type.

discovery.py     entry points of our group, one distribution per name
offers.py        what a plugin answered, checked
loading.py       load_plugins: one plugin after the other, broken ones named
registry.py      PluginRegistry, LoadedPlugin: offers, hooks, observers in isolation
kinds.py         families of classes without a common base: dataclass, enum, ...
index.py         which offers claim a class, level by level; imports nothing
choice.py        Choice: the materializer taken, its class loaded at first use
task_choice.py   TaskChoice: the artifact task taken, its class loaded at first use
task_index.py    TaskIndex: artifact tasks by name, class and the settings
resolver.py      Resolver: type to materializer, the same on every machine
explanation.py   Explanation: the walk as records and as text
refusals.py      the errors of a resolution, and what to do about each
"""

from artifact_plugins.plugins.choice import Choice
from artifact_plugins.plugins.explanation import Explanation, Step
from artifact_plugins.plugins.loading import load_plugins
from artifact_plugins.plugins.registry import LoadedPlugin, PluginRegistry
from artifact_plugins.plugins.resolver import Resolver
from artifact_plugins.plugins.task_choice import TASK_PREFIX, TaskChoice
from artifact_plugins.plugins.task_index import MATERIALIZER_PREFIX, TaskIndex, split_overrides

__all__ = [
    "MATERIALIZER_PREFIX",
    "TASK_PREFIX",
    "Choice",
    "Explanation",
    "LoadedPlugin",
    "PluginRegistry",
    "Resolver",
    "Step",
    "TaskChoice",
    "TaskIndex",
    "load_plugins",
    "split_overrides",
]
