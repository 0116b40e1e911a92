"""A filter finds what Python finds: on SQLite and on PostgreSQL, in any combination."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from query_oracle import POOL, holds, sort_key

TEXTS = [one for one in POOL if isinstance(one, str)]
NUMBERS = [one for one in POOL if isinstance(one, int | float) and not isinstance(one, bool)]
SCALARS = [one for one in POOL if not isinstance(one, list | dict)]
PATHS = [
    'metadata["a"]',
    'metadata["b"]',
    'metadata["a"]["k"]',
    'metadata["a"]["a"]["b"][1]',
    'metadata["a"][0]',
    'metadata["a"][-1]',
    'metadata["q\\"k"]["x\\\\y"][0]',
    'metadata["ü k"][""]',
    'metadata["ü k"]["0"]',
    'metadata["none"]',
]
TEXT_FIELDS = ["name", "artifact_type", "version_name", "description", "uri", "project"]
NUMBER_FIELDS = ["version", "size_bytes", "item_count"]
TIMES = ["2026-01-01", "2026-01-02T03:00:00", "2026-01-09", "2025-12-31T23:59:59.999999"]
ORDERED = ["<", "<=", ">", ">="]


def one_of(*items: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([each for item in items for each in item])


values = one_of(SCALARS).map(repr)
texts = one_of(TEXTS, ["model", "data", "Model", "s3://bucket/model_0%.bin", "v0", "other"])
operands = one_of(PATHS, TEXT_FIELDS)
lists = st.lists(values, max_size=4).map(lambda items: f"[{', '.join(items)}]")
text_lists = st.lists(texts.map(repr) | st.just("None"), max_size=4).map(
    lambda items: f"[{', '.join(items)}]"
)
comparisons = st.one_of(
    st.tuples(one_of(PATHS), one_of(["==", "!="]), values),
    st.tuples(one_of(PATHS), one_of(ORDERED), one_of(TEXTS, NUMBERS).map(repr)),
    st.tuples(one_of(NUMBERS).map(repr), one_of(ORDERED), one_of(PATHS)),
    st.tuples(one_of(TEXT_FIELDS), one_of(["==", "!=", *ORDERED]), texts.map(repr)),
    st.tuples(one_of(NUMBER_FIELDS), one_of(["==", "!=", *ORDERED]), one_of(NUMBERS).map(repr)),
    st.tuples(
        one_of(["created_at", "updated_at"]),
        one_of(["==", "!=", *ORDERED]),
        one_of(TIMES).map(repr),
    ),
    st.tuples(one_of(PATHS), one_of(["==", "!=", *ORDERED]), one_of(PATHS)),
    st.tuples(one_of(NUMBER_FIELDS), one_of(["==", "!=", *ORDERED]), one_of(NUMBER_FIELDS, PATHS)),
    st.tuples(one_of(TEXT_FIELDS), one_of(["==", "!=", *ORDERED]), one_of(TEXT_FIELDS, PATHS)),
    st.tuples(one_of(PATHS), one_of(["in", "not in"]), lists),
    st.tuples(one_of(TEXT_FIELDS), one_of(["in", "not in"]), text_lists),
    st.tuples(values, one_of(["in", "not in"]), one_of(PATHS)),
    st.tuples(texts.map(repr), one_of(["in", "not in"]), one_of(TEXT_FIELDS)),
    st.tuples(
        one_of(["'raw'", "'big one'", "'big'", "'\"'"]), one_of(["in", "not in"]), st.just("tags")
    ),
    st.tuples(st.just("'prod'"), one_of(["in", "not in"]), st.just("aliases")),
    st.tuples(one_of(["'a'", "'none'", "'ü k'"]), one_of(["in", "not in"]), st.just("metadata")),
    st.tuples(one_of(PATHS, TEXT_FIELDS, NUMBER_FIELDS), one_of(["is", "is not"]), st.just("None")),
    st.tuples(one_of(["is_directory"]), one_of(["==", "!="]), one_of(["True", "False"])),
).map(" ".join)
plain = st.builds(
    lambda field, how, text: f"{field}.{how}({text!r})",
    operands,
    one_of(["startswith", "endswith", "contains"]),
    texts,
)
patterns = st.builds(
    lambda field, pattern: f"{field}.matches({pattern!r})",
    operands,
    one_of(
        ["*", "", "?", "*a*", "s3://*[*]*", "*_?%*", "a[[]b]", "*[?]", "???", "**l", "mode[*]*"]
    ),
)
lowered = st.builds(
    lambda field, sign, text: f"{field}.lower() {sign} {text.lower()!r}",
    operands,
    one_of(["==", "!=", *ORDERED]),
    texts.filter(str.isascii),
)
truths = one_of(
    PATHS, TEXT_FIELDS, NUMBER_FIELDS, ["tags", "metadata", "is_directory", "updated_at"]
)
leaves = st.one_of(comparisons, plain, patterns, lowered, truths)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda part: f"not ({part})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}) and ({parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}) or ({parts[1]})"),
    ),
    max_leaves=6,
)
SAME_WORLD = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SAME_WORLD
@given(where=filters)
@example(where="metadata['a'] != 3")
@example(where="not (metadata['a'] < 3)")
@example(where="name == 'model' and metadata['a'] == True")
@example(where="name in ['model', 'data'] and 'raw' in tags")
@example(where="'raw' in tags and project == 'default'")
@example(where="artifact_type in ['Model', 'Metric'] and project == 'default'")
@example(where="name == 'model' and name == 'data'")
@example(where="'raw' in tags and 'big one' in tags")
@example(where="'prod' in aliases and project == 'default' and name == 'model'")
def test_a_filter_finds_what_python_finds(world, where):
    """Any filter finds the versions, newest first, for which Python evaluates it to true."""
    expected = [record.id for record in reversed(world.versions) if holds(where, record)]

    found = world.ids("versions", where)

    assert found == expected


def test_the_oracle_tells_a_difference(world):
    """The comparison above would notice a filter that finds something else."""
    expected = [record.id for record in reversed(world.versions) if holds("version < 3", record)]

    assert world.ids("versions", "version < 4") != expected
    assert 0 < len(expected) < len(world.versions)


KEYS = [*PATHS[:3], *TEXT_FIELDS, *NUMBER_FIELDS, "is_directory", "updated_at", "name.lower()"]


@SAME_WORLD
@given(keys=st.lists(st.tuples(one_of(KEYS), st.booleans()), min_size=1, max_size=3), where=leaves)
def test_an_order_is_what_python_sorts(world, keys, where):
    """Several keys order by the first, then the next, then by time; None is last both ways."""
    expected = [record for record in world.versions if holds(where, record)]
    if keys[-1][1]:
        expected.reverse()
    for name, is_descending in reversed(keys):
        known = [record for record in expected if sort_key(record, name) is not None]
        unknown = [record for record in expected if sort_key(record, name) is None]
        known.sort(key=lambda record, name=name: sort_key(record, name), reverse=is_descending)
        expected = known + unknown
    order = ", ".join(f"-{name}" if is_descending else name for name, is_descending in keys)

    found = world.ids("versions", where, order_by=order)

    assert found == [record.id for record in expected]
