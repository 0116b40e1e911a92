"""The SELECT of one page: which index it starts from, what filters, what orders it.

A page first finds the keys of its rows, then fetches those rows. It starts from
the most selective of what must hold: ids, runs and links; a tag; the versions
of an artifact, by number; the kinds of a project or type, merged. Everything
else walks in the order of time until the page is full.

Merging looks for a whole page in every kind. When more is asked than the kind,
the next few thousand versions in time are looked at first; often they fill it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import (
    ClauseElement,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.compiler import SQLCompiler

from artifact_plugins.ledger.filters import linked
from artifact_plugins.ledger.filters.fields import KINDS, VERSIONS
from artifact_plugins.ledger.filters.order import Key, after, keys
from artifact_plugins.ledger.filters.tree import (
    Column,
    Compare,
    Holds,
    IsNone,
    Linked,
    Literal,
    OneOf,
    Predicate,
    SortKey,
    Value,
    conjuncts,
)
from artifact_plugins.ledger.filters.where import Condition, Where
from artifact_plugins.ledger.schema import (
    artifact,
    task,
    version,
    version_alias,
    version_kind,
    version_tag,
)
from artifact_plugins.ledger.statements import SELECTS

_DIALECTS: dict[str, Callable[[], Any]] = {
    "sqlite": lambda: sqlite.dialect(paramstyle="named"),
    "postgresql": lambda: psycopg.dialect(paramstyle="pyformat"),  # type: ignore[no-untyped-call]
}
_NAME_FIELDS = ("name", "artifact")
_KIND_FIELDS = frozenset({"project", "artifact_type", "data_type"})
_IS_LIVE = IsNone(Column("deleted_at"))
# For a page of 20 as many versions as are looked at in a few milliseconds.
NEAR_FACTOR = 250
_NEAR: Any = bindparam("limit", 0) * literal_column(str(NEAR_FACTOR))


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT and the values of its filter; the page adds `limit` and `after_0`, ....

    Attributes:
        width: How many columns the record has; the keys of the order follow.
        keys: Of each key, the types of its values.
    """

    text: str
    values: dict[str, Any]
    width: int
    keys: tuple[tuple[type, ...], ...]


class OtherKeysError(ValueError):
    """The page before had other keys, so it was none of this order."""


def rare(node: Linked, dialect_name: str) -> tuple[str, dict[str, Any]] | None:
    """Return the SELECT of at most `linked.FEW` rows when there are few to look up."""
    found = linked.rare(node)
    return None if found is None else _compile(found, dialect_name)


def page_statement(
    kind_name: str,
    predicate: Predicate,
    order: tuple[SortKey, ...],
    *,
    dialect_name: str,
    seeks: frozenset[Linked],
    is_none: tuple[bool, ...] | None,
    is_near: bool = False,
) -> Statement | None:
    """Return the SELECT of a page.

    Args:
        kind_name: Of `KINDS`.
        predicate: What must hold.
        order: Of the page.
        dialect_name: `sqlite` or `postgresql`.
        seeks: Functions whose few links are worth looking up.
        is_none: Of each key of the last row of the page before, whether it has
            no value; None for the first page.
        is_near: Whether to look at the next few thousand records only; what
            they do not fill is no page.

    Returns:
        None when the page is found as soon without looking near first.

    Raises:
        OtherKeysError: The order has another number of keys.
    """
    parts = conjuncts(predicate)
    if kind_name == VERSIONS.name:
        plan = _VersionPlan(parts, order, dialect_name, seeks, is_near=is_near)
        if is_near and not plan.can_be_near:
            return None
        found, ordered, width = _of_versions(kind_name, plan, is_none)
    elif is_near:
        return None
    else:
        found, ordered, width = _of_others(kind_name, parts, order, dialect_name, seeks, is_none)
    types = tuple([(*key.types, type(None)) if key.is_nullable else key.types for key in ordered])
    return Statement(*_compile(found, dialect_name), width, types)


kept_statement = lru_cache(maxsize=256)(page_statement)


def _of_others(
    kind_name: str,
    parts: tuple[Predicate, ...],
    order: tuple[SortKey, ...],
    dialect_name: str,
    seeks: frozenset[Linked],
    is_none: tuple[bool, ...] | None,
) -> tuple[Select[Any], list[Key], int]:
    # A name or a pipeline has fewer runs than the project.
    is_walk = any(_column(part) in ("id", "name", "pipeline") for part in parts)
    where = Where(KINDS[kind_name], dialect_name, is_walk=is_walk, seeks=seeks)
    found: Any = SELECTS[where.kind.name.upper()]
    width = len(found.selected_columns)
    ordered = keys(where, order)
    if any(_is_of_a_run(part) for part in parts):
        ordered = _sorted(ordered, dialect_name)
    found = found.where(*[where.condition(part) for part in parts])
    return _page(found, ordered, is_none), ordered, width


def _of_versions(
    kind_name: str, plan: _VersionPlan, is_none: tuple[bool, ...] | None
) -> tuple[Select[Any], list[Key], int]:
    inner = _page(plan.inner(is_none), plan.keys, is_none).subquery("page")
    base: Any = SELECTS[kind_name.upper()]
    sort = [inner.c[f"key_{number}"] for number in range(len(plan.keys))]
    outer = base.join(inner, inner.c.seq == version.c.seq).add_columns(*sort)
    outer = outer.order_by(*_directions(plan.keys, sort))
    return outer, plan.keys, len(base.selected_columns)


def _directions(ordered: list[Key], columns: list[Any]) -> list[Any]:
    return [
        clause
        for key, column in zip(ordered, columns, strict=True)
        for clause in replace(key, expression=column).clauses()
    ]


def _page(found: Select[Any], ordered: list[Key], is_none: tuple[bool, ...] | None) -> Select[Any]:
    """Add the keys, what the page starts after, its order and its limit."""
    if is_none is not None:
        if len(is_none) != len(ordered):
            raise OtherKeysError
        found = found.where(after(ordered, [None if none else 0 for none in is_none]))
    labels = [key.expression.label(f"key_{number}") for number, key in enumerate(ordered)]
    found = found.add_columns(*labels)
    return _limited(found.order_by(*[clause for key in ordered for clause in key.clauses()]))


def _limited(found: Select[Any]) -> Select[Any]:
    # Without an offset of our own, the dialect of SQLite brings one as a value.
    return found.limit(bindparam("limit", 0)).offset(literal_column("0"))


class _VersionPlan:
    """Decides from which index a page of versions starts."""

    def __init__(
        self,
        parts: tuple[Predicate, ...],
        order: tuple[SortKey, ...],
        dialect_name: str,
        seeks: frozenset[Linked],
        *,
        is_near: bool,
    ) -> None:
        self.parts = parts
        self.dialect_name = dialect_name
        self.is_near = is_near
        self.project_part, self.project = self._only("project")
        make = partial(Where, VERSIONS, dialect_name, project=self.project, seeks=seeks)
        self.walk, self.seek = make(is_walk=True), make(is_walk=False)
        self.keys = keys(self.walk, order)
        self.is_by_time = self.keys[0].expression is version.c.seq
        self.is_live = _IS_LIVE in parts
        self.narrow = {part: found for part in parts if (found := self._narrow(part, seeks))}
        if any(map(_is_of_a_run, self.narrow)):
            self.keys = _sorted(self.keys, dialect_name)
        self.tag = self._label("tags") if not self.narrow and self.is_live else None
        self.name_part, self.name = self._only(*_NAME_FIELDS)
        self.is_one_artifact = self.name is not None and self.project is not None
        if self.is_one_artifact and self.is_by_time and not self.narrow and self.tag is None:
            # Inside one artifact numbers are in the order of commits, and indexed.
            (by_time,) = self.keys
            self.keys = [replace(by_time, expression=version.c.version)]
        self.named = [part for part in parts if _column(part) in _NAME_FIELDS]
        self.kinds = [part for part in parts if _column(part) in _KIND_FIELDS]
        is_found = bool(self.narrow or self.tag is not None or self.named)
        self.is_by_kind = bool(self.kinds) and self.is_by_time and self.is_live and not is_found
        more = [part for part in parts if part != _IS_LIVE and part not in self.kinds]
        self.can_be_near = self.is_by_kind and bool(more)

    def inner(self, is_none: tuple[bool, ...] | None) -> Select[Any]:
        """Return the SELECT that finds the rows, without order and limit."""
        if self.narrow:
            start = [condition for found in self.narrow.values() for condition in found]
            return self._select(version, start, self.walk, tuple(self.narrow))
        if self.tag is not None:
            return self._tagged(self.tag)
        if self.named:
            return self._of_artifacts(self.named)
        if self.is_near:
            return self._near(is_none)
        if self.is_by_kind:
            return self._merged(self.kinds, is_none)
        return self._select(version, [], self.walk if self.is_by_time else self.seek, ())

    def _select(
        self, source: FromClause, start: list[Condition], where: Where, done: tuple[Predicate, ...]
    ) -> Select[Any]:
        rest = [where.condition(part) for part in self.parts if part not in done]
        return select(version.c.seq).select_from(source).where(*start, *rest)

    def _tagged(self, tag: str) -> Select[Any]:
        source = version_tag.join(version, version.c.seq == version_tag.c.version_seq)
        start: list[Condition] = [version_tag.c.tag == tag]
        done: tuple[Predicate, ...] = (Holds(Column("tags"), tag),)
        if self.is_one_artifact:
            start.append(version_tag.c.artifact_id == self._artifact_id())
            done += self._said_by_the_artifact()
        if self.is_by_time:
            self.keys = [replace(self.keys[0], expression=version_tag.c.version_seq)]
        return self._select(source, start, self.walk, done)

    def _of_artifacts(self, named: list[Predicate]) -> Select[Any]:
        if self.is_one_artifact:
            start = [version.c.artifact_id == self._artifact_id()]
            return self._select(version, start, self.walk, self._said_by_the_artifact())
        return self._select(
            version, [self.seek.condition(part) for part in named], self.walk, tuple(named)
        )

    def _said_by_the_artifact(self) -> tuple[Predicate, ...]:
        return tuple(part for part in (self.name_part, self.project_part) if part is not None)

    def _artifact_id(self) -> Any:
        named = and_(artifact.c.project == self.project, artifact.c.name == self.name)
        return select(artifact.c.id).where(named).correlate(None).scalar_subquery()

    def _merged(self, kinds: list[Predicate], is_none: tuple[bool, ...] | None) -> Select[Any]:
        """Take the next rows of every kind that matches; some of them are the page."""
        conditions = [self.walk.shared(part) for part in kinds]
        of_kind = self._select(
            version, [version.c.kind_id == version_kind.c.id], self.walk, tuple(kinds)
        )
        if is_none is not None:
            of_kind = of_kind.where(after(self.keys, [0]))
        of_kind = _limited(of_kind.order_by(*self.keys[0].clauses())).correlate(version_kind)
        if self.dialect_name == "postgresql":
            rows = of_kind.lateral("inside")
            found = select(rows.c.seq).select_from(version_kind.join(rows, true()))
        else:
            inside = version.alias("inside")
            found = select(inside.c.seq).select_from(
                version_kind.join(inside, inside.c.seq.in_(of_kind))
            )
        found = found.where(*conditions).correlate(None)
        return select(version.c.seq).where(version.c.seq.in_(found))

    def _near(self, is_none: tuple[bool, ...] | None) -> Select[Any]:
        """Look at the next versions in time, whatever their kind."""
        seq, is_descending = version.c.seq, self.keys[0].is_descending
        every = version.alias("every_version")
        first: Any = (func.max if is_descending else func.min)(every.c.seq)
        start = select(first).scalar_subquery() if is_none is None else bindparam("after_0", None)
        reached = seq > start - _NEAR if is_descending else seq < start + _NEAR
        return self._select(version, [reached], self.walk, ())

    def _narrow(self, part: Predicate, seeks: frozenset[Linked]) -> list[Condition]:
        """Return the conditions that find the few records of a part; none if it has many."""
        if isinstance(part, Linked):
            is_few = part in seeks or part.function in ("used_by_run", "produced_by_run")
            return [self.seek.condition(part)] if is_few else []
        if isinstance(part, Holds) and part.operand == Column("aliases") and self.is_live:
            found = select(version_alias.c.version_seq).where(version_alias.c.alias == part.value)
            return [version.c.seq.in_(found.correlate(None))]
        if _column(part) not in ("id", "run_id", "task_id"):
            return []
        start = [self.seek.condition(part)]
        if _column(part) == "task_id":  # the index begins with the run
            ids = _equal_to(part) or ()
            found = select(task.c.run_id).where(task.c.id.in_(ids)).correlate(None)
            start.append(version.c.run_id.in_(found))
        return start

    def _label(self, field: str) -> str | None:
        for part in self.parts:
            if isinstance(part, Holds) and part.operand == Column(field):
                return str(part.value)
        return None

    def _only(self, *fields: str) -> tuple[Predicate | None, str | None]:
        """Return the part that leaves one value of a field, and that value."""
        for part in self.parts:
            values = _equal_to(part) if _column(part) in fields else None
            if values is not None and len(values) == 1:
                return part, str(values[0])
        return None, None


def _column(part: Predicate) -> str | None:
    """Return the field that a part says to be equal to something."""
    match part:
        case OneOf(Column(name)) | Compare(Column(name), "==", Literal()):
            return name
        case _:
            return None


def _is_of_a_run(part: Predicate) -> bool:
    """Tell whether a part leaves records of a run, which were written one after the other."""
    functions = ("of_run", "used_by_run", "produced_by_run")
    is_run = isinstance(part, Linked) and part.function in functions
    return is_run or _column(part) in ("run_id", "task_id")


def _sorted(ordered: list[Key], dialect_name: str) -> list[Key]:
    """Return an order that is never read from the index of `seq`.

    PostgreSQL takes the rows of a run to lie scattered, and would walk through
    those of all runs, in the belief that the next one is near.
    """
    first, *others = ordered
    if dialect_name != "postgresql" or getattr(first.expression, "name", "") != "seq":
        return ordered
    return [replace(first, expression=first.expression + literal_column("0")), *others]


def _equal_to(part: Predicate) -> tuple[Value, ...] | None:
    if isinstance(part, OneOf):
        return part.values
    if isinstance(part, Compare) and isinstance(part.right, Literal):
        return (part.right.value,)
    return None


def _compile(found: ClauseElement, dialect_name: str) -> tuple[str, dict[str, Any]]:
    compiled = found.compile(
        dialect=_DIALECTS[dialect_name](), compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    values = {
        name: value
        for name, value in (compiled.params or {}).items()
        if name != "limit" and not name.startswith("after_")
    }
    return str(compiled), values
