"""What the source of a function says, remembered for as long as its code object is used."""

from __future__ import annotations

import ast
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from artifact_plugins.code.bytecode import global_names, without_source
from artifact_plugins.code.canonical import (
    Canonical,
    Chain,
    Rules,
    decorator_chain,
    statement_callees,
    write,
)
from artifact_plugins.code.source import function_node

_KEPT = 4096


@dataclass(slots=True)
class Reading:
    """A function as it was found.

    Attributes:
        node: Its syntax; None when there is no source.
        names: Names its body looks up in the module or in an enclosing function.
        callees: What its statements call.
        decorators: Names of its decorators.
    """

    code: CodeType
    node: ast.AST | None
    names: frozenset[str]
    callees: frozenset[Chain] = frozenset()
    decorators: frozenset[Chain] = frozenset()
    _written: dict[Rules, Canonical] = field(default_factory=dict)

    def canonical(self, rules: Rules) -> Canonical:
        """Return the canonical source under some rules; compiled code has no rules."""
        if rules not in self._written:
            self._written[rules] = self._write(rules)
        return self._written[rules]

    def _write(self, rules: Rules) -> Canonical:
        if self.node is None:
            return without_source(self.code)
        try:
            return write(self.node, rules)
        except RecursionError:  # an expression of a thousand terms
            self.node = None
            return without_source(self.code)


_readings: OrderedDict[int, Reading] = OrderedDict()


def read_function(code: CodeType, namespace: Mapping[str, Any]) -> Reading:
    """Return the reading of a code object, made at the first call."""
    kept = _readings.get(id(code))
    if kept is not None and kept.code is code:
        return kept
    node = function_node(code, namespace)
    reading = Reading(code, node, global_names(code) | frozenset(code.co_freevars))
    if node is not None:
        reading.callees = frozenset(statement_callees(node))
        chains = {decorator_chain(item) for item in getattr(node, "decorator_list", ())}
        reading.decorators = frozenset(chain for chain in chains if chain)
    _readings[id(code)] = reading
    while len(_readings) > _KEPT:
        _readings.popitem(last=False)
    return reading
