"""A query becomes the function that a person would have written, or is refused by the part that has no plain form."""

from __future__ import annotations

import ast

import pytest

from sluice.contracts import AnyContract, Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.transforms.written import RefusedSelect, function_of, selected


def _columns(**kinds: str) -> tuple[Column, ...]:
    return tuple(Column(name, parse_type(kind), required=name.endswith("_id")) for name, kind in kinds.items())


_CONTRACTS: dict[str, AnyContract] = {
    contract.table: contract
    for contract in (
        LandingContract(
            name="visits", database="bronze", arrival=Arrival(format="csv"), key=("visit_id",),
            columns=_columns(visit_id="string", page="string", visited_at="timestamp", seconds="int"),
        ),
        DerivedContract(
            name="orders", database="silver", key=("order_id",),
            columns=_columns(order_id="bigint", visit_id="string", total="decimal(12,2)", page="string"),
        ),
        DerivedContract(name="makers", database="silver", key=("maker",), columns=_columns(maker="string")),
    )
}  # fmt: skip


def body(query: str) -> str:
    """Return the expression that the function returns."""
    module = ast.parse(function_of("gold.made", query, _CONTRACTS).text)
    (function,) = (node for node in module.body if isinstance(node, ast.FunctionDef))
    (returned,) = (node for node in function.body if isinstance(node, ast.Return))
    assert returned.value is not None
    return ast.unparse(returned.value)


@pytest.mark.parametrize(
    ("query", "made"),
    [
        ("SELECT * FROM silver.orders", 'orders.select("order_id", "visit_id", "total", "page")'),
        ("SELECT o.page, total AS money FROM silver.orders o",
         'orders.select("page", F.col("total").alias("money"))'),
        ("SELECT page FROM bronze.visits WHERE seconds > 3 AND page IS NOT NULL",
         'visits.where((F.col("seconds") > F.lit(3)) & F.col("page").isNotNull()).select("page")'),
        ("SELECT DISTINCT lower(trim(page)) AS p FROM bronze.visits",
         'visits.select(F.lower(F.trim(F.col("page"))).alias("p")).distinct()'),
        ("SELECT page, count(*) AS n, sum(total) AS s FROM silver.orders GROUP BY page",
         'orders.groupBy("page").agg(F.count("*").alias("n"), F.sum(F.col("total")).alias("s"))'),
        ("SELECT count(DISTINCT page) AS n, cast(visited_at AS date) AS day FROM bronze.visits GROUP BY 2",
         'visits.groupBy(F.col("visited_at").cast("date").alias("day"))'
         '.agg(F.count_distinct(F.col("page")).alias("n")).select("n", "day")'),
        ("SELECT max(seconds) AS m FROM bronze.visits", 'visits.agg(F.max(F.col("seconds")).alias("m"))'),
        ("SELECT page IN ('a', 'it''s') AS x, seconds NOT BETWEEN 1 AND 2 AS y FROM bronze.visits",
         'visits.select( F.col("page").isin("a", "it\'s").alias("x"), '
         '(~F.col("seconds").between(F.lit(1), F.lit(2))).alias("y"), )'),
        ("SELECT cast(-seconds AS bigint) AS n, (NOT seconds > 1) IS NULL AS m FROM bronze.visits",
         'visits.select((-F.col("seconds")).cast("bigint").alias("n"), '
         '(~(F.col("seconds") > F.lit(1))).isNull().alias("m"))'),
        ("SELECT page FROM bronze.visits WHERE NOT (seconds > 1 OR page = '')",
         'visits.where(~((F.col("seconds") > F.lit(1)) | (F.col("page") == F.lit("")))).select("page")'),
        ("SELECT coalesce(total, 0.5) AS t FROM silver.orders",
         'orders.select(F.coalesce(F.col("total"), F.lit("0.5").cast("decimal(1,1)")).alias("t"))'),
        ("SELECT cast(total AS double) / 2 AS half FROM silver.orders",
         'orders.select((F.col("total").cast("double") / F.lit(2)).alias("half"))'),
        ("SELECT page AS p FROM bronze.visits WHERE (page = '(') IS NULL OR page = ')'",
         'visits.where((F.col("page") == F.lit("(")).isNull() | (F.col("page") == F.lit(")")))'
         '.select(F.col("page").alias("p"))'),
        ("SELECT v.page AS page, count(*) AS n FROM bronze.visits v GROUP BY v.page",
         'visits.groupBy("page").agg(F.count("*").alias("n"))'),
        ("SELECT round(total, 1) AS t, avg(seconds) AS s FROM silver.orders o JOIN bronze.visits v "
         "ON o.visit_id = v.visit_id GROUP BY 1",
         'orders.join(visits.select("visit_id", F.col("page").alias("visits_page"), "visited_at", "seconds"), '
         '["visit_id"], "inner").groupBy(F.round(F.col("total"), 1).alias("t"))'
         '.agg(F.avg(F.col("seconds")).alias("s"))'),
        ("SELECT CASE WHEN seconds > 9 THEN 'long' ELSE 'short' END AS kind FROM bronze.visits",
         'visits.select(F.when(F.col("seconds") > F.lit(9), F.lit("long"))'
         '.otherwise(F.lit("short")).alias("kind"))'),
        ("SELECT 'say \"so\"' AS t FROM bronze.visits", "visits.select(F.lit('say \"so\"').alias(\"t\"))"),
    ],
)  # fmt: skip
def test_a_query_becomes_the_same_in_pyspark(query: str, made: str) -> None:
    assert body(query) == ast.unparse(ast.parse(made, mode="eval"))


def test_a_join_keeps_the_names_of_the_first_table() -> None:
    query = (
        "SELECT v.visit_id, v.page, o.page AS bought, o.total FROM bronze.visits v "
        "LEFT JOIN silver.orders o ON v.visit_id = o.visit_id"
    )
    made = body(query)
    assert "['visit_id'], 'left')" in made
    assert "F.col('page').alias('orders_page')" in made
    assert made.endswith(".select('visit_id', 'page', F.col('orders_page').alias('bought'), 'total')")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT page FROM bronze.visits ORDER BY page", "a table has no order"),
        ("SELECT page FROM bronze.visits LIMIT 3", "chance"),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", "WITH"),
        ("SELECT page FROM (SELECT page FROM bronze.visits)", "a query inside of a query"),
        ("SELECT page FROM bronze.visits WHERE page IN (SELECT page FROM silver.orders)", "a query inside"),
        ("SELECT row_number() OVER (ORDER BY page) AS n FROM bronze.visits", "a window"),
        ("SELECT page FROM bronze.visits UNION SELECT page FROM silver.orders", "one SELECT"),
        ("SELECT page, count(*) AS n FROM bronze.visits GROUP BY page HAVING count(*) > 1", "HAVING"),
        ("SELECT page, count(*) AS n FROM bronze.visits", "neither grouped by nor an aggregate"),
        ("SELECT count(*) FROM bronze.visits", "has no name"),
        ("SELECT pgae FROM bronze.visits", "pgae is in none of the tables"),
        ("SELECT page FROM bronze.visits v JOIN silver.orders o ON v.visit_id = o.visit_id", "in several"),
        ("SELECT o.visit_id FROM bronze.visits v LEFT JOIN silver.orders o ON v.visit_id = o.visit_id", "joined by"),
        ("SELECT v.page, m.maker FROM bronze.visits v LEFT JOIN silver.orders o ON v.visit_id = o.visit_id "
         "JOIN silver.makers m ON o.visit_id = m.maker", "o.visit_id is joined by"),
        ("SELECT v.page, m.maker FROM bronze.visits v LEFT JOIN silver.orders o ON v.visit_id = o.visit_id "
         "LEFT JOIN silver.makers m ON o.visit_id = m.maker", "o.visit_id is joined by"),
        ("SELECT v.page FROM bronze.visits v RIGHT JOIN silver.orders o ON v.visit_id = o.visit_id", "only JOIN and"),
        ("SELECT v.page FROM bronze.visits v JOIN silver.orders o ON v.seconds > o.total", "compares a column"),
        ("SELECT page FROM bronze.nothing", "no contract of bronze.nothing"),
        ("SELECT seconds / 2 AS half FROM bronze.visits", "divides whole numbers"),
        ("SELECT regexp_replace(page, 'a', 'b') AS p FROM bronze.visits", "no plain form"),
        ("DROP TABLE bronze.visits", "one SELECT"),
        ("SELECT lower(page) AS page, count(*) AS n FROM bronze.visits GROUP BY page", "among those that are selected"),
        ("SELECT o.page AS page, count(*) AS n FROM bronze.visits v JOIN silver.orders o ON v.visit_id = o.visit_id "
         "GROUP BY v.page", "among those that are selected"),
        ("SELECT lower(page) AS page, max(page) AS m FROM bronze.visits GROUP BY 1", "another name"),
        ("SELECT page, count(*) AS n FROM bronze.visits GROUP BY 1, 2", "is an aggregate"),
        ("SELECT page FROM bronze.visits TABLESAMPLE BERNOULLI (10)", "sample has no plain form"),
        ("SELECT page FROM bronze.visits FOR TIMESTAMP AS OF TIMESTAMP '2024-01-01 00:00:00'", "version has no"),
        ("SELECT page FROM bronze.visits FOR VERSION AS OF 123", "version has no"),
        ("SELECT page FROM bronze.visits v(a, b, c, d)", "columns has no plain form"),
        ("SELECT page, count(*) AS n FROM bronze.visits GROUP BY ALL", "all has no plain form"),
        ("SELECT page, count(*) AS n FROM bronze.visits GROUP BY ROLLUP (page)", "ROLLUP .page.: it has no plain form"),
        ("SELECT v.page FROM bronze.visits v JOIN silver.orders o ON v.visit_id = o.visit_id AND v.visit_id = o.page",
         "two columns of orders"),
        ("SELECT page FROM x.bronze.visits", "catalog has no plain form"),
        ("SELECT page FROM bronze.visits FETCH FIRST 3 ROWS ONLY", "chance"),
        ("SELECT visit_id, page AS visit_id FROM bronze.visits", "visit_id twice"),
        ("SELECT greatest(seconds, 3) AS g FROM bronze.visits", "no plain form"),
        ("SELECT max(page, 2) AS x FROM bronze.visits", "expressions has no plain form"),
        ("SELECT trim(LEADING 'a' FROM page) AS x FROM bronze.visits", "has no plain form"),
        ("SELECT cast(page AS varchar(3)) AS r FROM bronze.visits", "no such type"),
        ("SELECT cast(visited_at AS timestamp(0)) AS r FROM bronze.visits", "no such type"),
        ("SELECT cast(visited_at AS varchar) AS r FROM bronze.visits", "write a timestamp differently"),
        ("SELECT cast(total AS bigint) AS r FROM silver.orders", "rounds to whole numbers"),
        ("SELECT cast(coalesce(total, 1) * 2 AS int) AS r FROM silver.orders", "rounds to whole numbers"),
        ("SELECT cast(CASE WHEN true THEN 1.5 ELSE 2 END AS int) AS r FROM silver.orders", "rounds to whole numbers"),
        ("SELECT avg(total) AS a FROM silver.orders", "average of decimals"),
        ("SELECT total / 2 AS a FROM silver.orders", "rounds decimals"),
        ("SELECT round(total, -1) AS r FROM silver.orders", "0 or more"),
        ("SELECT round(total, order_id) AS r FROM silver.orders", "0 or more"),
        ("SELECT FROM WHERE", "no query in Athena's SQL|FROM names one table"),
        ("SELECT cast(page AS json) AS j FROM bronze.visits", "no such type"),
        ("SELECT page AS \"My Page\" FROM bronze.visits", "no name of a column"),
    ],
)  # fmt: skip
def test_what_has_no_plain_form_is_refused_by_its_part(query: str, why: str) -> None:
    with pytest.raises(RefusedSelect, match=why):
        function_of("gold.made", query, _CONTRACTS)


def test_a_key_is_kept_where_it_is_one_still() -> None:
    def key(query: str) -> tuple[str, ...]:
        return function_of("gold.made", query, _CONTRACTS).key

    assert key("SELECT order_id AS id, page FROM silver.orders") == ("id",)
    assert key("SELECT page FROM silver.orders") == ()
    assert key("SELECT visit_id, page FROM bronze.visits") == ()  # it may have arrived twice
    assert key("SELECT visit_id, count(*) AS n FROM bronze.visits GROUP BY 1") == ("visit_id",)
    assert key("SELECT page, count(*) AS n FROM bronze.visits GROUP BY 1") == ()  # it may be null
    assert selected("gold.made", _CONTRACTS["silver.orders"]).key == ("order_id",)
    assert selected("gold.made", _CONTRACTS["bronze.visits"]).key == ()


def test_what_comes_into_a_column_is_known() -> None:
    query = (
        "SELECT lower(v.page) AS p, count(o.page) AS n, max(concat(o.page, v.page)) AS both, v.visit_id AS id "
        "FROM bronze.visits v JOIN silver.orders o ON v.visit_id = o.visit_id GROUP BY lower(v.page), v.visit_id"
    )
    found = function_of("gold.made", query, _CONTRACTS)
    assert found.sources == {
        "p": (("bronze.visits", "page"),),
        "n": (),
        "both": (("silver.orders", "page"), ("bronze.visits", "page")),
        "id": (("bronze.visits", "visit_id"), ("silver.orders", "visit_id")),
    }
    assert found.passed == {"id"}


def test_a_table_named_by_a_word_of_python_is_no_parameter() -> None:
    contract = LandingContract(
        name="class", database="bronze", arrival=Arrival(format="csv"), key=(), columns=_columns(a="int")
    )
    with pytest.raises(RefusedSelect, match="class is a word of Python"):
        selected("gold.made", contract)
