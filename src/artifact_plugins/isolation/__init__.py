"""ISOLATION: load a version in the environment that wrote it, in another process.

Asked for with `isolation="uv"`, when the recorded libraries do not fit the
installed ones. `uv` builds the recorded environment once; a child process runs
the archived code there under its real names and sends the value back as data:
Arrow, npy or JSON, written and read by the installed materializers. A value that
is no data, a model, stays in the child and answers calls through `IsolatedValue`.

loading.py       load_isolated: the whole way
work.py          Work and Limits: what is to be loaded, and what the child may use
value.py         IsolatedValue: a value that stays in the child
environments.py  environments on disk: built once, published whole, checked before use
requirements.py  what a recorded environment is made of
uv.py            finding and running uv
killing.py       a process ends with everything it started
exchange.py      values as files of data-only formats, on both sides
wire.py          messages between the two processes, read with limits
process.py       the child: started, asked, killed with everything it started

child.py         the script that the child runs
serving.py       in the child: archived code loads, and answers calls
limits.py        in the child: what it may use
running.py       in the child: the running packages, beside archived code of the same name

The child is no sandbox. Its limits keep a mistake from hurting; whether code may
run at all is decided before, by whom the reader trusts.
"""

from artifact_plugins.isolation.loading import load_isolated
from artifact_plugins.isolation.value import IsolatedValue
from artifact_plugins.isolation.work import Limits, Work

__all__ = ["IsolatedValue", "Limits", "Work", "load_isolated"]
