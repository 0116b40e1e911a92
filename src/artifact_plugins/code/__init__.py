"""What code a function runs: its digest, and what differs between two.

digest.py       digest_function, CodeDigest: the public door; remembers the last look
difference.py   explain_difference: two digests in words
reach.py        Walk: from one callable to everything that decides what it does
names.py        what the names in a function stand for now: helpers, constants, modules
classes.py      what a class definition says beside its methods
wrappers.py     methods, partials, steps, what decorators leave: things around a function
constants.py    plain data as bytes, the same in every process; shown.py: as short text
ownership.py    first-party, a library's or Python's; libraries.py: which version
reading.py      the source of a function, remembered by its code object
source.py       finds source and checks that it is the source of this very code
canonical.py    source without comments, prints and the like, and the names in it
bytecode.py     the same for code without source
watch.py        what was read, so that a second look is cheap
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from artifact_plugins.late import late_names

if TYPE_CHECKING:
    from artifact_plugins.code.difference import explain_difference as explain_difference
    from artifact_plugins.code.digest import CodeDigest as CodeDigest
    from artifact_plugins.code.digest import digest_function as digest_function

# Looked up at first use: whose code a module is can be asked without reading any.
_NAMES = {
    "difference": ("explain_difference",),
    "digest": ("CodeDigest", "digest_function"),
}

if not TYPE_CHECKING:  # a type checker must not believe that every name exists
    __all__, __getattr__, __dir__ = late_names(globals(), _NAMES)
