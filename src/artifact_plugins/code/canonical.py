"""Source as one text that only changes with what the code does, and the names it uses."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from artifact_plugins.syntax import parse

Chain = tuple[str, ...]
"""A name and the attributes read from it: `utils.clean` is `("utils", "clean")`."""

SELF = "<step>"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
# Builtins that only look. `list`, `sum` and the like may use an iterator up.
_LOOKING = frozenset(
    (
        *("abs", "ascii", "bin", "bool", "chr", "divmod", "float", "format", "hasattr", "hex"),
        *("id", "int", "isinstance", "issubclass", "len", "oct", "ord", "repr", "round", "str"),
        "type",
    )
)
_EFFECTS = (
    *(ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Starred),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@dataclass(frozen=True, slots=True)
class Import:
    """An import inside a function: the name it binds and where that comes from.

    Attributes:
        name: What the function calls it; "" when it is only imported, "*" when
            nobody knows what is used of it.
        module: Absolute, or with `level` dots relative to the function's package.
        attribute: For `from module import attribute`.
    """

    name: str
    module: str
    attribute: str | None = None
    level: int = 0


@dataclass(slots=True)
class Canonical:
    """What `write` found.

    Attributes:
        text: The canonical source.
        chains: Names the body reads.
        outer: Names that annotations, decorators and bases read.
        imports: Imports in the body.
        defaults: By parameter, the canonical source of its default.
    """

    text: str = ""
    chains: set[Chain] = field(default_factory=set)
    outer: set[Chain] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    defaults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one piece of source may leave out.

    Attributes:
        silent: Callees that only report: the builtin `print`, methods of loggers.
        own_decorators: Decorators of artifact_plugins.
        own_name: What the step calls itself, if it does.
        methods: Of a class: methods that are written by themselves.
    """

    silent: frozenset[Chain] = frozenset()
    own_decorators: frozenset[Chain] = frozenset()
    own_name: str | None = None
    methods: frozenset[str] = frozenset()


def write(node: ast.AST, rules: Rules) -> Canonical:
    """Write a function, lambda or class in canonical form.

    Left out: comments, formatting, docstrings and other statements without
    effect, annotations of local variables, `print` and logging calls (calls
    inside them stay), decorators of artifact_plugins, the function's own name.
    The text is the same under every supported Python.
    """
    writer = _Writer(rules)
    if isinstance(node, ast.ClassDef):
        writer.class_(node)
    else:
        assert isinstance(node, (*_FUNCTIONS, ast.Lambda))
        writer.function(node)
    writer.found.text = "".join(writer.out)
    return writer.found


def chain_of(node: ast.AST) -> Chain | None:
    """Return `a.b.c` as a chain; None for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def statement_callees(node: ast.AST) -> set[Chain]:
    """Return what is called by statements that are nothing but a call."""
    found: set[Chain] = set()
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
            chain = _callee(item.value.func)
            found |= {chain} if chain else set()
        pending += blocks_of(item)
    return found


def blocks_of(node: ast.AST) -> list[ast.AST]:
    """Return the statements directly inside a statement."""
    blocks = (getattr(node, name, None) for name in _BLOCKS)
    return [child for block in blocks if isinstance(block, list) for child in block]


def decorator_chain(node: ast.expr) -> Chain | None:
    """Return the chain of a decorator, called or not."""
    return chain_of(node.func if isinstance(node, ast.Call) else node)


def _callee(node: ast.expr) -> Chain | None:
    # logging.getLogger(...).info(...)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
        made_by = chain_of(node.value.func)
        return (*made_by, "()", node.attr) if made_by else None
    return chain_of(node)


def constant_text(value: object) -> str:
    """Return the type and value of a constant of source or compiled code."""
    if isinstance(value, frozenset):  # its order is that of hashes
        return f"<frozenset {sorted(map(constant_text, value))}>"
    if isinstance(value, tuple):
        return f"<tuple {[constant_text(member) for member in value]}>"
    # Decimal digits of long integers are refused.
    return f"<{type(value).__name__} {hex(value) if type(value) is int else repr(value)}>"


class _Writer:
    """Writes nodes into `out` and notes the names on the way."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.out: list[str] = []
        self.found = Canonical()
        self.chains = self.found.chains
        self.in_class = False

    def function(self, node: ast.AST) -> None:
        """Write the function or lambda that the text is about."""
        assert isinstance(node, (*_FUNCTIONS, ast.Lambda))
        self.chains = self.found.outer
        self.out.append(type(node).__name__)
        for argument, default in _defaults(node.args):
            self.found.defaults[argument] = self._apart(default)
        self._arguments(node.args, with_defaults=False)
        if isinstance(node, ast.Lambda):
            self.chains = self.found.chains
            self.write(node.body)
            return
        kept = [d for d in node.decorator_list if not self._is_own(d)]
        self.write(kept)
        self._annotation(node.returns)
        self.write(getattr(node, "type_params", []))
        self.chains = self.found.chains
        self._statements(node.body)

    def class_(self, node: ast.ClassDef) -> None:
        """Write the class that the text is about, without the methods of `rules`."""
        self.chains = self.found.outer
        self.in_class = True
        body = [
            item
            for item in node.body
            if not (isinstance(item, _FUNCTIONS) and item.name in self.rules.methods)
        ]
        self.out.append("ClassDef")
        self.write(node.bases)
        self.write(node.keywords)
        self.write(node.decorator_list)
        self.write(getattr(node, "type_params", []))
        self._statements(body)

    def write(self, item: object) -> None:
        """Write a node, a list of nodes or a plain value."""
        if isinstance(item, ast.AST):
            special = getattr(self, f"_write_{type(item).__name__}", None)
            if special is not None:
                special(item)
            else:
                self._fields(item)
        elif isinstance(item, list):
            self.out.append("[")
            for member in item:
                self.write(member)
            self.out.append("]")
        else:
            self.out.append(constant_text(item))

    def _fields(self, node: ast.AST) -> None:
        self.out.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            # Newer Pythons add fields; one that is empty says nothing.
            if value is None or value == [] or name in ("ctx", "type_comment", "kind"):
                continue
            self.out.append(f" {name}=")
            if name == "body" and isinstance(value, list):
                self._statements(value)
            elif name in ("orelse", "finalbody"):
                self._block(value)
            elif name in ("annotation", "returns"):
                self._annotation(value)
            else:
                self.write(value)
        self.out.append(")")

    def _block(self, value: object) -> None:
        if isinstance(value, list):
            self._statements(value)
        else:
            self.write(value)

    def _statements(self, body: Sequence[ast.AST]) -> None:
        self.out.append("{")
        for item in body:
            if isinstance(item, ast.Pass) or _is_bare_constant(item):
                continue
            if isinstance(item, ast.Expr) and self._is_silent(item.value):
                for effect in _effects(item.value):
                    self.out.append("(Expr value=")
                    self.write(effect)
                    self.out.append(")")
                continue
            self.write(item)
        self.out.append("}")

    def _write_Name(self, node: ast.Name) -> None:  # noqa: N802  # named for the node
        self._chain((node.id,), reads=isinstance(node.ctx, ast.Load))

    def _write_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        chain = chain_of(node)
        if chain is None:
            self._fields(node)
        else:
            self._chain(chain)

    def _chain(self, chain: Chain, *, reads: bool = True) -> None:
        if reads:
            self.chains.add(chain)
        first = SELF if chain[0] == self.rules.own_name else chain[0]
        self.out.append(f"`{'.'.join((first, *chain[1:]))}`")

    def _write_Constant(self, node: ast.Constant) -> None:  # noqa: N802
        self.out.append(constant_text(node.value))

    def _write_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        self._inside(node, in_class=True)

    def _write_FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        self._inside(node, in_class=False)

    def _write_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:  # noqa: N802
        self._inside(node, in_class=False)

    def _inside(self, node: ast.AST, *, in_class: bool) -> None:
        before, self.in_class = self.in_class, in_class
        self._fields(node)
        self.in_class = before

    def _write_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        if self.in_class:  # it declares a field
            self._fields(node)
        elif node.value is not None:
            self.out.append("(Assign targets=[")
            self.write(node.target)
            self.out.append("] value=")
            self.write(node.value)
            self.out.append(")")

    def _write_Import(self, node: ast.Import) -> None:  # noqa: N802
        for alias in node.names:
            module = alias.name if alias.asname else alias.name.partition(".")[0]
            self.found.imports.append(Import(alias.asname or module, module))
            if module != alias.name:
                self.found.imports.append(Import("", alias.name))  # imported for its path
        self._fields(node)

    def _write_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        for alias in node.names:
            bound = alias.asname or alias.name
            self.found.imports.append(Import(bound, node.module or "", alias.name, node.level))
        self._fields(node)

    def _arguments(self, node: ast.arguments, *, with_defaults: bool) -> None:
        with_default = {name for name, _ in _defaults(node)}
        self.out.append("(arguments")
        for group in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            members = getattr(node, group)
            self.out.append(f" {group}=")
            for argument in members if isinstance(members, list) else filter(None, [members]):
                optional = "=" if argument.arg in with_default else ""
                self.out.append(f"`{argument.arg}`{optional}")
                self._annotation(argument.annotation)
        if with_defaults:
            for _, default in _defaults(node):
                self.write(default)
        self.out.append(")")

    def _write_arguments(self, node: ast.arguments) -> None:
        self._arguments(node, with_defaults=True)

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None:
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:  # "Flights" and Flights are one annotation
                node = parse(node.value.strip(), "eval").body
            except (SyntaxError, ValueError):
                pass
        self.out.append(":")
        self.write(node)

    def _apart(self, node: ast.expr) -> str:
        before, self.out = self.out, []
        self.write(node)
        text, self.out = "".join(self.out), before
        return text

    def _is_own(self, decorator: ast.expr) -> bool:
        return decorator_chain(decorator) in self.rules.own_decorators

    def _is_silent(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call) or _callee(node.func) not in self.rules.silent:
            return False
        # Into a file, a print is work.
        return not any(k.arg == "file" or k.arg is None for k in node.keywords)


def _is_bare_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _defaults(node: ast.arguments) -> list[tuple[str, ast.expr]]:
    positional = [*node.posonlyargs, *node.args]
    named = positional[len(positional) - len(node.defaults) :] if node.defaults else []
    pairs = [(argument.arg, value) for argument, value in zip(named, node.defaults, strict=True)]
    pairs += [
        (argument.arg, value)
        for argument, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)
        if value is not None
    ]
    return pairs


def _effects(call: ast.expr) -> list[ast.expr]:
    """Return what a reporting call computes by calling, assigning or waiting."""
    assert isinstance(call, ast.Call)
    found: list[ast.expr] = []
    pending: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.expr) and _has_effect(node):
            found.append(node)
        elif not isinstance(node, ast.Lambda):
            pending[:0] = ast.iter_child_nodes(node)
    return found


def _has_effect(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return isinstance(node, _EFFECTS)
    chain = chain_of(node.func)
    if chain is not None and len(chain) == 1 and chain[0] in _LOOKING:
        return False
    text = node.func.value if isinstance(node.func, ast.Attribute) else None
    return not isinstance(text, ast.Constant | ast.JoinedStr)  # "{}".format, ", ".join
