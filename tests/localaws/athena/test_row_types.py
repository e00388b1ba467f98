"""Rows come together and are cast by the places of their fields: what DuckDB would find by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from localaws.athena import plan, rewrite_functions
from localaws.athena import typing as types
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.nested_arrays import by_place, fitted
from tests.laws import cases
from tests.localaws.athena.answers import texts

PLAIN = ("integer", "bigint", "varchar")


@dataclass(frozen=True)
class Kind:
    """A type of the model: a plain one, or an array, a map from text or a row of others."""

    name: str
    inner: tuple[Kind, ...] = ()

    def sql(self, names: Names) -> str:
        inner = [each.sql(names.of(place)) for place, each in enumerate(self.inner)]
        if self.name == "row":
            return f"row({', '.join(f'{names.name(place)} {each}'.strip() for place, each in enumerate(inner))})"
        return {"array": "array({})", "map": "map(varchar, {})"}.get(self.name, self.name).format(*inner)

    def literal(self, value: Any) -> str:
        if value is None:
            return "NULL"
        if self.name == "row":
            return f"ROW({', '.join(map(Kind.literal, self.inner, value))})"
        if self.name == "array":
            made = f"ARRAY[{', '.join(map(self.inner[0].literal, value))}]"
            return made if any(each is not None for each in value) else self.typed(made)
        if self.name == "map":
            keys = ", ".join(f"'{key}'" for key in value)
            made = f"MAP(ARRAY[{keys}], ARRAY[{', '.join(map(self.inner[0].literal, value.values()))}])"
            return made if any(each is not None for each in value.values()) else self.typed(made)
        return f"'{value}'" if self.name == "varchar" else str(value)

    def typed(self, literal: str) -> str:
        """Return a literal of which nothing else says the type."""
        return f"CAST({literal} AS {self.sql(Names(('a', 'b', 'c', 'd', 'e')))})"

    def text(self, value: Any, names: Names) -> str:
        if value is None:
            return "null"
        if self.name == "row":
            shown = (
                f"{names.name(place) or f'field{place}'}={each.text(part, names.of(place))}"
                for place, (each, part) in enumerate(zip(self.inner, value, strict=True))
            )
            return f"{{{', '.join(shown)}}}"
        if self.name == "array":
            return f"[{', '.join(self.inner[0].text(each, names.of(0)) for each in value)}]"
        if self.name == "map":
            return f"{{{', '.join(f'{k}={self.inner[0].text(v, names.of(0))}' for k, v in value.items())}}}"
        return str(value)


@dataclass(frozen=True)
class Names:
    """The names of the fields of a type's rows, by the way to each; empty for a field without one."""

    given: tuple[str, ...]
    way: int = 1

    def of(self, place: int) -> Names:
        return Names(self.given, self.way * 5 + place)

    def name(self, place: int) -> str:
        return self.given[(self.way * 5 + place) % len(self.given)]

    def beside(self, other: Names) -> Names:
        """Return the names that are the same in both."""
        size = len(self.given) * len(other.given)
        pairs = (
            (self.given[number % len(self.given)], other.given[number % len(other.given)]) for number in range(size)
        )
        return Names(tuple(one if one == another else "" for one, another in pairs))


def kinds(depth: int = 3) -> st.SearchStrategy[Kind]:
    plain = st.sampled_from(PLAIN).map(Kind)
    if not depth:
        return plain
    inner = st.deferred(lambda: kinds(depth - 1))
    return (
        plain
        | st.lists(inner, min_size=1, max_size=3).map(lambda found: Kind("row", tuple(found)))
        | st.tuples(inner).map(lambda found: Kind("array", found))
        | st.tuples(inner).map(lambda found: Kind("map", found))
    )


def values(kind: Kind) -> st.SearchStrategy[Any]:
    inner = [values(each) for each in kind.inner]
    found: st.SearchStrategy[Any] = st.integers(0, 99)
    if kind.name == "row":
        found = st.tuples(*inner)
    elif kind.name == "array":
        found = st.lists(inner[0], max_size=3)
    elif kind.name == "map":
        found = st.dictionaries(st.sampled_from("kl"), inner[0], max_size=2)
    return st.none() | found


def wider(kind: Kind) -> Kind:
    """Return a type to which values of this type may be cast: other numbers, and texts of numbers."""
    after = {"integer": "bigint", "bigint": "varchar"}
    return Kind(after.get(kind.name, kind.name), tuple(map(wider, kind.inner)))


NAMES = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=6).map(lambda found: Names(tuple(found)))
TYPED = kinds().map(lambda found: Kind("row", (found,))).flatmap(lambda kind: st.tuples(st.just(kind), values(kind)))
SLOW = settings(max_examples=cases(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.slow
@SLOW
@given(TYPED, NAMES, NAMES)
def test_a_row_is_cast_by_place(opened: QueryEngine, typed: tuple[Kind, Any], before: Names, after: Names) -> None:
    kind, value = typed
    first = f"CAST({kind.literal(value)} AS {kind.sql(before)})"
    found = opened.answer(f"SELECT CAST({first} AS {wider(kind).sql(after)})", "db")
    assert texts(found) == (kind.text(value, after) if value is not None else "NULL")
    assert types.trino_name(found.columns[0].type) == wider(kind).sql(after)


@pytest.mark.slow
@SLOW
@given(
    TYPED, NAMES, NAMES, st.sampled_from(["UNION ALL", "VALUES", "ARRAY", "CASE"]),
    st.sampled_from(["", "ARRAY[]", "ARRAY[NULL]"]), st.permutations(range(3)),
)  # fmt: skip
def test_rows_come_together_by_place(
    opened: QueryEngine,
    typed: tuple[Kind, Any],
    before: Names,
    after: Names,
    where: str,
    nothing: str,
    order: list[int],
) -> None:
    """Also beside an array of nothing, wherever it stands among them."""
    kind, value = typed
    given = [f"CAST({kind.literal(value)} AS {kind.sql(names)})" for names in (before, after)]
    names = before.beside(after)
    shown = "NULL" if value is None else kind.text(value, names)
    wanted = [shown, shown]
    if nothing:
        held = kind.text(value, names)
        given = [*(f"ARRAY[{each}]" for each in given), nothing]
        wanted = [f"[{held}]", f"[{held}]", "[null]" if "NULL" in nothing else "[]"]
        given, wanted = [given[place] for place in order], [wanted[place] for place in order]
    rows = list(enumerate(given))
    both = {
        "UNION ALL": f"SELECT x FROM ({' UNION ALL '.join(f'SELECT {n} n, {each} x' for n, each in rows)}) ORDER BY n",
        "VALUES": f"SELECT x FROM (VALUES {', '.join(f'({n}, {each})' for n, each in rows)}) t (n, x) ORDER BY n",
        "ARRAY": f"SELECT x FROM UNNEST(ARRAY[{', '.join(f'ARRAY[{each}]' for each in given)}]) t (y) "
        "CROSS JOIN UNNEST(transform(y, e -> ROW(e))) u (x)",
        "CASE": f"SELECT CASE n {' '.join(f'WHEN {n} THEN {each}' for n, each in rows[1:])} ELSE {given[0]} END "
        f"FROM (VALUES {', '.join(str(n) for n, _ in rows)}) t (n) ORDER BY n",
    }[where]  # fmt: skip
    found = opened.answer(both, "db")
    assert texts(found) == " ; ".join(wanted)
    expected = kind.sql(names)
    assert types.trino_name(found.columns[0].type) == (f"array({expected})" if nothing else expected)


#: Comparisons of a row with another, of maps whose keys these are, and functions that seek one of them.
ASKED = (
    *(f"{{one}} {operator} {{other}}" for operator in ("<", "<=", ">", ">=", "=", "<>")),
    "{other} BETWEEN {one} AND {one}", "{one} BETWEEN {other} AND {one}", "{one} BETWEEN {one} AND {other}",
    "element_at({map}, {other})", "TRY({map}[{other}])", "cardinality(array_remove(ARRAY[{one}], {other}))",
    *(f"{{map}} {operator} {{beside}}" for operator in ("=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")),
    "{map} IN ({beside})", "nullif({map}, {beside}) IS NULL", "contains(ARRAY[{map}], {beside})",
    "CASE {map} WHEN {beside} THEN 1 END", "array_position(ARRAY[{map}], {beside})",
    "cardinality(map_zip_with({map}, {beside}, (k, x, y) -> x || y))", "cardinality(map_concat({map}, {beside}))",
    "contains(ARRAY[{one}], {other})", "array_position(ARRAY[{one}], {other})",
    "ARRAY[{one}] || {other} = ARRAY[{one}, {other}]", "{other} || ARRAY[{one}] = ARRAY[{other}, {one}]",
)  # fmt: skip


@pytest.mark.slow
@settings(SLOW, max_examples=cases(100))
@given(
    st.integers(1, 3), st.integers(1, 3), st.permutations(["a", "b"]), st.sampled_from(ASKED),
    st.sampled_from(["{}", "ARRAY[{}]", "ROW({}, 7)"]),
)  # fmt: skip
def test_rows_are_compared_and_sought_by_place(
    opened: QueryEngine, first: int, second: int, names: list[str], asked: str, within: str
) -> None:
    """Whichever names the fields of the other row have: the answer is that of a row without any."""

    def answer(kind: str) -> str:
        one = within.format("CAST(ROW(1, 2) AS ROW(a bigint, b bigint))")
        other = within.format(f"CAST(ROW({first}, {second}) AS ROW({kind}))")
        maps = {"map": f"MAP(ARRAY[{one}], ARRAY['v'])", "beside": f"MAP(ARRAY[{other}], ARRAY['v'])"}
        return texts(opened.answer(f"SELECT {asked.format(one=one, other=other, **maps)}", "db"))

    assert answer(", ".join(f"{name} int" for name in names)) == answer("int, int")


@settings(max_examples=cases(200))
@given(TYPED, NAMES, NAMES)
def test_what_is_written_is_taken_by_place(typed: tuple[Kind, Any], before: Names, after: Names) -> None:
    kind, value = typed
    given = pa.array([None, python(kind, value, before), None], arrow(kind, before))
    wanted = [None, python(kind, value, after), None]
    for start in range(3):
        found = fitted(pa.chunked_array([given.slice(start)]), arrow(kind, after), by_place)
        assert found.to_pylist() == wanted[start:]


def arrow(kind: Kind, names: Names) -> pa.DataType:
    inner = [arrow(each, names.of(place)) for place, each in enumerate(kind.inner)]
    if kind.name == "row":
        return pa.struct([(field(names, place), each) for place, each in enumerate(inner)])
    if kind.name == "array":
        return pa.list_(inner[0])
    if kind.name == "map":
        return pa.map_(pa.string(), inner[0])
    return {"integer": pa.int32(), "bigint": pa.int64()}.get(kind.name, pa.string())


def python(kind: Kind, value: Any, names: Names) -> Any:
    """Return a value as Arrow gives it to Python."""
    if value is None or not kind.inner:
        return str(value) if kind.name == "varchar" and value is not None else value
    inner = [(each, names.of(place)) for place, each in enumerate(kind.inner)]
    if kind.name == "row":
        parts = enumerate(zip(inner, value, strict=True))
        return {field(names, place): python(each, part, within) for place, ((each, within), part) in parts}
    ((each, within),) = inner
    if kind.name == "array":
        return [python(each, part, within) for part in value]
    return [(key, python(each, part, within)) for key, part in value.items()]


def field(names: Names, place: int) -> str:
    """Return a name that no other field of the row has."""
    return f"{names.name(place)}{place}"


@pytest.mark.parametrize(
    "sql",
    ["CAST(ROW(1, 2) AS row(a int))", "CAST(ARRAY[ROW(1)] AS array(row(a int, b int)))", "CAST(1 AS row(a int))",
     "CAST(ROW(1) AS integer)", "CAST(ROW(ARRAY[1]) AS row(a int))", "CAST('x' AS array(integer))"],
)  # fmt: skip
def test_what_is_of_another_shape_is_refused(opened: QueryEngine, sql: str) -> None:
    with pytest.raises(QueryFailed, match="TYPE_MISMATCH: line 1:8: Cannot cast"):
        opened.answer(f"SELECT {sql}", "db")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("CAST(ROW(TIMESTAMP '2026-07-01 00:30:00.000 UTC' AT TIME ZONE 'Europe/Vienna') AS ROW(a timestamp))", "{a=2026-07-01 02:30:00.000}"),
        ("CAST(ROW(1e7, DATE '2026-01-01') AS ROW(a varchar, b varchar))", "{a=1.0E7, b=2026-01-01}"),
        ("TRY_CAST(ROW('x') AS ROW(a int))", "NULL"),
        ("TRY(CAST(CAST(ROW('x') AS ROW(b varchar)) AS ROW(a int)))", "NULL"),
        ("CAST(ROW(1, 2) AS ROW(a int, a int))", "{a=1, a=2}"),
        ("CAST(ROW(1, ROW(2, NULL)) AS ROW(a bigint, row(b int, varchar)))", "{a=1, field1={b=2, field1=null}}"),
        ("CAST(ROW(1) AS ROW(a int)) IS NOT DISTINCT FROM CAST(ROW(1) AS ROW(b int))", "true"),
        ("array_union(ARRAY[CAST(ROW(1) AS ROW(a int))], ARRAY[CAST(ROW(2) AS ROW(b int))])", "[{field0=1}, {field0=2}]"),
        ("CAST(map(CAST(NULL AS array(integer)), ARRAY[1e0]) AS map(integer, ROW(a double)))", "TYPE_MISMATCH: line 1:8: Cannot cast map(integer, double) to map(integer, row(a double))"),
        ("CAST(map(CAST(NULL AS array(integer)), ARRAY[1e0]) AS varchar)", "TYPE_MISMATCH: line 1:8: Cannot cast map(integer, double) to varchar"),
        ("* FROM (VALUES ROW(1, 2), (3, 4))", "1|2 ; 3|4"),
        ("* FROM (VALUES CAST(ROW(1, 'x') AS ROW(a bigint, b varchar)))", "1|x"),
        ("* FROM UNNEST(ARRAY[1]) t (a, b)", "MISMATCHED_COLUMN_ALIASES: line 1:15: Column alias list has 2 entries but 't' has 1 columns available"),
        ("* FROM (SELECT 1, 2) t (a)", "MISMATCHED_COLUMN_ALIASES: line 1:15: Column alias list has 1 entries but 't' has 2 columns available"),
        ("* FROM (VALUES 1) t (a, b)", "MISMATCHED_COLUMN_ALIASES: line 1:15: Column alias list has 2 entries but 't' has 1 columns available"),
        ("reduce(ARRAY[1], CAST(ROW(1, 5) AS ROW(a int, b int)), (s, x) -> CAST(ROW(6, 2) AS ROW(b int, a int)), s -> s)", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (array(integer), row(a integer, b integer), <function>, <function>) for function reduce. Expected: reduce(array(T), S, function(S,T,S), function(S,R)) T, S, R"),
        ("flatten(ARRAY[ARRAY[ROW(1)]]), map_concat(MAP(ARRAY[1], ARRAY[ROW(1)]), MAP(ARRAY[2], ARRAY[ROW(2)]))", "[{field0=1}]|{1={field0=1}, 2={field0=2}}"),
        ("CAST(ROW(1, 5) AS ROW(a int, b int)) < CAST(ROW(6, 2) AS ROW(b int, a int)), element_at(MAP(ARRAY[CAST(ROW(1, 5) AS ROW(a int, b int))], ARRAY['v']), CAST(ROW(1, 5) AS ROW(b int, a int))), array_remove(ARRAY[CAST(ROW(1, 5) AS ROW(a int, b int))], CAST(ROW(5, 1) AS ROW(b int, a int)))", "true|v|[{field0=1, field1=5}]"),
        ("CASE WHEN true THEN ROW(1) ELSE ROW(1, 2) END", "TYPE_MISMATCH: line 1:32: All results must be the same type or coercible to a common type. Cannot find common type between row(integer) and row(integer, integer)"),
    ],
)  # fmt: skip
def test_rows_are_as_trino_has_them(opened: QueryEngine, sql: str, said: str) -> None:
    try:
        found = texts(opened.answer(f"SELECT {sql}", "db"))
    except QueryFailed as error:
        found = str(error)
    assert found == said


@pytest.mark.unforeseen
def test_an_error_that_nobody_has_thought_of_is_told_as_a_refusal(
    opened: QueryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_given: Any) -> Any:
        raise IndexError("list index out of range")

    monkeypatch.setitem(rewrite_functions.NAMED_FUNCTIONS, "cosine_similarity", fails)
    with pytest.raises(
        QueryFailed, match=r"^NOT_SUPPORTED: the expression COSINE_SIMILARITY\(.*IndexError: list index"
    ):
        opened.answer("SELECT cosine_similarity(MAP(ARRAY['a'], ARRAY[1e0]), MAP(ARRAY['a'], ARRAY[1e0]))", "db")
    monkeypatch.setattr(plan, "check_types", fails)
    with pytest.raises(QueryFailed, match=r"^NOT_SUPPORTED: this query, whose planning ended in IndexError") as told:
        opened.answer("SELECT 1", "db")
    assert not told.value.user_error
