"""Calls of Athena's SQL that a check may make, on every type of column: what the differential test of checks tries."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import product

#: Columns by type, two of each; ``float`` is a double that was cut, so that every type of a contract is there.
COLUMNS = {
    "string": "string", "int": "int", "bigint": "bigint", "float": "float", "double": "double",
    "decimal(12,2)": "decimal", "decimal(18,6)": "decimal_18_6", "boolean": "boolean", "date": "date",
    "timestamp": "timestamp_ntz", "binary": "binary",
}  # fmt: skip
NUMBERS = ("int", "bigint", "float", "double", "decimal(12,2)", "decimal(18,6)")
_ORDERED = (*NUMBERS, "string", "date", "timestamp")
#: Literals with which columns of each type are compared, and that stand in lists.
LITERALS = {
    "string": ("'a'", "''", "'straße'", "'a\\b'", "'it''s'"),
    "int": ("0", "-7", "2147483648", "0.5"),
    "bigint": ("0", "-1", "9223372036854775807", "1.5"),
    "float": ("0.5", "0", "1e3"),
    "double": ("0.5", "-0.0", "100", "1e300"),
    "decimal(12,2)": ("0", "0.5", "1.005", "DECIMAL '3.33'", "99999999999"),
    "decimal(18,6)": ("0.000001", "DECIMAL '-0.5'", "7"),
    "boolean": ("true",),
    "date": ("DATE '2024-02-29'", "'2024-02-29'", "current_date"),
    "timestamp": ("TIMESTAMP '2024-02-29 10:00:00'", "DATE '2024-01-31'", "current_timestamp"),
}
_PATTERNS = (
    "'%a%'",
    "'a_'",
    "'a\\_b'",
    "'%\\%'",
    "'x!%' ESCAPE '!'",
    "'!_a!!%' ESCAPE '!'",
    "'%ß%'",
    "'%\\%%' ESCAPE '\\'",
)
_PARTS = ("year", "quarter", "month", "week", "day", "doy", "dow")
_CLOCK = ("hour", "minute", "second")

#: Functions by name; ``{a}`` and ``{b}`` are columns of the type, after the types.
VALUES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "+ - *": (NUMBERS, ("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} + 1", "3 - {a}", "{a} * -2", "{a} * 0.5", "-{a}")),
    "/": (NUMBERS, ("{a} / {b}", "{a} / 7", "{a} / -1", "{a} / 0", "100.0 * {a} / 3", "1 / {a}")),
    "%": (("int", "bigint", "double", "float"), ("{a} % {b}", "mod({a}, 7)", "{a} % 0")),
    "abs, sign": (NUMBERS, ("abs({a})", "sign({a})")),
    "round": (NUMBERS, ("round({a})", "round({a}, 0)", "round({a}, 2)", "floor({a})", "ceil({a})", "ceiling({a})")),
    "sqrt": (NUMBERS, ("sqrt({a})",)),
    "= < > between": (
        tuple(LITERALS),
        ("{a} = {b}", "{a} <> {b}", "{a} < {b}", "{a} >= {b}", "{a} BETWEEN {b} AND {a}", "{a} IS NOT DISTINCT FROM {b}",
         "{a} IS DISTINCT FROM {b}", "{a} NOT BETWEEN {b} AND {a}", "{a} IS NULL", "{a} IS NOT NULL"),
    ),
    "in": (tuple(LITERALS), ("{a} IN ({b}, {a})", "{a} NOT IN ({b}, NULL)", "{a} IN ({b})")),
    "coalesce, nullif, case, if": (
        tuple(LITERALS),
        ("coalesce({a}, {b})", "nullif({a}, {b})", "CASE WHEN boolean_a THEN {a} ELSE {b} END", "if(boolean_a, {a})",
         "CASE {a} WHEN {b} THEN 1 ELSE 2 END", "coalesce(NULL, {a}, {b})"),
    ),
    "greatest, least": (_ORDERED, ("greatest({a}, {b})", "least({a}, {b}, {a})")),
    "is null": (("binary",), ("{a} IS NULL",)),
    "and, or, not": (("boolean",), ("{a} AND {b}", "{a} OR {b}", "NOT {a}", "{a} IS TRUE", "{a} IS NOT FALSE")),
    "lower, upper, length, reverse": (
        ("string",), ("lower({a})", "upper({a})", "length({a})", "reverse({a})", "upper(lower({a}) || {b})"),
    ),
    "trim": (("string",), ("trim({a})", "ltrim({a})", "rtrim({a})", "trim(BOTH 'a ' FROM {a})", "trim(LEADING '.' FROM {a})")),
    "substr": (
        ("string",),
        (*(f"substr({{a}}, {at})" for at in (0, 1, 2, -1, -3, 400, -400)),
         *(f"substr({{a}}, {at}, {size})" for at in (0, 1, 3, -2, -400) for size in (0, 1, 2, -1, 400)),
         "substr({a}, 2, int_a)"),
    ),
    "concat": (("string",), ("{a} || {b}", "concat({a}, '-', {b})", "concat_ws('|', {a}, {b})")),
    "strpos, starts_with": (("string",), ("strpos({a}, {b})", "strpos({a}, 'a')", "strpos({a}, '')", "starts_with({a}, {b})")),
    "replace": (("string",), ("replace({a}, 'a', 'bb')", "replace({a}, 'ab')", "replace({a}, 'ß', '')")),
    "split_part": (("string",), ("split_part({a}, ',', 1)", "split_part({a}, ',', 3)", "split_part({a}, 'aa', 2)")),
    "like": (("string",), (*(f"{{a}} LIKE {pattern}" for pattern in _PATTERNS), "{a} NOT LIKE 'a%'")),
    "regexp_like": (("string",), ("regexp_like({a}, '^[a-z]+$')", "regexp_like({a}, 'a.b')", r"regexp_like({a}, '\s')")),
    "year to day": (("date", "timestamp"), (*(f"extract({part} FROM {{a}})" for part in _PARTS), "year({a})", "day({a})",
                                            "month({a})", "quarter({a})", "date({a})", "day_of_month({a})",
                                            "date_trunc('week', CAST({a} AS date))")),
    "hour to second": (("timestamp",), (*(f"extract({part} FROM {{a}})" for part in _CLOCK), "hour({a})", "minute({a})",
                                        "second({a})")),
    "date_trunc": (("date", "timestamp"), tuple(f"date_trunc('{unit}', {{a}})" for unit in ("year", "quarter", "month", "week", "day"))),
    "date_trunc of the clock": (("timestamp",), tuple(f"date_trunc('{unit}', {{a}})" for unit in _CLOCK)),
    "date_add": (
        ("date", "timestamp"),
        (*(f"date_add('{unit}', {count}, {{a}})" for unit in ("day", "week", "month", "quarter", "year") for count in (1, -1, 13)),
         "{a} + INTERVAL '1' DAY", "{a} - INTERVAL '3' MONTH", "{a} + INTERVAL '-2' YEAR", "INTERVAL '7' DAY + {a}"),
    ),
    "date_add of the clock": (
        ("timestamp",), ("date_add('hour', -5, {a})", "{a} + INTERVAL '90' MINUTE", "{a} - INTERVAL '86399' SECOND"),
    ),
    "date_diff": (("date",), tuple(f"date_diff('{unit}', {{a}}, {{b}})" for unit in ("day", "week", "month", "quarter", "year"))),
    "date_diff of times": (("timestamp",), tuple(f"date_diff('{unit}', {{a}}, {{b}})" for unit in ("millisecond", "second", "minute", "hour", "day", "week"))),
    "cast to varchar": (("string", "int", "bigint", "decimal(12,2)", "boolean", "date", "timestamp"), ("CAST({a} AS varchar)",)),
    "cast to numbers": (
        ("string", *NUMBERS, "boolean"),
        ("CAST({a} AS integer)", "TRY_CAST({a} AS bigint)", "CAST({a} AS decimal(14,3))", "CAST({a} AS decimal)", "CAST({a} AS double)"),
    ),
    "cast to boolean": (("string", "int", "bigint", "double"), ("CAST({a} AS boolean)",)),
    "cast to date and timestamp": (("string", "date", "timestamp"), ("CAST({a} AS date)", "CAST({a} AS timestamp)")),
    "current_date, current_timestamp": (
        ("date", "timestamp"), ("{a} > current_date", "{a} < current_timestamp", "current_timestamp - INTERVAL '1' DAY > {a}"),
    ),
}  # fmt: skip
#: Aggregates by name, tried on groups, on all rows, on no rows, and over windows.
AGGREGATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "count": ((*LITERALS, "binary"), ("count({a})", "count(*)", "count(*) FILTER (WHERE int_a > 0)")),
    "count distinct": (tuple(LITERALS), ("count(DISTINCT {a})", "approx_distinct({a})")),
    "sum": (NUMBERS, ("sum({a})", "sum({a}) FILTER (WHERE boolean_a)", "sum(CAST({a} * 100 AS bigint))")),
    "avg": (NUMBERS, ("avg({a})",)),
    "min, max": (_ORDERED, ("min({a})", "max({a})", "max({a}) FILTER (WHERE boolean_a)")),
    "bool_and, bool_or, count_if": (("boolean",), ("bool_and({a})", "bool_or({a})", "count_if({a})")),
}  # fmt: skip
WINDOWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "row_number": (("int",), ("row_number() OVER (PARTITION BY g ORDER BY row)",)),
    "rank": (
        _ORDERED,
        ("rank() OVER (PARTITION BY g ORDER BY {a})", "dense_rank() OVER (ORDER BY {a} DESC)",
         "rank() OVER (ORDER BY {a} NULLS FIRST)", "count(*) OVER (PARTITION BY {a})",
         "count({b}) OVER (PARTITION BY g ORDER BY {a})",
         "count(*) OVER (PARTITION BY g ORDER BY {a} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"),
    ),
    "lag, lead, first_value, last_value": (
        _ORDERED,
        ("lag({a}) OVER (ORDER BY row)", "lead({a}, 3) OVER (PARTITION BY g ORDER BY row)",
         "first_value({a}) OVER (PARTITION BY g ORDER BY row DESC)", "last_value({a}) OVER (PARTITION BY g ORDER BY row)",
         "last_value({a}) OVER (ORDER BY row ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING)"),
    ),
}  # fmt: skip
#: What SQLGlot parses, and the engines read otherwise or not at all.
READ_OTHERWISE = (
    "SELECT count(*) FROM {table} x, {table} y RIGHT JOIN {previous} z ON y.row = z.row AND y.g < 0",
    "SELECT count(*) FROM {table} x, {table} y FULL JOIN {previous} z ON y.row = z.row",
    "SELECT count(*) FROM {table} x JOIN {table} y ON y.row = x.row, {previous} z WHERE z.row = y.row",
    "SELECT count(*) FROM {table} x LEFT INNER JOIN {table} y ON y.row = x.row",
    "SELECT count(*) FROM {table} x LEFT JOIN {previous} y",
    "SELECT count(*) FROM {table} x CROSS JOIN {previous} y ON x.int_a = y.int_a",
    "SELECT count(*) FROM {table} x JOIN {previous} y USING (int_a) JOIN {table} z USING (int_a)",
    "SELECT count(*) FROM {table} WHERE DATE '2026-02-30' IS NULL",
    "SELECT count(*) FROM {table} WHERE date('nonsense') IS NULL",
    "SELECT max(n) FROM (SELECT sum(int_a) OVER (ORDER BY int_a ROWS '3' PRECEDING) AS n FROM {table}) q",
    "SELECT count(*) FROM ({table} x JOIN {previous} y ON greatest(x.{a}, y.{b}, NULL) > 0)",
    "SELECT count(*) FROM {table} z JOIN ({table} x JOIN {table} y ON x.row = y.row) ON z.row = x.row",
    "SELECT max({a}) FROM ((SELECT {a} FROM {table}) ORDER BY greatest({a}, NULL) LIMIT 1) q",
    "(SELECT {a} FROM {table}) LIMIT 1",
    "SELECT count(*) FROM {table} WINDOW w AS (PARTITION BY g = 1)",
    "SELECT count(*) FROM {table} x ASOF JOIN {previous} p ON x.{a} >= p.{a}",
    "SELECT count(*) FROM {table} x NATURAL JOIN {previous} y",
    "SELECT count(*) FROM {table} x LEFT SEMI JOIN {table} y ON x.{a} = y.{b}",
    "SELECT count(*) FILTER (WHERE NOT ({a} IN (SELECT {b} FROM {previous}))) FROM {table}",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT count(*) FROM {previous} y WHERE y.{a} = x.{a})",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT 1 FROM {previous} y WHERE y.{a} = x.{a} HAVING count(*) = 0)",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT y.g FROM {previous} y WHERE y.{a} = x.{a} GROUP BY y.g)",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT y.g FROM {previous} y WHERE y.{a} > x.{a} ORDER BY y.g LIMIT 1)",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT rank() OVER (ORDER BY y.g) FROM {previous} y WHERE y.{a} = x.{a})",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT 1 FROM {table} y WHERE y.g = x.g UNION SELECT 1 FROM {table} z WHERE z.g = x.g)",
    "SELECT count(*) FROM {table} x WHERE EXISTS (SELECT 1 FROM {table} y WHERE EXISTS (SELECT 1 FROM {table} z WHERE z.g = x.g))",
    "WITH w AS (SELECT g, {a} FROM {table}) SELECT count(*) FROM w WHERE {a} > (SELECT max(y.{a}) FROM {table} y WHERE y.g = w.g)",
    "SELECT sum(t.row) FROM {table} t(g, row)",
    "WITH w(b, a) AS (SELECT row, g FROM {table} UNION ALL SELECT g, row FROM {table}) SELECT max(a) FROM w",
    "SELECT max(q.x) FROM (SELECT {a} AS x, g AS X FROM {table}) q",
    "SELECT count(*) FROM (SELECT * FROM {table} x JOIN {previous} y ON x.row = y.row) q WHERE g > 0",
    "SELECT count(*) FROM (SELECT {a} FROM {table} UNION ALL BY NAME SELECT {a} FROM {table}) q",
    "SELECT count(*) FROM (SELECT {a} FROM {table} UNION ALL SELECT {a}, g FROM {table}) q",
    "SELECT max(r) FROM (SELECT sum({a}) OVER (ORDER BY row ROWS BETWEEN 1 PRECEDING AND 3 PRECEDING) AS r FROM {table}) q",
    "SELECT max(r) FROM (SELECT sum({a}) OVER (ORDER BY row ROWS 99999999999 PRECEDING) AS r FROM {table}) q",
    "SELECT max(r) FROM (SELECT sum({a}) OVER (ORDER BY row ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) AS r FROM {table}) q",
    "SELECT DISTINCT {a} FROM {table} ORDER BY row LIMIT 1",
    "SELECT {a} FROM {table} ORDER BY max({a}) OVER () LIMIT 1",
    "SELECT row FROM {table} ORDER BY row LIMIT 9999999999",
    "SELECT count_if({a} BETWEEN SYMMETRIC 5 AND 1) FROM {table}",
    "SELECT count_if(regexp_like(string_a, 'a', 'i')) FROM {table}",
    "SELECT max(strpos(string_a, 'a', 2)) FROM {table}",
    "SELECT max(floor(double_a, 2)) FROM {table}",
    "SELECT max(ceil(double_a, 2)) FROM {table}",
    "SELECT max(round(double_a, 2, 1)) FROM {table}",
    "SELECT max(length(string_a, 'utf8')) FROM {table}",
    "SELECT max(date(timestamp_ntz_a, 'Europe/Berlin')) FROM {table}",
    "SELECT count_if(date_a > current_date('Europe/Berlin')) FROM {table}",
    "SELECT count_if(timestamp_ntz_a > current_timestamp(3)) FROM {table}",
    "SELECT max(CAST(timestamp_ntz_a AS timestamp(0))) FROM {table}",
    "SELECT max({a}, 2) FROM {table}",
    "SELECT max(date_a + INTERVAL '--5' DAY) FROM {table}",
    "SELECT max(date_a + INTERVAL '\u00b2' DAY) FROM {table}",
    "SELECT count_if(double_a < 1e400) FROM {table}",
    f"SELECT count_if({{a}} < {'9' * 5000}) FROM {{table}}",
)
_TWO = "{table} x JOIN {table} y ON "
#: Whole checks by clause; each gives one value.
CLAUSES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "joins": (
        tuple(LITERALS),
        ("SELECT count(*) FROM {table} x JOIN {table} y ON x.{a} = y.{b}",
         "SELECT count(*) FROM {table} x LEFT JOIN {table} y ON x.{a} = y.{b} AND y.int_a > 0 WHERE y.row IS NULL",
         "SELECT count(*) FROM {table} x FULL JOIN {table} y ON x.{a} = y.{b}",
         "SELECT count(*) FROM {table} JOIN {previous} USING ({a})"),
    ),
    "group by": (
        tuple(LITERALS),
        ("SELECT count(*) FROM (SELECT {a} FROM {table} GROUP BY {a} HAVING count(*) > 1)",
         "SELECT sum(n) FROM (SELECT {a}, count(*) AS n FROM {table} GROUP BY 1) q WHERE {a} IS NOT NULL",
         "SELECT count(*) FROM (SELECT DISTINCT {a}, {b} FROM {table})",
         "SELECT count(*) FROM (SELECT {a}, g FROM {table} GROUP BY ROLLUP ({a}, g)) q"),
    ),
    "union, intersect, except": (
        tuple(LITERALS),
        ("SELECT count(*) FROM (SELECT {a} FROM {table} UNION SELECT {b} FROM {table})",
         "SELECT count(*) FROM (SELECT {a} FROM {table} UNION ALL SELECT {b} FROM {table})",
         "SELECT count(*) FROM (SELECT {a} FROM {table} INTERSECT SELECT {b} FROM {table})",
         "SELECT count(*) FROM (SELECT {a} FROM {table} EXCEPT SELECT {b} FROM {table})"),
    ),
    "queries inside": (
        tuple(LITERALS),
        ("SELECT count(*) FROM {table} WHERE {a} IN (SELECT {b} FROM {table})",
         "SELECT count(*) FROM {table} WHERE {a} NOT IN (SELECT {b} FROM {table})",
         "SELECT count(*) FROM {table} WHERE {a} NOT IN (SELECT {b} FROM {table} WHERE {b} IS NOT NULL)",
         "SELECT count(*) FROM {table} x WHERE NOT EXISTS (SELECT 1 FROM {table} y WHERE y.{b} = x.{a} AND y.row > x.row)",
         "SELECT count_if({a} IN (SELECT {b} FROM {table})) FROM {table}",
         "WITH w AS (SELECT {a} AS v FROM {table} WHERE {a} IS NOT NULL) SELECT count(*) - (SELECT count(*) FROM w) FROM {previous}"),
    ),
    "order by and limit": (
        _ORDERED,
        ("SELECT {a} FROM {table} ORDER BY {a} LIMIT 1", "SELECT {a} FROM {table} ORDER BY {a} DESC, row LIMIT 1",
         "SELECT {a} FROM {table} ORDER BY {a} NULLS FIRST LIMIT 1", "SELECT max(row) FROM (SELECT row FROM {table} ORDER BY {a}, row LIMIT 30)"),
    ),
    "alone": (
        ("int",),
        ("SELECT CASE WHEN count(*) = 0 THEN 0.0 ELSE 100.0 * count_if({a} > 0) / count(*) END FROM {table}",
         "SELECT max(w) FROM (SELECT row_number() OVER (PARTITION BY g ORDER BY row DESC) AS w FROM {table})",
         "SELECT sum(decimal_a) / sum({a}) FROM {table}", "SELECT sum(decimal_a * DECIMAL '1.19') FROM {table}",
         "SELECT 1", "SELECT count(*) FROM {table} WHERE false", "SELECT sum({a}) FROM {table} WHERE g < 0",
         "SELECT count(*) FROM (SELECT * FROM {table}) q CROSS JOIN (SELECT max(row) AS m FROM {table}) r WHERE q.row = r.m",
         "SELECT count(*) FROM {table} x, {previous} y WHERE x.row = y.row AND NULL", "SELECT max(bigint_a / -1) FROM {table}",
         "SELECT count(*) FROM {table} x, {table} y, {previous} z WHERE z.row = y.row AND x.row = y.row",
         "SELECT max(CAST('3.33' AS decimal)) FROM {table}", "SELECT max(CAST('12345678901234567890' AS decimal)) FROM {table}",
         "SELECT max(DECIMAL '-3.330') FROM {table}", "SELECT max(CAST('3.5' AS decimal(3,1))) FROM {table}",
         "SELECT -{a} AS int_a FROM {table} ORDER BY int_a + 1, row LIMIT 1", "SELECT count(*) FROM (SELECT sum({a}) AS int_a FROM {table} HAVING sum(int_a) > 1) q",
         "SELECT count(*) FROM (SELECT g FROM {table} EXCEPT ALL SELECT {a} FROM {previous}) q",
         "SELECT DISTINCT {a} FROM {table} ORDER BY {a} LIMIT 1"),
    ),
    "moments far away": (
        ("date", "timestamp"),
        ("SELECT max({a} + INTERVAL '100000' WEEK) FROM {table}", "SELECT min({a} - INTERVAL '1000' YEAR) FROM {table}",
         "SELECT count({a} + INTERVAL '1000' YEAR) FROM {table}"),
    ),
    "clauses that engines read otherwise": (("int",), READ_OTHERWISE),
}  # fmt: skip
#: Of two columns of different types; ``{a}`` and ``{b}``.
MIXED = ("{a} = {b}", "{a} < {b}", "{a} + {b}", "{a} * {b}", "{a} / {b}", "coalesce({a}, {b})", "{a} IN ({b})",
         "if(boolean_a, {a}, {b})", "greatest({a}, {b})", "nullif({a}, {b})", "{a} || {b}")  # fmt: skip


def _filled(table: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]) -> Iterator[tuple[str, str, str]]:
    for name, (types, calls) in table.items():
        for kind, call in product(types, calls):
            yield name, kind, _with(call, kind, kind)


def _with(call: str, one: str, other: str) -> str:
    return call.replace("{a}", f"{COLUMNS[one]}_a").replace("{b}", f"{COLUMNS[other]}_b")


def calls() -> Iterator[tuple[str, str, str, str]]:
    """Yield the name, the types, the use and the text of every call and whole check, refused ones too."""
    for name, kind, call in _filled(VALUES):
        yield name, kind, "row", call
    for kind, literals in LITERALS.items():
        for value, sign in product(literals, ("=", "<", "IN", "coalesce")):
            one = _with("{a}", kind, kind)
            call = f"coalesce({one}, {value})" if sign == "coalesce" else f"{one} {sign} ({value})"
            if "current" not in call or sign in "=<":  # the engines run at different moments
                yield "literals", kind, "row", call
    for one, other in product(COLUMNS, COLUMNS):
        for call in MIXED if one != other else ():
            yield "two types", f"{one}, {other}", "row", _with(call, one, other)
    for name, kind, call in _filled(AGGREGATES):
        for use in ("groups", "all", "nothing", "frame", "whole"):
            if "distinct" not in call.lower() or use not in ("frame", "whole"):
                yield name, kind, use, call
    for name, kind, call in _filled(WINDOWS):
        yield name, kind, "row", call
    for name, kind, call in _filled(CLAUSES):
        yield name, kind, "check", call


def of_one_type() -> Iterator[tuple[str, str]]:
    """Yield each call and its use on the first type of those on which it is tried."""
    first: dict[str, str] = {}
    for name, kind, use, call in calls():
        if first.setdefault(name, kind) == kind:
            yield call, use


def as_query(call: str, use: str) -> str:
    """Return the query of a call: a number of the row or group, and the value."""
    if use == "check":
        return call
    if use in ("frame", "whole"):
        frame = "ORDER BY row ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING" if use == "frame" else ""
        return f"SELECT row, {call} OVER (PARTITION BY g {frame}) AS x FROM {{table}}"
    if use == "groups":
        return f"SELECT g AS row, {call} AS x FROM {{table}} GROUP BY g"
    where = " WHERE g < 0" if use == "nothing" else ""
    return f"SELECT {'row' if use == 'row' else '1 AS row'}, {call} AS x FROM {{table}}{where}"


#: What gives a value of a type, of values of types: a letter stands for any expression of its type.
_NESTED = {
    "S": ("upper(S)", "lower(S)", "trim(S)", "substr(S, 2, 3)", "substr(S, -2)", "replace(S, 'a', 'b')", "reverse(S)",
          "CAST(I AS varchar)", "coalesce(S, S)", "split_part(S, ',', 1)", "CASE WHEN B THEN S ELSE S END", "S || 'x'",
          "greatest(S, S)", "nullif(S, S)"),
    "I": ("length(S)", "I + 1", "I * -2", "I / 3", "I % 5", "I - I", "year(D)", "date_diff('day', D, D)", "strpos(S, S)",
          "if(B, I, I)", "coalesce(I, 0)", "greatest(I, I)", "round(I)", "nullif(I, I)", "CAST(S AS bigint)", "abs(I)",
          "CAST(X AS bigint)", "date_diff('month', D, D)", "CAST(M AS integer)", "sign(I)", "I / I", "-I"),
    "D": ("date_trunc('month', D)", "D + INTERVAL '1' DAY", "date(T)", "greatest(D, D)", "CAST(S AS date)",
          "date_add('month', -1, D)", "if(B, D)"),
    "T": ("date_trunc('hour', T)", "T - INTERVAL '3' HOUR", "least(T, T)", "coalesce(T, D)", "CAST(D AS timestamp)"),
    "X": ("X + X", "X * 0.5", "X / X", "round(X, 2)", "round(X)", "floor(X)", "ceil(X)", "abs(X)", "CAST(I AS double)",
          "sqrt(X)", "-X", "X % 3", "1.5 * I", "coalesce(X, 0.5)", "CAST(M AS double)"),
    "M": ("M + 1", "abs(M)", "round(M, 1)", "coalesce(M, M)", "nullif(M, M)", "-M", "CAST(I AS decimal(12,2))",
          "CAST(S AS decimal(12,2))", "floor(M)", "if(B, M, 0)", "M * 2", "M / 4"),
    "B": ("S = S", "I < I", "X >= X", "D <> D", "T <= T", "B AND B", "B OR B", "NOT B", "S LIKE '%a%'", "I IN (I, 1, NULL)",
          "X IS NULL", "M > 0.5", "regexp_like(S, 'a')", "I BETWEEN -5 AND I", "X = 0", "M = M", "starts_with(S, S)",
          "S IS NOT DISTINCT FROM S", "D > '2024-01-31'"),
}  # fmt: skip
_LEAVES = {
    "S": ("string_a", "string_b", "'straße'", "''"), "I": ("int_a", "int_b", "bigint_a", "7", "0"),
    "D": ("date_a", "date_b"), "T": ("timestamp_ntz_a", "timestamp_ntz_b"), "X": ("double_a", "double_b", "float_a"),
    "M": ("decimal_a", "decimal_b"), "B": ("boolean_a", "boolean_b"),
}  # fmt: skip
_AROUND = {
    "row": ("{x}",), "groups": ("count(DISTINCT {x})", "max({x})", "min({x})", "count({x})"),
    "check": ("SELECT count(*) FROM (SELECT {x} AS k, count(*) AS n FROM {table} GROUP BY {x} HAVING count(*) > 1) AS q",
              "SELECT count(*) FROM (SELECT DISTINCT {x} AS k FROM {table}) AS q",
              "SELECT max(r) FROM (SELECT rank() OVER (ORDER BY {x}) AS r FROM {table}) AS q"),
}  # fmt: skip


def nested(rng: random.Random) -> tuple[str, str]:
    """Return a call of calls of calls, of any type, and its use."""
    use = rng.choice([*_AROUND])
    made = _expression(rng.choice([kind for kind in _NESTED if kind != "B" or use == "row"]), rng, rng.randint(1, 4))
    return rng.choice(_AROUND[use]).replace("{x}", made), use


def _expression(kind: str, rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(_LEAVES[kind])
    made = re.sub(
        r"\b[SIDTXMB]\b(?![(a-z])",
        lambda found: f" {_expression(found[0], rng, depth - 1)} ",
        rng.choice(_NESTED[kind]),
    )
    return made if made.rstrip().endswith(")") and made[0].isalpha() and made.count("(") == 1 else f"({made})"
