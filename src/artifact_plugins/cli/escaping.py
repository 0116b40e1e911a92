"""Makes stored text safe to show: no control characters, escape sequences or hidden directions."""

from __future__ import annotations

import re

# Text that changes what a terminal shows besides itself: C0 and C1 controls,
# marks of direction, invisible and format characters, line separators, lone
# surrogates and tag characters. Joiners (200C, 200D) stay: scripts need them.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff]"
)


def escaped(text: str, *, keep_lines: bool = False) -> str:
    r"""Return `text` with every hidden character as `\x1b` or `\u202e`.

    Args:
        keep_lines: Line ends and tabs (as four spaces) stay.
    """
    if text.isprintable():
        return text
    if keep_lines:
        lines = text.replace("\t", "    ").splitlines()
        return "\n".join(_HIDDEN.sub(_escape, line) for line in lines)
    return _HIDDEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape", "backslashreplace").decode("ascii")
