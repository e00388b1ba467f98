"""Functions of numbers."""

from __future__ import annotations

from sluice.transforms.functions.operators import fitting, rescaled, wrapped
from sluice.transforms.functions.signatures import Argument, Signature, signature
from sluice.transforms.functions.spark_types import duckdb_type, sizes
from sluice.transforms.functions.texts import whole


def _rounded_type(given: list[Argument]) -> str:
    precision, scale = sizes(given[0].type)
    places = whole(given[1], "the places", 0, 38) if len(given) > 1 else 0
    kept = min(scale, places)
    return fitting(min(precision - scale + 1 + kept, 38), kept) if places < scale else _wider(precision, scale)


def _wider(precision: int, scale: int) -> str:
    return fitting(min(precision + 1, 38), scale)


def _rounded(given: list[Argument]) -> str:
    return rescaled(given[0].sql, sizes(given[0].type), sizes(_rounded_type(given)))


def _cut_type(given: list[Argument]) -> str:
    precision, scale = sizes(given[0].type)
    return fitting(max(1, min(38, precision - scale + 1)) if scale else precision, 0)


def _cut(name: str) -> object:
    def cut(given: list[Argument]) -> str:
        return f"CAST({name}({given[0].sql}) AS {duckdb_type(_cut_type(given))})"

    return cut


def _saturated(inner: str) -> str:
    most, least = "9223372036854775807", "-9223372036854775808"
    return (
        f"(CASE WHEN isnan({{0}}) THEN CAST(0 AS BIGINT) WHEN {{0}} >= {most} THEN {most} "
        f"WHEN {{0}} <= {least} THEN CAST({least} AS BIGINT) ELSE CAST({inner}({{0}}) AS BIGINT) END)"
    )


def _pmod(given: list[Argument]) -> str:
    kind, wide = ("INTEGER", "BIGINT") if given[0].type == "int" else ("BIGINT", "HUGEINT")
    one, other = (f"CAST({each.sql} AS {wide})" for each in given)
    rest = f"({one} % nullif({other}, 0))"
    again = f"CAST({wrapped(f'({rest} + {other})', given[0].type)} AS {wide})"
    return f"CAST(CASE WHEN {rest} < 0 THEN {again} % nullif({other}, 0) ELSE {rest} END AS {kind})"


def _shifted(given: list[Argument]) -> str:
    count = whole(given[1], "the count", 0, 31)
    return wrapped(f"(CAST({given[0].sql} AS BIGINT) * {2**count})", "int").replace("* 2147483648)", "* 2147483648)")


_TRIED = {"add": "+", "subtract": "-", "multiply": "*"}
_CURVES = "doubles of such functions differ in the last bit between the engines"
_TRANSCENDENTAL = (
    "exp", "log", "log10", "log2", "log1p", "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "cbrt",
)  # fmt: skip

SIGNATURES: list[Signature] = [
    *signature("abs", "int", "int", wrapped("abs(CAST({0} AS BIGINT))", "int"), "F.abs({0})"),
    *signature("abs", "bigint", "bigint", wrapped("abs(CAST({0} AS HUGEINT))", "bigint"), "F.abs({0})"),
    *signature("abs", "double", "double", "abs({0})", "F.abs({0})"),
    *signature("abs", "decimal", lambda a: a[0].type, "abs({0})", "F.abs({0})"),
    *signature("round", "decimal", _rounded_type, _rounded, "F.round({0})"),
    *signature("round", "decimal; int", _rounded_type, _rounded, "F.round({0}, 0)", "F.round({0}, 1)", "F.round({0}, 5)"),
    *signature("round", "int; int", "int", lambda a: a[0].sql if whole(a[1], "the places", 0) >= 0 else "", "F.round({0}, 0)", "F.round({0}, 2)"),
    *signature("round", "bigint; int", "bigint", lambda a: a[0].sql if whole(a[1], "the places", 0) >= 0 else "", "F.round({0}, 0)", "F.round({0}, 2)"),
    *signature("round", "double; int", "double", "round({0}, {1})", "F.round({0}, 2)", why="Spark rounds the shortest text of a double, DuckDB its binary value", instead="cast to a decimal where the value comes from, and round that"),
    *signature("floor", "decimal", _cut_type, _cut("floor"), "F.floor({0})"),  # type: ignore[arg-type]
    *signature("ceil", "decimal", _cut_type, _cut("ceil"), "F.ceil({0})"),  # type: ignore[arg-type]
    *signature("floor", "double", "bigint", _saturated("floor"), "F.floor({0})"),
    *signature("ceil", "double", "bigint", _saturated("ceil"), "F.ceil({0})"),
    *signature("floor", "int", "bigint", "CAST({0} AS BIGINT)", "F.floor({0})"),
    *signature("ceil", "int", "bigint", "CAST({0} AS BIGINT)", "F.ceil({0})"),
    *signature("floor", "bigint", "bigint", "{0}", "F.floor({0})"),
    *signature("ceil", "bigint", "bigint", "{0}", "F.ceil({0})"),
    *signature("signum", "double", "double", "(CASE WHEN isnan({0}) OR {0} = 0 THEN {0} ELSE CAST(sign({0}) AS DOUBLE) END)", "F.signum({0})"),
    *signature("signum", "int", "double", "CAST(sign({0}) AS DOUBLE)", "F.signum({0})"),
    *signature("signum", "bigint", "double", "CAST(sign({0}) AS DOUBLE)", "F.signum({0})"),
    *signature("sqrt", "double", "double", "(CASE WHEN {0} < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt({0}) END)", "F.sqrt({0})"),
    *signature("sqrt", "int", "double", "(CASE WHEN {0} < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt(CAST({0} AS DOUBLE)) END)", "F.sqrt({0})"),
    *signature("rint", "double", "double", "round_even({0}, 0)", "F.rint({0})"),
    *signature("pmod", "int; int", "int", _pmod, "F.pmod({0}, {1})", "F.pmod({0}, F.lit(7))"),
    *signature("pmod", "bigint; bigint", "bigint", _pmod, "F.pmod({0}, {1})", "F.pmod({0}, F.lit(7).cast('bigint'))"),
    *signature("bitwise_not", "int", "int", "(~{0})", "F.bitwise_not({0})"),
    *signature("bitwise_not", "bigint", "bigint", "(~{0})", "F.bitwise_not({0})"),
    *signature("bit_count", "int", "int", "CAST(bit_count(CAST({0} AS BIGINT)) AS INTEGER)", "F.bit_count({0})"),
    *signature("bit_count", "bigint", "int", "CAST(bit_count({0}) AS INTEGER)", "F.bit_count({0})"),
    *signature("shiftleft", "int; int", "int", _shifted, "F.shiftleft({0}, 3)", "F.shiftleft({0}, 31)"),
    *signature("shiftright", "int; int", "int", lambda a: f"CAST({a[0].sql} >> {whole(a[1], 'the count', 0, 31)} AS INTEGER)", "F.shiftright({0}, 3)", "F.shiftright({0}, 31)"),
    *signature("shiftright", "bigint; int", "bigint", lambda a: f"({a[0].sql} >> {whole(a[1], 'the count', 0, 63)})", "F.shiftright({0}, 3)", "F.shiftright({0}, 63)"),
    *signature("factorial", "int", "bigint", "(CASE WHEN {0} BETWEEN 0 AND 20 THEN CAST(factorial({0}) AS BIGINT) END)", "F.factorial({0})"),
    *signature("pow", "double; double", "double", "pow({0}, {1})", "F.pow({0}, {1})", why=_CURVES, instead="multiply"),
    *(one for name, sign in _TRIED.items() for one in signature(f"try_{name}", "int; int", "int", f"TRY_CAST((CAST({{0}} AS BIGINT) {sign} CAST({{1}} AS BIGINT)) AS INTEGER)", f"F.try_{name}({{0}}, {{1}})")),
    *(one for name, sign in _TRIED.items() for one in signature(f"try_{name}", "bigint; bigint", "bigint", f"TRY_CAST((CAST({{0}} AS HUGEINT) {sign} CAST({{1}} AS HUGEINT)) AS BIGINT)", f"F.try_{name}({{0}}, {{1}})")),
    *signature("try_divide", "double; double", "double", "({0} / nullif({1}, 0))", "F.try_divide({0}, {1})"),
    *signature("try_divide", "int; int", "double", "(CAST({0} AS DOUBLE) / nullif(CAST({1} AS DOUBLE), 0))", "F.try_divide({0}, {1})"),
    *(one for name in ("bit_get", "getbit") for one in signature(name, "int; int", "tinyint", lambda a: f"CAST(({a[0].sql} >> {whole(a[1], 'the place', 0, 31)}) & 1 AS TINYINT)", f"F.{name}({{0}}, F.lit(0))", f"F.{name}({{0}}, F.lit(31))")),
    *signature("shiftrightunsigned", "int; int", "int", lambda a: wrapped(f"((CAST({a[0].sql} AS BIGINT) & 4294967295) >> {whole(a[1], 'the count', 0, 31)})", "int"), "F.shiftrightunsigned({0}, 3)", "F.shiftrightunsigned({0}, 0)", "F.shiftrightunsigned({0}, 31)"),
    *signature("pi", "", "double", "CAST('3.141592653589793' AS DOUBLE)", "F.pi()"),
    *signature("e", "", "double", "CAST('2.718281828459045' AS DOUBLE)", "F.e()"),
    *signature("positive", "int", "int", "{0}", "F.positive({0})"),
    *signature("degrees", "double", "double", "degrees({0})", "F.degrees({0})"),
    *signature("radians", "double", "double", "radians({0})", "F.radians({0})"),
    *(one for name in _TRANSCENDENTAL for one in signature(name, "double", "double", f"{ {'log': 'ln'}.get(name, name)}({{0}})", f"F.{name}({{0}})", why=_CURVES, instead="keep such numbers to Spark")),
]  # fmt: skip
