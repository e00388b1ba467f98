"""What Athena refuses is refused in its words and at its place, not in those of the engine beneath."""

from __future__ import annotations

import pytest

from localaws.athena.engine import QueryEngine
from localaws.athena.errors import QueryFailed
from localaws.athena.signatures import SIGNATURES
from localaws.athena.trino_forms import is_one_of_trinos
from localaws.athena.typing import DType
from tests.localaws.athena.test_functions import answer

ONE = "FROM (VALUES 1) t(a)"
UPPER = "for function upper. Expected: upper(char(x)), upper(varchar(x))"
#: Each is what Trino 435 answers.
REFUSED = [
    ("SELECT upper(5)", f"FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer) {UPPER}"),
    ("SELECT 1,\n  upper(1.5e0)", f"FUNCTION_NOT_FOUND: line 2:3: Unexpected parameters (double) {UPPER}"),
    ("SELECT upper()", f"FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters () {UPPER}"),
    (
        "SELECT sum('a')",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1)) for function sum. Expected: sum(bigint),"
        " sum(decimal(p,s)), sum(double), sum(interval day to second), sum(interval year to month), sum(real)",
    ),
    (
        "SELECT count_if(5)",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (integer) for function count_if. Expected:"
        " count_if(boolean)",
    ),
    (
        "SELECT filter(ARRAY[1], 5)",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (array(integer), integer) for function filter. Expected:"
        " filter(array(t), function(t,boolean)) T",
    ),
    (
        "SELECT greatest()",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters () for function greatest. Expected:"
        " greatest(E) E:orderable",
    ),
    (
        "SELECT replace('a')",
        "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (varchar(1)) for function replace. Expected:"
        " replace(varchar(x), varchar(y)), replace(varchar(x), varchar(y), varchar(z))",
    ),
    (f"SELECT 1 {ONE} WHERE", "SYNTAX_ERROR: line 1:36: mismatched input '<EOF>'. Expecting: <expression>"),
    (f"SELECT 1 {ONE} WHERE )", "SYNTAX_ERROR: line 1:37: mismatched input ')'. Expecting: <expression>"),
    ("SELECT 1 WHERE 5", "TYPE_MISMATCH: line 1:16: WHERE clause must evaluate to a boolean: actual type integer"),
    (
        f"SELECT a {ONE} GROUP BY a HAVING a",
        "TYPE_MISMATCH: line 1:49: HAVING clause must evaluate to a boolean: actual type integer",
    ),
    (
        f"SELECT 1 {ONE} JOIN (VALUES 1) u(b) ON a",
        "TYPE_MISMATCH: line 1:55: JOIN ON clause must evaluate to a boolean: actual type integer",
    ),
    ("SELECT NOT 5", "TYPE_MISMATCH: line 1:12: Value of logical NOT expression must evaluate to a boolean (actual: "),
    ("SELECT 1 AND true", "TYPE_MISMATCH: line 1:8: Logical expression term must evaluate to a boolean (actual: "),
    ("SELECT if(5, 1, 2)", "TYPE_MISMATCH: line 1:11: IF condition must evaluate to a boolean (actual: integer)"),
    ("SELECT CASE WHEN 5 THEN 1 END", "TYPE_MISMATCH: line 1:18: CASE WHEN clause must evaluate to a boolean (actual"),
    (
        f"SELECT max(sum(a)) {ONE}",
        "NESTED_AGGREGATION: line 1:8: Cannot nest aggregations inside aggregation 'max': [sum(a)]",
    ),
    (f"SELECT a {ONE} ORDER BY 3", "INVALID_COLUMN_REFERENCE: line 1:40: ORDER BY position 3 is not in select list"),
    (f"SELECT a {ONE} GROUP BY 3", "INVALID_COLUMN_REFERENCE: line 1:40: GROUP BY position 3 is not in select list"),
    (f"SELECT b.a {ONE}", "COLUMN_NOT_FOUND: line 1:8: Column 'b.a' cannot be resolved"),
]
#: Of these the place is another than Trino's, which names that of an operator.
ELSEWHERE = [
    ("SELECT 1 UNION SELECT 1, 2", "TYPE_MISMATCH", "UNION query has different number of fields: 1, 2"),
    ("SELECT 1, 2 EXCEPT SELECT 1", "TYPE_MISMATCH", "EXCEPT query has different number of fields: 2, 1"),
    ("SELECT x FROM (SELECT 1 x UNION SELECT 1, 2)", "TYPE_MISMATCH", "UNION query has different number of fields: "),
    (
        "SELECT x FROM (SELECT 1 x UNION ALL SELECT * FROM (VALUES (1, 2)) t(a, b))",
        "TYPE_MISMATCH",
        "UNION query has different number of fields: 1, 2",
    ),
    ("SELECT 1, 1 UNION SELECT 1, 'a'", "TYPE_MISMATCH", "column 2 in UNION query has incompatible types: integer, v"),
    ("SELECT {'a': 1}", "SYNTAX_ERROR", "mismatched input '{'. Expecting: "),
    (
        "SELECT ARRAY[1] || 'a'",
        "FUNCTION_NOT_FOUND",
        "Unexpected parameters (array(integer), varchar) for function conc",
    ),
    ("SELECT ARRAY[1] || ARRAY['a']", "FUNCTION_NOT_FOUND", "Unexpected parameters (array(integer), array(varchar))"),
    ("SELECT 'a' || 1", "FUNCTION_NOT_FOUND", "Unexpected parameters (varchar, integer) for function concat. Expected"),
    (f"SELECT a {ONE} WHERE sum(a) > 1", "EXPRESSION_NOT_SCALAR", "WHERE clause cannot contain aggregations, window"),
    (f"SELECT row_number() {ONE}", "MISSING_OVER", "Window function row_number requires an OVER clause"),
]


@pytest.mark.parametrize(("sql", "said"), REFUSED)
def test_it_is_refused_as_in_athena(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        answer(opened, sql)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(("sql", "code", "said"), ELSEWHERE)
def test_it_is_refused_in_athenas_words(opened: QueryEngine, sql: str, code: str, said: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        answer(opened, sql)
    assert str(refused.value).startswith(f"{code}: line 1:")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT sum(sum(a)) OVER () {ONE}",
        f"SELECT count(*) FILTER (WHERE a > 1) {ONE}",
        f"SELECT a {ONE} WHERE (SELECT sum(b) > 0 FROM (VALUES 1) u(b))",
        f"SELECT a {ONE} WHERE NULL",
        f"SELECT (SELECT u.b FROM (VALUES 1) u(b) WHERE u.b = t.a) {ONE}",
        f"SELECT max(a) + (SELECT max(b) FROM (VALUES 1) u(b)) {ONE}",
        f"SELECT lag(a, 1) OVER (ORDER BY a) {ONE}",
        f"SELECT a {ONE} GROUP BY 1 ORDER BY 1",
    ],
)
def test_what_only_looks_like_it_is_answered(opened: QueryEngine, sql: str) -> None:
    answer(opened, sql)


def test_a_form_that_trino_has_is_said_to_be_lacking_here(opened: QueryEngine) -> None:
    with pytest.raises(QueryFailed, match=r"^NOT_SUPPORTED: lpad\(varbinary, integer, varbinary\)"):
        answer(opened, "SELECT lpad(to_utf8('abc'), 5, to_utf8('x'))")


def test_no_function_is_refused_for_values_whose_types_are_not_known() -> None:
    lengths = range(12)
    assert not [name for name in SIGNATURES if not any(is_one_of_trinos(name, [None] * count) for count in lengths)]
    assert not [
        name
        for name, forms in SIGNATURES.items()
        if "L" not in forms and not any(is_one_of_trinos(name, [DType.UNKNOWN] * count) for count in lengths)
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("concat(ARRAY[1], 2, 3)", "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (array(integer), integer, int"),
        ("combinations(ARRAY[1], 6)", "INVALID_FUNCTION_ARGUMENT: combination size must not exceed 5: 6"),
        ("combinations(ARRAY[1], -1)", "INVALID_FUNCTION_ARGUMENT: combination size must not be negative: -1"),
        ("combinations(sequence(1, 80), 4)", "INVALID_FUNCTION_ARGUMENT: combinations exceed max size"),
        ("parse_duration('5 weeks')", "INVALID_FUNCTION_ARGUMENT: Unknown time unit: weeks"),
        ("parse_duration('x')", "INVALID_FUNCTION_ARGUMENT: duration is not a valid data duration string: x"),
        (
            "to_milliseconds(INTERVAL '1' MONTH)",
            "FUNCTION_NOT_FOUND: line 1:8: Unexpected parameters (interval year to",
        ),
    ],
)
def test_what_cannot_be_put_together_or_chosen_is_refused(opened: QueryEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryFailed) as refused:
        answer(opened, f"SELECT {sql}")
    assert str(refused.value).startswith(said)
