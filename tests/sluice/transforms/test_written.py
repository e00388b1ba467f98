"""A query becomes the function that a person would have written, or is refused by the part that has no plain form."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contracts import AnyContract, Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.transforms.check_sql.literals import number
from sluice.transforms.check_sql.texts import WHITE
from sluice.transforms.written import function_of, selected
from sluice.transforms.written_kinds import RefusedSelect


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
        DerivedContract(
            name="makers", database="silver", key=("maker",),
            columns=_columns(maker="string", visit_id="string", makers_visit_id="string", makers_visit_id_2="string",
                             number="int"),
        ),
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
        ("SELECT DISTINCT lower(trim(BOTH ' ' FROM page)) AS p FROM bronze.visits",
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
         'orders.select(F.coalesce(F.col("total"), F.lit(0.5)).alias("t"))'),
        ("SELECT coalesce(total, DECIMAL '0.50') AS t FROM silver.orders",
         'orders.select(F.coalesce(F.col("total"), F.lit("0.50").cast("decimal(2,2)")).alias("t"))'),
        ("SELECT seconds / 2.0 AS h, avg(seconds * 1.5) AS a, max(2e0) AS m FROM bronze.visits GROUP BY 1",
         'visits.groupBy((F.col("seconds") / F.lit(2.0)).alias("h"))'
         '.agg(F.avg((F.col("seconds") * F.lit(1.5))).alias("a"), F.max(F.lit(2.0)).alias("m"))'),
        ("SELECT page FROM silver.orders WHERE total >= 9.50 AND total BETWEEN -1.5 AND 3 AND total IN (1.5, (-2))",
         'orders.where(((F.col("total") >= F.lit("9.50").cast("decimal(3,2)")) '
         '& F.col("total").between(F.lit("-1.5").cast("decimal(2,1)"), F.lit(3))) '
         '& F.col("total").isin(F.lit("1.5").cast("decimal(2,1)"), F.lit(-2))).select("page")'),
        ("SELECT page FROM silver.orders WHERE total > 1.5e0 OR total * 2 > 1.5 OR total > 1.0000000000000001",
         'orders.where(((F.col("total") > F.lit(1.5)) | ((F.col("total") * F.lit(2)) > F.lit(1.5))) '
         '| (F.col("total") > F.lit(1.0))).select("page")'),
        ("SELECT page FROM bronze.visits WHERE seconds IN (-1, 1, (2)) AND seconds NOT IN (1.5)",
         'visits.where(F.col("seconds").isin(-1, 1, 2) & (~F.col("seconds").isin(1.5))).select("page")'),
        ("SELECT page FROM bronze.visits WHERE visited_at >= TIMESTAMP '2024-01-01 00:00:00' "
         "AND visited_at < TIMESTAMP '2024-01-01 10:00:00.25' AND date(visited_at) IN (DATE '2024-01-01')",
         'visits.where(((F.col("visited_at") >= F.lit("2024-01-01 00:00:00").cast("timestamp")) '
         '& (F.col("visited_at") < F.lit("2024-01-01 10:00:00.25").cast("timestamp"))) '
         '& F.col("visited_at").cast("date").isin(F.lit("2024-01-01").cast("date"))).select("page")'),
        ("SELECT cast(NULL AS varchar) AS n, cast(seconds > 1 AS varchar) AS b, cast(total AS varchar) AS t, "
         "cast(coalesce(NULL, seconds) AS int) AS i FROM silver.orders o JOIN bronze.visits v USING (VISIT_ID)",
         'orders.join(visits.select("visit_id", "seconds"), '
         '["visit_id"], "inner").select(F.lit(None).cast("string").alias("n"), '
         '(F.col("seconds") > F.lit(1)).cast("string").alias("b"), F.col("total").cast("string").alias("t"), '
         'F.coalesce(F.lit(None), F.col("seconds")).cast("int").alias("i"))'),
        ("SELECT t.* FROM silver.orders t WHERE -total < 0", 'orders.where((-F.col("total")) < F.lit(0))'
         '.select("order_id", "visit_id", "total", "page")'),
        ("SELECT m.*, o.page FROM silver.orders o JOIN silver.makers m ON (m.maker = o.page)",
         'orders.join(makers.select(F.col("maker").alias("page"), F.col("visit_id").alias("makers_visit_id_3"), '
         '"makers_visit_id", "makers_visit_id_2", "number"), ["page"], "inner").select(F.col("page").alias("maker"), '
         'F.col("makers_visit_id_3").alias("visit_id"), "makers_visit_id", "makers_visit_id_2", "number", "page")'),
        ("SELECT m.number AS n, o.order_id FROM silver.orders o JOIN silver.makers m ON m.number = o.order_id",
         'orders.join(makers.select(F.col("number").cast("bigint").alias("order_id")), ["order_id"], "inner")'
         '.select(F.col("order_id").cast("int").alias("n"), "order_id")'),
        ("SELECT cast(total AS double) / 2 AS half FROM silver.orders",
         'orders.select((F.col("total").cast("double") / F.lit(2)).alias("half"))'),
        ("SELECT page AS p FROM bronze.visits WHERE (page = '(') IS NULL OR page = ')'",
         'visits.where((F.col("page") == F.lit("(")).isNull() | (F.col("page") == F.lit(")")))'
         '.select(F.col("page").alias("p"))'),
        ("SELECT v.page AS page, count(*) AS n FROM bronze.visits v GROUP BY v.page",
         'visits.groupBy("page").agg(F.count("*").alias("n"))'),
        ("SELECT round(total, 1) AS t, avg(seconds) AS s FROM silver.orders o JOIN bronze.visits v "
         "ON o.visit_id = v.visit_id GROUP BY 1",
         'orders.join(visits.select("visit_id", "seconds"), '
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
        ("SELECT trim(LEADING 'a' FROM page) AS x FROM bronze.visits", r"takes other letters .*LEADING ' ' FROM page"),
        ("SELECT trim(BOTH page FROM page) AS x FROM bronze.visits", "takes other letters away"),
        ("SELECT trim(page) AS x FROM bronze.visits", r"white space of all kinds .*write trim\(BOTH ' ' FROM page\)"),
        ("SELECT rtrim(page) AS x FROM bronze.visits", r"white space .*write trim\(TRAILING ' ' FROM page\)"),
        ("SELECT cast(coalesce(visited_at, date(visited_at)) AS varchar) AS r FROM bronze.visits", "write a timestamp"),
        ("SELECT cast(CASE WHEN true THEN date(visited_at) ELSE visited_at END AS varchar) AS r FROM bronze.visits",
         "write a timestamp"),
        ("SELECT cast(coalesce(page, seconds) AS varchar) AS r FROM bronze.visits", "is not known"),
        ("SELECT cast(1.5 AS varchar) AS r FROM bronze.visits", "write a double"),
        ("SELECT cast(2.5 AS int) AS r FROM bronze.visits", "rounds to whole numbers"),
        ("SELECT 99999999999999999999 AS r FROM bronze.visits", "more than 64 bits"),
        ("SELECT 1e999 AS r FROM bronze.visits", "beyond every double"),
        ("SELECT DECIMAL 'x' AS r FROM bronze.visits", "is no decimal"),
        ("SELECT page FROM bronze.visits WHERE visited_at > TIMESTAMP '2024-02-30 00:00:00'", "a time that there is"),
        ("SELECT page FROM bronze.visits WHERE visited_at > TIMESTAMP '2024-01-01 00:00:00 UTC'", "no such type"),
        ("SELECT page FROM bronze.visits WHERE date(visited_at) = DATE '2024-02-30'", "a day that there is"),
        ("SELECT cast('2024-01-01 00:00:00.75' AS timestamp(0)) AS r FROM bronze.visits", "no such type"),
        ("SELECT page FROM bronze.visits WHERE seconds IN (1, NULL)", "IN lists values that stand"),
        ("SELECT page FROM bronze.visits WHERE page IN (page, 'a')", "IN lists values that stand"),
        ("SELECT * FROM bronze.visits v JOIN silver.orders o ON v.visit_id = o.visit_id", r"write t\.\*"),
        ("SELECT x.* FROM bronze.visits v", "the tables are called v"),
        ("SELECT o.* FROM bronze.visits v LEFT JOIN silver.orders o ON v.visit_id = o.visit_id", "joined by"),
        ("SELECT v.page FROM bronze.visits v JOIN silver.orders o USING (seconds)",
         "silver.orders has no column seconds"),
        ("SELECT v.page FROM bronze.visits v JOIN silver.orders o ON o.total = v.seconds",
         r"o.total is decimal\(12,2\), v.seconds is int, and one column has the values of both: write the join"),
        ("SELECT v.page FROM silver.makers m JOIN silver.orders v ON v.order_id = m.number",
         "begin with the other table"),
        ("SELECT v.page FROM silver.makers m LEFT JOIN silver.orders v ON v.order_id = m.number",
         "both: write the join"),
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


@given(st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{0,6})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_a_number_is_of_the_type_that_it_has_in_a_check(digits: str) -> None:
    made = body(f"SELECT {digits} AS n FROM silver.orders")
    found = ast.literal_eval(made.removeprefix("orders.select(F.lit(").removesuffix(").alias('n'))"))
    assert isinstance(found, float) == (number(digits).type == "double")
    assert found == float(digits)


@given(st.sampled_from(WHITE), st.sampled_from(["", "BOTH", "LEADING", "TRAILING"]))
def test_spaces_alone_are_what_a_written_trim_takes_away(letter: str, side: str) -> None:
    query = f"SELECT trim({side} '{letter}' FROM page) AS p FROM silver.orders"
    if letter == " ":
        assert "trim(F.col('page'))" in body(query)
    else:
        with pytest.raises(RefusedSelect, match="other letters"):
            function_of("gold.made", query, _CONTRACTS)
