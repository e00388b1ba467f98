"""Every call passes through the table of signatures: what it names is answered as Trino does, all else is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from localaws.athena.computing import Computer
from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.known_functions import LACKING
from localaws.athena.macros import MACROS
from localaws.athena.plan import plan
from localaws.athena.rewrite_functions import NAMED_FUNCTIONS
from localaws.athena.signatures import SIGNATURES, overloads
from localaws.athena.typing import DType
from localaws.context import Context
from tests.localaws.athena.answers import comparable
from tests.localaws.athena.test_sql import OneTable

#: What Trino 435 gives, as ``[types, values]`` by expression; made with its testing server.
TRINO: dict[str, list[Any]] = json.loads((Path(__file__).parent / "trino_answers.json").read_text())

SAMPLES = {
    "X": "1", "T": "'abc'", "N": "2", "I": "1", "F": "1.5", "B": "true", "D": "DATE '2024-05-15'",
    "S": "TIMESTAMP '2024-05-15 13:14:15'", "Z": "TIMESTAMP '2024-05-15 13:14:15 UTC'", "U": "INTERVAL '1' DAY",
    "A": "ARRAY[1, 2]", "M": "map(ARRAY['a'], ARRAY[1])", "J": "json_parse('[1]')", "V": "to_utf8('abc')",
    "L": "x -> x > 1",
}  # fmt: skip
#: Calls whose arguments cannot be just any of their type, or that have a grammar of their own.
WRITTEN = {
    "listagg T": "listagg('abc') WITHIN GROUP (ORDER BY 1)",
    "listagg TT": "listagg('abc', ',') WITHIN GROUP (ORDER BY 1)",
    "regexp_extract TTI": "regexp_extract('abc', 'b', 0)",
    "regexp_extract_all TTI": "regexp_extract_all('abc', '(b)', 1)", "trim TT": "trim(BOTH 'a' FROM 'abc')",
    "position TT": "position('b' IN 'abc')", "split_to_map TTT": "split_to_map('a=1;b=2', ';', '=')",
    "json_extract TT": "json_extract('[1]', '$[0]')", "json_extract JT": "json_extract(json_parse('[1]'), '$[0]')",
    "json_extract_scalar TT": "json_extract_scalar('[1]', '$[0]')", "from_hex T": "from_hex('61')",
    "json_extract_scalar JT": "json_extract_scalar(json_parse('[1]'), '$[0]')", "json_parse T": "json_parse('[1]')",
    "json_array_length T": "json_array_length('[1]')", "date T": "date('2024-05-15')",
    "date_parse TT": "date_parse('2024', '%Y')", "from_iso8601_date T": "from_iso8601_date('2024-05-15')",
    "from_iso8601_timestamp T": "from_iso8601_timestamp('2024-05-15T13:14:15Z')",
    "width_bucket NNNI": "width_bucket(1, 0, 4, 2)", "bit_count II": "bit_count(7, 8)", "to_base II": "to_base(7, 2)",
    "from_base TI": "from_base('7', 8)", "json_exists TT": "json_exists('{}', 'lax $.a')",
    "json_exists JT": "json_exists(json_parse('{}'), 'lax $.a')", "is_json_scalar T": "is_json_scalar('1')",
    "parse_datetime TT": "parse_datetime('2024', 'yyyy')", "format TX+": "format('%s %s', 1, 'a')",
    "random II": "random(1, 2)", "rand II": "rand(1, 2)", "from_unixtime NT": "from_unixtime(0, 'Asia/Tokyo')",
    "with_timezone ST": "with_timezone(TIMESTAMP '2024-05-15 13:14:15', 'Asia/Tokyo')",
    "at_timezone ST": "hour(at_timezone(TIMESTAMP '2024-05-15 13:14:15', 'Asia/Tokyo'))",
    "at_timezone ZT": "hour(at_timezone(TIMESTAMP '2024-05-15 13:14:15 UTC', 'Asia/Tokyo'))",
    "from_big_endian_64 V": "from_big_endian_64(to_big_endian_64(1))", "format_number N": "format_number(1)",
    "from_big_endian_32 V": "from_big_endian_32(to_big_endian_32(1))", "parse_data_size T": "parse_data_size('1B')",
    "from_ieee754_64 V": "from_ieee754_64(to_ieee754_64(1))",
    "from_ieee754_32 V": "from_ieee754_32(to_ieee754_32(REAL '1.5'))", "to_ieee754_32 F": "to_ieee754_32(REAL '1.5')",
    "from_base32 T": "from_base32('ME')", "from_base64url T": "from_base64url('YQ')", "luhn_check T": "luhn_check('0')",
    "parse_presto_data_size T": "parse_presto_data_size('1B')", "normal_cdf NNN": "normal_cdf(0, 1, 0)",
    "inverse_normal_cdf NNN": "inverse_normal_cdf(0, 1, 0.5)", "normalize TT": "normalize('a', NFD)",
    "split_to_multimap TTT": "split_to_multimap('a=1', ',', '=')", "json_size TT": "json_size('{}', '$')",
    "json_size JT": "json_size(json_parse('{}'), '$')",
    "reduce_agg XXLL": "reduce_agg(1, 0, (s, x) -> s + x, (a, b) -> a + b)",
    "map_zip_with MML": "map_zip_with(map(ARRAY['a'], ARRAY[1]), map(ARRAY['a'], ARRAY[2]), (k, v, w) -> v + w)",
    "cosine_similarity MM": "cosine_similarity(map(ARRAY['a'], ARRAY[1e0]), map(ARRAY['a'], ARRAY[2e0]))",
    "multimap_from_entries A": "multimap_from_entries(ARRAY[ROW('a', 1)])",
    "approx_most_frequent IXI": "approx_most_frequent(2, 1, 10)",
    "reduce AXLL": "reduce(ARRAY[1, 2], 0, (s, x) -> s + x, s -> s)",
    "flatten A": "flatten(ARRAY[ARRAY[1]])", "array_join AT": "array_join(ARRAY['a'], ',')",
    "array_join ATT": "array_join(ARRAY['a'], ',', '?')", "coalesce XX+": "coalesce(NULL, 1, 2)",
    "concat XX+": "concat('a', 'b', 'c')",
    "map_concat MM+": "map_concat(map(ARRAY['a'], ARRAY[1]), map(ARRAY['b'], ARRAY[2]))",
    "element_at MX": "element_at(map(ARRAY['a'], ARRAY[1]), 'a')", "slice AII": "slice(ARRAY[1, 2], 1, 1)",
    "sequence DDU": "sequence(DATE '2024-05-15', DATE '2024-05-17', INTERVAL '1' DAY)",
    "sequence SSU": "sequence(TIMESTAMP '2024-05-15 00:00:00', TIMESTAMP '2024-05-16 00:00:00', INTERVAL '6' HOUR)",
    "row X+": "CAST(row(1, 2) AS row(a integer, b integer))", "typeof X": "typeof(1)",
    "parse_duration T": "parse_duration('2 h')",
    "grouping X+": "grouping(k) FROM (VALUES 1) AS q(k) GROUP BY ROLLUP (k)",
    "map AA": "map(ARRAY['a'], ARRAY[1])",
    "map_agg XX": "map_agg('a', 1)", "acos N": "acos(1)", "asin N": "asin(1)", "chr I": "chr(65)",
    "array_sort AL": "array_sort(ARRAY[2, 1], (x, y) -> x - y)",
    "map_from_entries A": "map_from_entries(ARRAY[ROW('a', 1)])",
    "map_filter ML": "map_filter(map(ARRAY['a'], ARRAY[1]), (k, v) -> v > 1)",
    "transform_values ML": "transform_values(map(ARRAY['a'], ARRAY[1]), (k, v) -> v + 1)",
    "transform_keys ML": "transform_keys(map(ARRAY['a'], ARRAY[1]), (k, v) -> v + 1)",
    "zip_with AAL": "zip_with(ARRAY[1], ARRAY[2], (x, y) -> x + y)",
    "codepoint T": "codepoint('a')", "map ": "cardinality(map())", "approx_percentile NF": "approx_percentile(2, 0.5)",
    "approx_percentile NA": "approx_percentile(2, ARRAY[0.5])", "from_base64 T": "from_base64('YWI=')",
}  # fmt: skip
_WINDOWS = {
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value",
    "last_value", "nth_value",
}  # fmt: skip
_UNITS = {"date_add", "date_diff", "date_trunc"}
FORMS = [(name, overload) for name in SIGNATURES for overload in overloads(name)]


def written(name: str, letters: str) -> str:
    arguments = [SAMPLES[letter] for letter in letters]
    if name in _UNITS:
        arguments[0] = "'day'"
    if name in ("date_format", "format_datetime") and letters[1] == "T":
        arguments[1] = "'%Y'" if name == "date_format" else "'yyyy'"
    if name == "extract":
        return f"extract(day FROM {arguments[1]})"
    call = f"{name}({', '.join(arguments)})"
    return f"{call} OVER (ORDER BY 1)" if name in _WINDOWS else call


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    scratch = tmp_path_factory.mktemp("athena")
    found = QueryEngine(
        Context(endpoint="http://127.0.0.1:1", scratch=scratch), account="123456789012", region="us-east-1"
    )
    yield found
    found.close()


def answer(engine: QueryEngine, sql: str) -> Any:
    """Answer one query after the other on one engine, with the sample table in each."""
    engine.catalog = OneTable()  # type: ignore[assignment]
    return engine.answer(sql, "db")


@pytest.mark.parametrize("expression", sorted(TRINO))
def test_it_gives_what_trino_gave(engine: QueryEngine, expression: str) -> None:
    assert comparable(answer(engine, f"SELECT {expression}")) == TRINO[expression]


@pytest.mark.parametrize(("name", "overload"), FORMS)
def test_every_form_in_the_table_is_answered(engine: QueryEngine, name: str, overload: str) -> None:
    sql = WRITTEN.get(f"{name} {overload}") or written(name, overload.removesuffix("+"))
    assert answer(engine, f"SELECT {sql}").table.num_columns == 1


#: Forms whose sample is NULL, or an array or map of nothing: these are of no type.
_OF_NOTHING = {("map", ""), ("nullif", "XX")}


@pytest.mark.parametrize(("name", "overload"), FORMS)
def test_the_type_of_what_every_form_gives_is_known(name: str, overload: str) -> None:
    sql = WRITTEN.get(f"{name} {overload}") or written(name, overload.removesuffix("+"))
    (kind,) = plan(f"SELECT {sql}", "db", lambda table, place: ({}, {})).types
    known = [each.this not in (DType.UNKNOWN, DType.NULL) for each in kind.find_all(exp.DataType)]
    whole = kind.this not in (DType.ARRAY, DType.MAP, DType.STRUCT) or bool(kind.expressions)
    assert (name, overload) in _OF_NOTHING or (all(known) and whole), kind


_FIXED = {"extract", "position", "listagg", "row", "grouping", "typeof"}


@pytest.mark.parametrize("name", sorted(SIGNATURES.keys() - _FIXED))
def test_another_number_of_arguments_is_refused_with_what_is_allowed(engine: QueryEngine, name: str) -> None:
    lengths = {len(overload) for overload in overloads(name)}
    if not any(overload.endswith("+") for overload in overloads(name)):
        arguments = ", ".join(["1"] * (max(lengths) + 1))
        with pytest.raises(
            QueryFailed, match=r"NOT_SUPPORTED|SYNTAX_ERROR|FUNCTION_NOT_FOUND|TYPE_MISMATCH: .* IF condition"
        ):
            answer(engine, f"SELECT {name}({arguments})")
    if shorter := min(len(overload.removesuffix("+")) for overload in overloads(name)):
        with pytest.raises(QueryFailed, match=r"NOT_SUPPORTED|SYNTAX_ERROR|FUNCTION_NOT_FOUND"):
            answer(engine, f"SELECT {name}({', '.join(['NULL'] * (shorter - 1))})")


_LENIENT = {"sum", "avg", "concat", "coalesce", "concat_ws"}  # they say TYPE_MISMATCH themselves, or take anything


@pytest.mark.parametrize(("name", "overload"), [form for form in FORMS if form[0] not in {*_FIXED, *_UNITS, *_LENIENT}])
def test_an_argument_of_another_type_is_refused(engine: QueryEngine, name: str, overload: str) -> None:
    letters = overload.removesuffix("+")
    for place, letter in enumerate(letters):
        if letter in "XL":
            continue
        for other in "TIFBDSZAMV":
            changed = letters[:place] + other + letters[place + 1 :]
            alike = {letter, other} <= set("NIF") or {letter, other} <= set("DSZ")
            known = [each for each in overloads(name) if len(each.removesuffix("+")) == len(letters)]
            if alike or any(_takes(each.removesuffix("+"), changed) for each in known):
                continue
            with pytest.raises(QueryFailed, match=r"NOT_SUPPORTED|TYPE_MISMATCH|SYNTAX_ERROR|FUNCTION_NOT_FOUND"):
                answer(engine, f"SELECT {written(name, changed)}")


def _takes(overload: str, letters: str) -> bool:
    given = letters.replace("X", "I")  # its sample is a whole number
    pairs = zip(overload, given, strict=True)
    return all(wanted in ("X", letter) or (wanted == "N" and letter in "IF") for wanted, letter in pairs)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("approx_percentile(k, k, 0.5) FROM t", "approx_percentile with 3 arguments"),
        ("approx_distinct(k, 0.01) FROM t", "approx_distinct with 2 arguments"),
        ("max_by(k, s, k) FROM t", "max_by with a number of rows that is not written there"),
        ("regexp_replace('a', 'a', x -> x[1])", "regexp_replace(varchar(1), varchar(1), <function>)"),
        ("count(DISTINCT k, s) FROM t", "count(DISTINCT …) of several columns"),
        ("TIMESTAMP '2024-05-15 13:14:15 CET'", "the time zone of '2024-05-15 13:14:15 CET'"),
        ("CAST(s AS timestamp with time zone) FROM t", "a zone read from text"),
        ("from_iso8601_timestamp('2024-05-15T13:14:15+02:00')", "the zone of 2024-05-15T13:14:15+02:00"),
        ("format_datetime(ts AT TIME ZONE 'Asia/Tokyo', 'HH ZZ') FROM t", "the zone (z, Z) in a pattern"),
        ("format_datetime(ts, s) FROM t", "a date pattern that is not a literal"),
        ("typeof('a')", "typeof of a value whose type cannot be derived"),
    ],
)
def test_what_is_not_carried_is_refused_by_name(engine: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        answer(engine, f"SELECT {sql}")
    assert str(refused.value).startswith("NOT_SUPPORTED: ")
    assert said in str(refused.value)
    assert "not supported by the local Athena" in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT cont(1)", "line 1:8: Function 'cont' not registered"),
        ("SELECT k,\n  ifnull(k, 2) FROM t", "line 2:3: Function 'ifnull' not registered"),
        ("SELECT len('abc')", "line 1:8: Function 'len' not registered"),
        ("SELECT dateadd(day, 1, current_date)", "line 1:8: Function 'dateadd' not registered"),
    ],
)
def test_a_name_that_is_no_function_of_athenas_is_said_to_be_none(engine: QueryEngine, sql: str, said: str) -> None:
    """It is not the local Athena that lacks it: AWS refuses it with these words."""
    with pytest.raises(QueryFailed) as refused:
        answer(engine, sql)
    assert str(refused.value) == f"FUNCTION_NOT_FOUND: {said}"


def test_no_function_that_is_carried_is_listed_as_lacking() -> None:
    assert not set(SIGNATURES) & LACKING


@pytest.mark.parametrize(
    ("sql", "types", "value"),
    [
        ("1.2", "double", 1.2),
        ("1 / 0.0", "double", "Infinity"),
        ("1.2 * 3", "double", 3.6),
        ("1e3", "double", 1000.0),
        (".5 + 1", "double", 1.5),
        ("-1.5", "double", -1.5),
        ("p * 1.0 FROM t WHERE k = 1", "double", 1.25),
        ("round(2.675, 2)", "double", 2.68),
        ("CAST(0.1 + 0.2 AS varchar)", "varchar", "0.30000000000000004"),
        ("CAST(1.50 AS decimal(3,2))", "decimal(3,2)", 1.5),
        ("sum(0.1) FROM t", "double", 0.2),
        ("CASE WHEN true THEN 1.5 ELSE 2 END", "double", 1.5),
    ],
)
def test_a_number_with_a_point_is_a_double_as_in_athena(
    engine: QueryEngine, sql: str, types: str, value: object
) -> None:
    found = comparable(answer(engine, f"SELECT {sql}"))
    assert found == [[types], [value]]


@pytest.mark.parametrize("text", ["1e3", " 1.5 ", "", ".", "1.5.2", "0x1", "1" * 39, "NaN", "--1"])
def test_what_is_no_decimal_literal_is_refused(engine: QueryEngine, text: str) -> None:
    with pytest.raises(QueryFailed, match=r"INVALID_LITERAL: .* is not a valid DECIMAL literal"):
        answer(engine, f"SELECT DECIMAL '{text}'")


def test_every_rule_belongs_to_a_function_of_the_table() -> None:
    assert set(NAMED_FUNCTIONS) <= set(SIGNATURES)


def test_a_macro_that_fails_does_not_keep_duckdb_from_planning(tmp_path: Path) -> None:
    assert not [macro for macro in MACROS if "error(" in macro]
    connection = Computer(tmp_path).connection
    connection.execute(
        "CREATE OR REPLACE TABLE many AS SELECT range::HUGEINT AS k, range::HUGEINT AS v FROM range(100000)"
    )
    query = "SELECT count(*) FROM many a WHERE v > (SELECT {} FROM many b WHERE b.k = a.k)"

    def plan(expression: str) -> str:
        return str(connection.execute(f"EXPLAIN {query.format(expression)}").fetchall()[0][1])

    made = plan("athena_divide(CAST(sum(b.v) AS HUGEINT), CAST(count(*) AS HUGEINT))")
    connection.execute(
        "CREATE OR REPLACE MACRO volatile_divide(n, d) AS CASE WHEN d = 0 THEN error('x') ELSE n // d END"
    )
    volatile = plan("volatile_divide(CAST(sum(b.v) AS HUGEINT), CAST(count(*) AS HUGEINT))")
    # One that may differ each time is computed for each row by its number, not once for each value that is compared.
    assert "delim_index" in volatile
    assert "delim_index" not in made
    plain = plan("CAST(sum(b.v) AS HUGEINT) // CAST(count(*) AS HUGEINT)")
    assert made.count("Hash Join") == plain.count("Hash Join")


def test_what_fails_inside_of_try_is_null(engine: QueryEngine) -> None:
    sql = "SELECT try(1 / 0), try(DECIMAL '1' / DECIMAL '0'), try(ARRAY[1][5]), try(CAST('x' AS integer))"
    assert comparable(answer(engine, sql))[1] == [None, None, None, None]


@pytest.mark.parametrize("call", ["regexp_like", "regexp_count", "regexp_extract", "regexp_replace"])
def test_a_pattern_takes_time_by_the_length_of_the_text(call: str, engine: QueryEngine) -> None:
    started = time.monotonic()
    answer(engine, f"SELECT {call}('{'a' * 5_000}!', '^(a+)+$')")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"(a)\1", "a backreference"), (r"(?<x>a)\k<x>", "a backreference"), ("a(?=b)", "a look around"),
        ("(?<!a)b", "a look around"), ("(?>a)b", "an atomic group"), ("a*+b", "a possessive quantifier"),
        ("a{1,2}+", "a possessive quantifier"), ("[a&&[b]]", "a class within a class"),
        ("[[:alpha:]]", "a class within a class"), (r"\Ga", "an escape that only Java knows"),
    ],
)  # fmt: skip
def test_what_only_java_reads_in_a_pattern_is_refused_by_name(pattern: str, name: str, engine: QueryEngine) -> None:
    with pytest.raises(QueryFailed, match=f"{name} is not supported by the local Athena"):
        answer(engine, f"SELECT regexp_like('abc', '{pattern}')")


@pytest.mark.parametrize("pattern", [r"\\1", "[(?=]", r"\(\?=", r"a\++", "[+]+", "(?<n>a)", r"\[\["])
def test_what_only_looks_like_it_is_not(pattern: str, engine: QueryEngine) -> None:
    answer(engine, f"SELECT regexp_like('abc', '{pattern}')")


@pytest.mark.parametrize("function", ["regexp_extract", "regexp_extract_all"])
@pytest.mark.parametrize(("group", "why"), [(2, "Pattern has 1 groups. Cannot access group 2"), (-1, "negative")])
def test_a_group_that_a_pattern_does_not_have_is_refused(
    engine: QueryEngine, function: str, group: int, why: str
) -> None:
    with pytest.raises(QueryFailed, match=f"INVALID_FUNCTION_ARGUMENT: .*{why}"):
        answer(engine, f"SELECT {function}('abc', '(b)', {group})")
