"""A name that a WITH defines is a relation in its scope alone; outside it the name is one of the engine's own."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from sluice.confined import connect, only_query
from sluice.transforms.queries import RefusedQuery, declared_query
from tests.laws import cases

#: Relations that DuckDB has of its own, and a name that nothing has.
NAMES = ("pg_settings", "sqlite_master", "few")


@st.composite
def queries(draw: st.DrawFn, scope: frozenset[str] = frozenset(), depth: int = 0) -> tuple[str, bool, bool]:
    """Return a query, whether all that it names is defined there, and whether it has a WITH below its top."""
    sound, nested, defined = True, False, ""
    if depth < 3 and draw(st.booleans()):
        nested = depth > 0
        parts = []
        for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)):
            inner, inner_sound, inner_nested = draw(queries(scope, depth + 1))
            parts.append(f"{name} AS ({inner})")
            sound, nested, scope = sound and inner_sound, nested or inner_nested, scope | {name}
        defined = f"WITH {', '.join(parts)} "
    shape = draw(st.sampled_from(("table", "table", "name", "name", "from", "where", "value", "union", "join")))
    if shape == "table" or (depth >= 3 and shape != "name"):
        return f"{defined}SELECT count(*) AS a FROM silver.things", sound, nested
    if shape == "name":
        name = draw(st.sampled_from(NAMES))
        return f"{defined}SELECT count(*) AS a FROM {name}", sound and name in scope, nested
    one, one_sound, one_nested = draw(queries(scope, depth + 1))
    two, two_sound, two_nested = draw(queries(scope, depth + 1))
    text = {
        "from": f"SELECT count(*) AS a FROM ({one}) x, ({two}) y",
        "where": f"SELECT count(*) AS a FROM ({one}) x WHERE EXISTS ({two})",
        "value": f"SELECT ({one}) + ({two}) AS a FROM silver.things",
        "union": f"SELECT count(*) AS a FROM (({one}) UNION ALL ({two})) x",
        "join": f"SELECT count(*) AS a FROM ({one}) x LEFT JOIN ({two}) y ON x.a = y.a WHERE y.a IN ({one})",
    }[shape]
    return defined + text, sound and one_sound and two_sound, nested or one_nested or two_nested


@pytest.mark.slow
@given(queries())
@settings(max_examples=cases(80), deadline=None)
def test_a_name_out_of_the_scope_of_its_with_is_refused_by_the_text_and_by_the_plan(
    found: tuple[str, bool, bool],
) -> None:
    text, sound, nested = found
    event(f"sound: {sound}, nested: {nested}")
    with connect() as connection:
        connection.execute("CREATE SCHEMA silver; CREATE TABLE silver.things (id VARCHAR)")
        if sound and not nested:
            types = {name: {"id": "string"} for name in ("table", "previous", "silver.things")}
            made = declared_query(text, {"silver.things"}).spelled(types).duckdb
            connection.execute(made.replace("{silver.things}", "silver.things"))
            only_query(connection, text, ["silver.things"])
            return
        with pytest.raises(RefusedQuery):
            declared_query(text, {"silver.things"})
        with pytest.raises(PermissionError):
            only_query(connection, text, ["silver.things"])


def test_a_with_at_the_top_is_read_in_its_order() -> None:
    text = "WITH a AS (SELECT id FROM silver.things), b AS (SELECT id FROM a) SELECT count(*) FROM a JOIN b USING (id)"
    assert declared_query(text, {"silver.things"}).tables == ("silver.things",)
    with pytest.raises(RefusedQuery, match="'b' is no contracted table"):
        declared_query("WITH a AS (SELECT 1 AS i FROM b), b AS (SELECT 1 AS i) SELECT max(i) FROM a", ())


def test_a_column_that_is_called_like_a_function_of_the_engine_is_a_column() -> None:
    with connect() as connection:
        connection.execute('CREATE TABLE things ("user" VARCHAR); CREATE TABLE others (id VARCHAR)')
        only_query(connection, 'SELECT count(*) FROM things WHERE "user" IS NULL', ["things"])
        with pytest.raises(PermissionError, match="user is no column"):
            only_query(connection, 'SELECT max("user") FROM others', ["others"])
        with pytest.raises(PermissionError, match="session_user is no column"):
            only_query(connection, 'SELECT "session_user" FROM things', ["things"])
    with pytest.raises(RefusedQuery, match="'current_user' is not allowed"):
        declared_query('SELECT "current_user" FROM {table}', ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT " + "+".join(["1"] * 400), "nested more than 100 levels deep"),
        ("SELECT " + "NOT " * 400 + "true", "nested more than 100 levels|not a query"),
        ("SELECT " + "(" * 9_000 + "1" + ")" * 9_000, "not a query"),
        ("SELECT " + "CASE WHEN " * 1_500 + "true", "not a query"),
        ("SELECT 1 WHERE " + " AND ".join(["true"] * 20_000), "characters; at most 20,000"),
        ("SELECT 1 WHERE " + " AND ".join(["true"] * 2_000), "nested more than 100 levels deep"),
        ("SELECT 1 IN (" + ", ".join(["1"] * 6_000) + ")", None),
        ("SELECT length(" + "replace(" * 3 + "'a'" + ",'a','aaaaaaaaaaaaaaaaaaaa')" * 3 + ")", "8,000 times longer"),
        ("SELECT max(replace(id, 'a', id)) FROM {table}", "what replace puts in is a text"),
        ("SELECT max(replace(replace(replace(id, '-', ''), ' ', ''), '.', '0')) FROM {table}", None),
        (
            "WITH a0 AS (SELECT id AS s FROM {table}), "
            + ", ".join(f"a{n + 1} AS (SELECT s || s AS s FROM a{n})" for n in range(12))
            + " SELECT max(s) FROM a12",
            "4,096 times longer",
        ),
        ("SELECT max(concat(id, '-', id, '-', id)) FROM {table}", None),
        (
            "WITH a0 AS (SELECT 1 AS n), "
            + ", ".join(f"a{n + 1} AS (SELECT x.n FROM a{n} x, a{n} y)" for n in range(9))
            + " SELECT max(n) FROM a9",
            "more than 200 relations",
        ),
        ("SELECT count(*) FROM {table} LIMIT length('abc')", "take a whole number"),
        ("SELECT count_if(regexp_like(id, '^(a+)+$')) FROM {table}", r"\(a\+\)\+.*several ways"),
        ("SELECT count_if(regexp_like(id, id)) FROM {table}", "the pattern of regexp_like is a text"),
        ("SELECT count_if(regexp_like(id, '^a$')) FROM {table}", None),
    ],
)
@pytest.mark.slow
def test_a_query_that_grows_is_refused_before_an_engine_sees_it(text: str, why: str | None) -> None:
    if why is None:
        declared_query(text, ())
        return
    with pytest.raises(RefusedQuery, match=why):
        declared_query(text, ())
