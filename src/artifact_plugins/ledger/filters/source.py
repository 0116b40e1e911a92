"""An expression as it was written: bounded, parsed by the stdlib, with a place for each error."""

from __future__ import annotations

import ast
import difflib
import io
import re
import tokenize
import unicodedata
from collections.abc import Iterable

from artifact_plugins.errors import QueryError
from artifact_plugins.syntax import parse

MAX_LENGTH = 10_000
MAX_NODES = 2_000
MAX_DEPTH = 50

_SHOWN = 100  # characters of a long expression around the caret
_SPACES = str.maketrans(dict.fromkeys("\t\n\r\f\v", " "))
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# What Python itself only warns about, and would take for a backslash.
_ESCAPE = re.compile(r"\\(.?)")
_ESCAPES = frozenset("\\'\"abfnrtvxuUN01234567")

Place = ast.AST | tuple[int, int]


class Source:
    """The text of a filter or an order.

    Attributes:
        text: On one line, without spaces around it.
        what: What it is, for messages.
    """

    def __init__(self, text: object, what: str) -> None:
        self.what = what
        if not isinstance(text, str):
            raise QueryError(
                f"a {what} is text, not {type(text).__name__}", hint="nothing was asked"
            )
        # Outside of text a line break is a space; inside it would be changed.
        self._has_lines = "\n" in text or "\r" in text
        self.text = str.__str__(text).strip().translate(_SPACES)
        if len(self.text) > MAX_LENGTH:
            raise QueryError(
                f"the {what} has {len(self.text)} characters, {MAX_LENGTH} are allowed",
                hint="hand long lists over in `values`",
            )

    def parse(self) -> ast.expr:
        """Return the tree of the stdlib; nothing in it is known to be allowed.

        Raises:
            QueryError: It is no Python expression, or too much of one.
        """
        self._refuse_unclear()
        try:
            tree = parse(self.text, "eval").body
        except SyntaxError as error:
            raise self._syntax(error) from None
        except ValueError:
            raise self._too_much() from None
        self._refuse_large(tree)
        return tree

    def refuse(self, place: Place, message: str, hint: str = "") -> QueryError:
        """Return the error for a place of the expression."""
        start, end = self._span(place)
        return QueryError(
            message,
            hint=hint,
            expression=self.text,
            column=start + 1,
            picture=draw(self.text, start, end),
        )

    def written(self, place: ast.AST) -> str:
        """Return the text of a node, shortened."""
        start, end = self._span(place)
        text = self.text[start:end]
        return text if len(text) <= 40 else text[:37] + "..."

    def _span(self, place: Place) -> tuple[int, int]:
        if isinstance(place, tuple):
            return place
        encoded = self.text.encode()
        start = getattr(place, "col_offset", 0)
        end = getattr(place, "end_col_offset", None) or start + 1
        # The stdlib counts bytes of UTF-8.
        return len(encoded[:start].decode()), len(encoded[:end].decode())

    def _refuse_unclear(self) -> None:
        found = _CONTROL.search(self.text)
        if found is not None:
            raise self.refuse(
                found.span(),
                f"the {self.what} holds {found[0]!a}",
                "control characters and lone surrogates are in no record",
            )
        for escape in _ESCAPE.finditer(self.text):
            if escape[1] not in _ESCAPES or not escape[1]:
                raise self.refuse(
                    escape.span(), f"{escape[0]} is no escape", r"write \\ for a backslash"
                )
        if self._has_lines and ('"""' in self.text or "'''" in self.text):
            at = max(self.text.find('"""'), self.text.find("'''"))
            raise self.refuse((at, at + 3), "text ends on the line on which it starts")
        if "#" in self.text:
            self._refuse_comment()

    def _refuse_comment(self) -> None:
        # The parser drops comments, and with them whatever stood on the lines below.
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
                if token.type == tokenize.COMMENT:
                    span = (token.start[1], token.end[1])
                    raise self.refuse(span, "a filter has no comments", "quote a text that has '#'")
        except (tokenize.TokenError, SyntaxError):
            return  # the parser says it better

    def _syntax(self, error: SyntaxError) -> QueryError:
        # Offset 0, or none, is the end of an expression that stops too early.
        start = min((error.offset or len(self.text) + 1) - 1, len(self.text))
        end = (error.end_offset or 0) - 1
        end = min(end, len(self.text)) if end > start else start + 1
        if not self.text:
            return self.refuse((0, 1), f"the {self.what} is empty")
        hint = ""
        if "==" in error.msg or self.text[start:].startswith("="):
            hint = "'==' compares"
        elif re.search(r"&&|\|\||<>|!(?!=)", self.text) or re.search(
            r"\b(AND|OR|NOT|LIKE|IS|IN|NULL)\b", self.text
        ):
            hint = "it is written as in Python: ==, !=, <, in, is None, and, or, not"
        return self.refuse((start, end), f"the {self.what} is no expression: {error.msg}", hint)

    def _refuse_large(self, tree: ast.expr) -> None:
        count = 0
        level: list[ast.AST] = [tree]
        for _ in range(MAX_DEPTH):
            count += len(level)
            if count > MAX_NODES:
                break
            level = [
                child
                for node in level
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.expr | ast.keyword | ast.comprehension | ast.arguments)
            ]
            if not level:
                return
        raise self._too_much()

    def _too_much(self) -> QueryError:
        return self.refuse(
            (0, 1),
            f"the {self.what} is nested deeper than {MAX_DEPTH} levels or has more than "
            f"{MAX_NODES} parts",
            "hand long lists over in `values`",
        )


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint that names what is like `name`, or all there is."""
    names = sorted(known)
    lower = {one.lower(): one for one in names}
    found = difflib.get_close_matches(name.lower(), lower, n=2, cutoff=0.6)
    found = found or [one for one in lower if one.startswith(f"{name.lower()}_")]
    if found:
        return f"did you mean {' or '.join(repr(lower[one]) for one in found)}?"
    return f"there is {', '.join(names)}"


def draw(text: str, start: int, end: int) -> str:
    """Return the text with carets under the characters from `start` to `end`, in two lines."""
    first = max(0, min(start - _SHOWN // 2, len(text) - _SHOWN))
    last = min(len(text), first + _SHOWN)
    before = "..." if first else ""
    after = "..." if last < len(text) else ""
    shown = "".join(map(_shown, text[first:last]))
    indent = " " * (len(before) + sum(map(_width, text[first:start])))
    carets = "^" * max(1, sum(map(_width, text[start : min(end, last)])))
    return f"    {before}{shown}{after}\n    {indent}{carets}"


def _shown(character: str) -> str:
    if character.isprintable() or character == " ":
        return character
    return "\N{REPLACEMENT CHARACTER}"


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
