"""Operators, comparisons, conditions and casts."""

from __future__ import annotations

from sluice.transforms.functions.signatures import Argument, Refused, Signature, signature
from sluice.transforms.functions.spark_types import sizes

_ALL = ("string", "int", "bigint", "double", "decimal", "boolean", "date", "timestamp_ntz", "timestamp_ltz")
_COMPARED = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "<=>": "IS NOT DISTINCT FROM"}


def wrapped(sql: str, kind: str) -> str:
    """Return SQL of a whole number, computed in the next wider type, that starts over as Java's numbers do."""
    if kind == "int":
        return f"CAST((({sql} + 2147483648) & 4294967295) - 2147483648 AS INTEGER)"
    mask = "CAST(18446744073709551615 AS HUGEINT)"
    half = "CAST(9223372036854775808 AS HUGEINT)"
    return f"CAST((({sql} + {half}) & {mask}) - {half} AS BIGINT)"


def _arithmetic(sign: str, kind: str) -> str:
    wide = "BIGINT" if kind == "int" else "HUGEINT"
    return wrapped(f"(CAST({{0}} AS {wide}) {sign} CAST({{1}} AS {wide}))", kind)


def fitting(precision: int, scale: int) -> str:
    """Return the decimal type; ``Refused`` for one of more digits than there are."""
    if precision > 38:
        raise Refused(f"the result has {precision} digits, more than 38; cast to smaller decimals first")
    return f"decimal({precision},{scale})"


def rescaled(sql: str, origin: tuple[int, int], target: tuple[int, int]) -> str:
    """Return a decimal rounded or widened to other precision and scale; null where it does not fit."""
    (precision, places), (most, kept) = origin, target
    kind = f"DECIMAL({most},{kept})"
    if precision <= 18 or not kept < places <= 18:
        fits = most - kept > precision - places or (most - kept == precision - places and kept >= places)
        return f"{'' if fits else 'TRY_'}CAST({sql} AS {kind})"
    # DuckDB divides 128 bits fifteen times slower than 64, which most values fit in.
    small = f"TRY_CAST(CAST(TRY_CAST({sql} AS DECIMAL(18,{places})) AS DECIMAL(18,{kept})) AS {kind})"
    return f"coalesce({small}, TRY_CAST({sql} AS {kind}))"


def decimal_sizes(argument: Argument) -> tuple[int, int]:
    """Return precision and scale with which Spark computes: of a literal whole number those of its digits."""
    if argument.literal and isinstance(argument.value, int):
        return len(str(abs(argument.value))), 0
    return sizes(argument.type)


def _added(given: list[Argument]) -> str:
    (p1, s1), (p2, s2) = map(decimal_sizes, given)
    scale = max(s1, s2)
    return fitting(scale + max(p1 - s1, p2 - s2) + 1, scale)


def _times(given: list[Argument]) -> str:
    (p1, s1), (p2, s2) = map(decimal_sizes, given)
    return fitting(p1 + p2 + 1, s1 + s2)


def _sum_of(sign: str) -> object:
    """Return what adds: DuckDB's own type of the sum is Spark's, but for 64 bits, which it keeps and overflows."""

    def added(given: list[Argument]) -> str:
        precision, scale = sizes(_added(given))
        small = max(decimal_sizes(each)[0] for each in given) <= 18
        if precision > 18 and small:
            kind = f"DECIMAL({precision},{scale})"
            return f"CAST(CAST({given[0].sql} AS {kind}) {sign} {given[1].sql} AS {kind})"
        return f"({given[0].sql} {sign} {given[1].sql})"

    return added


def _product(given: list[Argument]) -> str:
    # DuckDB keeps a product of two decimals of 64 bits in 64 bits, and fails where it does not fit.
    one, other = given
    (p1, s1), (p2, s2) = map(decimal_sizes, given)
    fitting(p1 + p2 + 1, s1 + s2)
    first = f"CAST({one.sql} AS DECIMAL({p1 + p2 + 1},{s1}))" if max(p1, p2) <= 18 < p1 + p2 else one.sql
    return f"CAST({first} * {other.sql} AS DECIMAL({p1 + p2 + 1},{s1 + s2}))"


def _quotient_type(given: list[Argument]) -> str:
    (p1, s1), (p2, s2) = map(decimal_sizes, given)
    scale = max(6, s1 + p2 + 1)
    return fitting(p1 - s1 + s2 + scale, scale)


def divided(dividend: str, divisor: str, scale: int, precision: int) -> str:
    """Return the quotient of two whole numbers, HUGEINTs, as that many units of 10^-scale, rounded half away from 0."""
    rest = f"({dividend}) % ({divisor})"
    away = f"CASE WHEN (({dividend}) < 0) = (({divisor}) < 0) THEN 1 ELSE -1 END"
    up = f"CASE WHEN 2 * abs({rest}) >= abs({divisor}) THEN {away} ELSE 0 END"
    units = f"(({dividend}) // ({divisor}) + {up})"
    return f"(CAST({units} AS DECIMAL({precision},0)) * CAST('{10**-scale:.{scale}f}' AS DECIMAL({scale + 1},{scale})))"


def units(sql: str, precision: int, scale: int) -> str:
    """Return a decimal as a whole number of its last digits; ``Refused`` where DuckDB has no room for the product."""
    fitting(precision + scale, scale)
    whole = f"CAST({sql} AS DECIMAL(38,{scale}))"
    return f"CAST({whole} * CAST({10**scale} AS DECIMAL(38,0)) AS HUGEINT)" if scale else f"CAST({sql} AS HUGEINT)"


def _quotient(given: list[Argument]) -> str:
    (p1, s1), (p2, s2) = map(decimal_sizes, given)
    precision, scale = sizes(_quotient_type(given))
    dividend = f"{units(given[0].sql, p1, s1)} * CAST({10 ** (scale - s1 + s2)} AS HUGEINT)"
    divisor = f"nullif({units(given[1].sql, p2, s2)}, 0)"
    return f"CAST({divided(dividend, divisor, scale, precision)} AS DECIMAL({precision},{scale}))"


def _branches(given: list[Argument]) -> str:
    pairs = zip(given[0:-1:2], given[1::2], strict=False)
    cases = " ".join(f"WHEN {condition.sql} THEN {value.sql}" for condition, value in pairs)
    return f"CASE {cases} ELSE {given[-1].sql if len(given) % 2 else 'NULL'} END"


def _one_of(given: list[Argument]) -> str:
    if len(given) == 1:
        raise Refused("a list of no values is false on one engine and an error on the other")
    return f"({given[0].sql} IN ({', '.join(each.sql for each in given[1:])}))"


_INT_DIV = "(CASE WHEN {0} = -2147483648 AND {1} = -1 THEN CAST(2147483648 AS BIGINT) ELSE CAST({0} // nullif({1}, 0) AS BIGINT) END)"

SIGNATURES: list[Signature] = [
    *(
        each
        for name, sql in _COMPARED.items()
        for each in signature(
            name, "T; T", "boolean", f"({{0}} {sql} {{1}})",
            "{0}.eqNullSafe({1})" if name == "<=>" else f"({{0}} {name} {{1}})", each=_ALL,
        )
    ),
    *signature("and", "boolean; boolean", "boolean", "({0} AND {1})", "({0} & {1})"),
    *signature("or", "boolean; boolean", "boolean", "({0} OR {1})", "({0} | {1})"),
    *signature("not", "boolean", "boolean", "(NOT {0})", "(~{0})"),
    *(
        each
        for sign in "+-*"
        for each in (
            *signature(sign, "int; int", "int", _arithmetic(sign, "int"), f"({{0}} {sign} {{1}})", f"({{0}} {sign} 3)", f"(7 {sign} {{0}})"),
            *signature(sign, "bigint; bigint", "bigint", _arithmetic(sign, "bigint"), f"({{0}} {sign} {{1}})", f"({{0}} {sign} 3)", f"({{0}} {sign} F.col('int_b'))"),
            *signature(sign, "double; double", "double", f"({{0}} {sign} {{1}})", f"({{0}} {sign} {{1}})", f"({{0}} {sign} 0.1)"),
        )
    ),
    *signature("+", "decimal; decimal", _added, _sum_of("+"), "({0} + {1})", "({0} + F.col('int_a'))", "({0} + 7)", "({0} + {1}.cast('decimal(18,2)'))", "({0}.cast('decimal(18,0)') + {1}.cast('decimal(18,4)'))"),  # type: ignore[arg-type]
    *signature("-", "decimal; decimal", _added, _sum_of("-"), "({0} - {1})", "({0} - F.col('bigint_a'))", "(7 - {0})", "({0}.cast('decimal(18,0)') - {1}.cast('decimal(18,2)'))"),  # type: ignore[arg-type]
    *signature("*", "decimal; decimal", _times, _product, "({0} * {1})", "({0} * F.col('int_a'))", "({0} * -7)", "({0}.cast('decimal(9,2)') * {1}.cast('decimal(9,2)'))", "({0}.cast('decimal(18,2)') * {1}.cast('decimal(18,2)'))", "({0} * {1} * F.col('int_a'))"),
    *signature("/", "decimal; decimal", _quotient_type, _quotient, "({0} / {1})", "({0} / F.col('int_a'))", "({0} / 7)"),
    *signature("/", "double; double", "double", "({0} / nullif({1}, 0))", "({0} / {1})", "(F.col('int_a') / F.col('int_b'))", "(F.col('bigint_a') / 7)"),
    *signature("%", "int; int", "int", "CAST(CAST({0} AS BIGINT) % nullif(CAST({1} AS BIGINT), 0) AS INTEGER)", "({0} % {1})", "({0} % 7)"),
    *signature("%", "bigint; bigint", "bigint", "CAST(CAST({0} AS HUGEINT) % nullif(CAST({1} AS HUGEINT), 0) AS BIGINT)", "({0} % {1})", "({0} % 7)"),
    *signature("%", "double; double", "double", "({0} % nullif({1}, 0))", "({0} % {1})"),
    *signature("div", "int; int", "bigint", _INT_DIV, "F.expr('int_a div int_b')"),
    *signature("div", "bigint; bigint", "bigint", wrapped("(CAST({0} AS HUGEINT) // nullif(CAST({1} AS HUGEINT), 0))", "bigint"), "F.expr('bigint_a div bigint_b')"),
    *signature("negate", "int", "int", wrapped("(-CAST({0} AS BIGINT))", "int"), "(-{0})"),
    *signature("negate", "bigint", "bigint", wrapped("(-CAST({0} AS HUGEINT))", "bigint"), "(-{0})"),
    *signature("negate", "double", "double", "(-{0})", "(-{0})"),
    *signature("negate", "decimal", lambda a: a[0].type, "(-{0})", "(-{0})"),
    *signature("&", "int; int", "int", "({0} & {1})", "F.expr('{0} & {1}')"),
    *signature("|", "int; int", "int", "({0} | {1})", "F.expr('{0} | {1}')"),
    *signature("^", "int; int", "int", "xor({0}, {1})", "F.expr('{0} ^ {1}')"),
    *signature("&", "bigint; bigint", "bigint", "({0} & {1})", "F.expr('{0} & {1}')"),
    *signature("|", "bigint; bigint", "bigint", "({0} | {1})", "F.expr('{0} | {1}')"),
    *signature("^", "bigint; bigint", "bigint", "xor({0}, {1})", "F.expr('{0} ^ {1}')"),
    *signature("when", "boolean; T", "T", _branches, "F.when({0}, {1})", "F.when({0}, {1}).otherwise({1})", each=(*_ALL[:-1], "array", "struct")),
    *signature("if", "boolean; T; T", "T", "(CASE WHEN {0} THEN {1} ELSE {2} END)", "F.expr('if(boolean_a, {1}, {2})')", each=("string", "int", "bigint", "double", "date")),
    *signature("coalesce", "T…", "T", "coalesce({every})", "F.coalesce({0}, {1})", "F.coalesce({0})", each=(*_ALL[:-1], "array", "struct")),
    *signature("nullif", "T; T", "T", "nullif({0}, {1})", "F.nullif({0}, {1})", each=_ALL[:-1]),
    *signature("nvl2", "T; T; T", "T", "(CASE WHEN {0} IS NOT NULL THEN {1} ELSE {2} END)", "F.nvl2({0}, {1}, {1})", each=_ALL[:-1]),
    *signature("isin", "T; T…", "boolean", _one_of, "{0}.isin({1})", "{0}.isin({1}, F.lit(None))", each=_ALL[:-1]),
    *signature("between", "T; T; T", "boolean", "({0} >= {1} AND {0} <= {2})", "{0}.between({1}, {1})", each=_ALL[:-1]),
    *signature("is_null", "T", "boolean", "({0} IS NULL)", "{0}.isNull()", "F.isnull({0})", each=(*_ALL, "array", "struct")),
    *signature("is_not_null", "T", "boolean", "({0} IS NOT NULL)", "F.isnotnull({0})", each=(*_ALL, "array", "struct")),
    *signature("greatest", "T; T…", "T", "greatest({every})", "F.greatest({0}, {1})", each=("string", "int", "bigint", "double", "decimal", "date", "timestamp_ntz")),
    *signature("least", "T; T…", "T", "least({every})", "F.least({0}, {1})", each=("string", "int", "bigint", "double", "decimal", "date", "timestamp_ntz")),
    *signature("equal_null", "T; T", "boolean", "({0} IS NOT DISTINCT FROM {1})", "F.equal_null({0}, {1})", each=_ALL[:-1]),
    *signature("isnan", "double", "boolean", "coalesce(isnan({0}), false)", "F.isnan({0})"),
    *signature("nanvl", "double; double", "double", "(CASE WHEN isnan({0}) THEN {1} ELSE {0} END)", "F.nanvl({0}, {1})"),
    *signature("+", "timestamp_ntz; interval", "timestamp_ntz", "({0} + {1})", "({0} + F.expr('INTERVAL 30 MINUTES'))", "({0} + F.expr('INTERVAL 2 DAYS'))"),
    *signature("-", "timestamp_ntz; interval", "timestamp_ntz", "({0} - {1})", "({0} - F.expr('INTERVAL 86399 SECONDS'))"),
]  # fmt: skip
