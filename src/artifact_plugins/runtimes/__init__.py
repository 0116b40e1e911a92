"""What executes step functions.

inline.py   right here, in the calling thread
"""

from artifact_plugins.runtimes.inline import InlineRuntime, make_runtime

__all__ = ["InlineRuntime", "make_runtime"]
