"""What executes step functions.

inline.py      right here, in the calling thread
executors.py   threads, worker processes, any `concurrent.futures.Executor`
chosen.py      from the text of a setting to a runtime, our own or a plugin's
"""

from artifact_plugins.runtimes.chosen import make_runtime
from artifact_plugins.runtimes.inline import InlineRuntime

__all__ = ["InlineRuntime", "make_runtime"]
