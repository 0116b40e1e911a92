"""The first pass over a pickle: every opcode and every name is on the list; nothing is built."""

from __future__ import annotations

from artifact_materializers.pickle.safe.listed import LISTED
from artifact_materializers.pickle.safe.makers import refuse
from artifact_materializers.pickle.safe.tokens import GETS, TEXTS, tokens


def look(stream: memoryview, *, buffers: int) -> None:
    """Look at a whole stream before anything of it is built.

    A name is only accepted when both its operands were pushed right before it
    as literal text, or fetched from memo slots that hold literal text.

    Args:
        stream: The pickle.
        buffers: How many buffers lie beside it.

    Raises:
        UnsafeFormatError: Something is off the list; says what.
    """
    memo: list[str | None] = []
    above: str | None = None  # the topmost value if it is literal text
    below: str | None = None  # the one under it
    taken = 0
    for name, argument in tokens(stream):
        if name == "MEMOIZE":
            memo.append(above)
            continue
        if name == "FRAME":
            continue
        if name == "STACK_GLOBAL":
            if above is None or below is None:
                refuse("a name that is not written as text")
            if (below, above) not in LISTED:
                refuse(f"the name {below[:100]}.{above[:100]}")
            below = above = None
            continue
        if name in TEXTS:
            below, above = above, argument
            continue
        if name in GETS:
            if argument >= len(memo):
                refuse("a memo slot that was never filled")
            below, above = above, memo[argument]
            continue
        if name == "NEXT_BUFFER":
            taken += 1
            if taken > buffers:
                refuse(f"more buffers than the {buffers} beside it")
        below = above = None
