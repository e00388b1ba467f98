"""Aggregates, and functions over windows."""

from __future__ import annotations

from collections.abc import Callable

from sluice.transforms.functions.nodes import LATEST_SENT
from sluice.transforms.functions.operators import divided, fitting, units, wrapped
from sluice.transforms.functions.signatures import Argument, Refused, Signature, signature
from sluice.transforms.functions.spark_types import duckdb_type, family, fields, holds, sizes
from sluice.transforms.functions.texts import whole

_ALL = ("string", "int", "bigint", "double", "decimal", "boolean", "date", "timestamp_ntz")
_LEAST = ("string", "int", "bigint", "decimal", "boolean", "date", "timestamp_ntz")
_SUM = "sum({0}){over}"


def _sum_type(given: list[Argument]) -> str:
    precision, scale = sizes(given[0].type)
    return f"decimal({min(38, precision + 10)},{scale})"


def _sum_decimal(given: list[Argument]) -> str:
    precision, scale = sizes(given[0].type)
    if precision > 28:
        raise Refused(
            "a sum of decimals of more than 28 digits may overflow, which is null on Spark and an error on DuckDB; "
            f"cast what is summed to decimal(28,{min(scale, 28)}) first"
        )
    return f"CAST(sum({given[0].sql}){{over}} AS {duckdb_type(_sum_type(given))})"


def _average_type(given: list[Argument]) -> str:
    precision, scale = sizes(given[0].type)
    if precision > 24:
        raise Refused(
            f"an average of decimals of more than 24 digits was never proven; cast to decimal(24,{min(scale, 24)}) first"
        )
    return fitting(precision + 4, scale + 4)


def _average(given: list[Argument]) -> str:
    own, scale = sizes(given[0].type)
    precision, places = sizes(_average_type(given))
    total = f"{units(f'(sum({given[0].sql}){{over}})', own + 10, scale)} * 10000"
    count = f"nullif(count({given[0].sql}){{over}}, 0)"
    return f"CAST({divided(total, count, places, 38 - places)} AS DECIMAL({precision},{places}))"


def _greatest_struct(name: str) -> object:
    """Return what makes the greatest struct: on Spark a null is the least, in each field; on DuckDB the greatest."""

    def made(given: list[Argument]) -> str:
        of, names = given[0].sql, list(fields(given[0].type))
        for each, kind in fields(given[0].type).items():
            if family(kind) not in _LEAST:
                raise Refused(
                    f"its field {each} is {kind}, which the engines compare or keep otherwise; leave it out, or cast it to a decimal"
                )
        read = [f"struct_extract({of}, '{each}')" for each in names]
        pairs = ", ".join(f"k{n} := {each} IS NOT NULL, v{n} := {each}" for n, each in enumerate(read))
        key = f"{name}(CASE WHEN {of} IS NOT NULL THEN struct_pack({pairs}) END){{over}}"
        back = ", ".join(f"\"{each}\" := struct_extract(r, 'v{n}')" for n, each in enumerate(names))
        return f"list_transform([{key}], lambda r: CASE WHEN r IS NOT NULL THEN struct_pack({back}) END)[1]"

    return made


def _latest_sent(given: list[Argument]) -> str:
    """Return what makes the value at the greatest place, which one row has alone: see ``sluice.transforms.changes``."""
    sent, order, value = given
    if holds(value.type, "map"):
        raise Refused("Spark puts no maps in order; keep its keys and values in arrays")
    if family(value.type) in ("struct", "array") and holds(value.type, "double", "float"):
        # Of what is nested DuckDB's arg_max takes the sign of a zero away.
        return f"list({value.sql} ORDER BY {order.sql} DESC) FILTER (WHERE {sent.sql})[1]"
    return f"arg_max_null({value.sql}, {order.sql}) FILTER (WHERE {sent.sql})"


def _present(name: str) -> Callable[[list[Argument]], str]:
    def present(given: list[Argument]) -> str:
        if not given[1].literal or not isinstance(given[1].value, bool):
            raise Refused("whether nulls are left out must be a literal true or false")
        return f"{name}_value({given[0].sql}{' IGNORE NULLS' if given[1].value else ''}){{over}}"

    return present


def _lagged(name: str) -> object:
    def lagged(given: list[Argument]) -> str:
        count = whole(given[1], "the offset", 0) if len(given) > 1 else 1
        default = f", {given[2].sql}" if len(given) > 2 and given[2].type != "void" else ""
        return f"{name}({given[0].sql}, {count}{default}){{over}}"

    return lagged


_ORDER = "sums of doubles depend on the order of rows, which no engine promises"
_DECIMAL = "declare it as a decimal in the contract that it comes from"
_LATER = ("stddev", "stddev_pop", "var_samp", "var_pop", "skewness", "kurtosis")

SIGNATURES: list[Signature] = [
    *signature("count", "*", "bigint", "count(*){over}", "F.count('*')", kind="aggregate"),
    *signature("count", "T", "bigint", "count({0}){over}", "F.count({0})", kind="aggregate", each=_ALL),
    *signature("count_distinct", "T", "bigint", "count(DISTINCT {0})", "F.count_distinct({0})", kind="grouped", each=_ALL),
    *signature("count_if", "boolean", "bigint", "coalesce(CAST(count_if({0}){over} AS BIGINT), 0)", "F.count_if({0})", kind="aggregate"),
    *signature("sum", "int", "bigint", wrapped(_SUM, "bigint"), "F.sum({0})", kind="aggregate"),
    *signature("sum", "bigint", "bigint", wrapped(_SUM, "bigint"), "F.sum({0})", kind="aggregate"),
    *signature("sum_distinct", "int", "bigint", wrapped("sum(DISTINCT {0})", "bigint"), "F.sum_distinct({0})", kind="grouped"),
    *signature("nth_value", "T; int", "T", lambda a: f"nth_value({a[0].sql}, {whole(a[1], 'the place', 1)}){{over}}", "F.nth_value({0}, 1)", "F.nth_value({0}, 2)", kind="window", each=("string", "int", "bigint", "date")),
    *signature("sum", "decimal", _sum_type, _sum_decimal, "F.sum({0})", kind="aggregate"),
    *signature("sum", "double", "double", "sum({0}){over}", "F.sum({0})", kind="aggregate", why=_ORDER, instead=_DECIMAL),
    *signature("avg", "int", "double", "avg({0}){over}", "F.avg({0})", kind="aggregate"),
    *signature("avg", "decimal", _average_type, _average, "F.avg({0})", kind="aggregate"),
    *signature("avg", "bigint", "double", "avg({0}){over}", "F.avg({0})", kind="aggregate", why="Spark adds whole numbers as doubles, beyond 2^53 with loss", instead="cast to an int or a decimal first"),
    *signature("avg", "double", "double", "avg({0}){over}", "F.avg({0})", kind="aggregate", why=_ORDER, instead=_DECIMAL),
    *signature("min", "T", "T", "min({0}){over}", "F.min({0})", kind="aggregate", each=_LEAST),
    *signature("max", "T", "T", "max({0}){over}", "F.max({0})", kind="aggregate", each=_LEAST),
    *(one for name in ("min", "max") for one in signature(name, "double", "double", f"{name}({{0}}){{over}}", f"F.{name}({{0}})", kind="aggregate", why="-0.0 and 0.0 are equal, and engines keep another of them", instead=_DECIMAL)),
    *signature("max", "struct", lambda a: a[0].type, _greatest_struct("max"), "F.max(F.struct({string}, {int}))", kind="aggregate"),  # type: ignore[arg-type]
    *signature("min", "struct", lambda a: a[0].type, _greatest_struct("min"), "F.min(F.struct({string}, {int}))", kind="aggregate"),  # type: ignore[arg-type]
    *signature(LATEST_SENT, "boolean; string; any", lambda a: a[2].type, _latest_sent, *(f"latest_sent(F.col('boolean_a'), F.lpad(F.col('row').cast('string'), 9, '0'), {value})" for value in ("F.col('string_a')", "F.col('double_a')", "F.col('decimal_a')", "F.col('array_int_a')", "F.struct('double_a', 'string_a')")), kind="grouped"),
    *signature("bool_and", "boolean", "boolean", "bool_and({0}){over}", "F.bool_and({0})", kind="aggregate"),
    *signature("bool_or", "boolean", "boolean", "bool_or({0}){over}", "F.bool_or({0})", kind="aggregate"),
    *signature("bit_and", "int", "int", "bit_and({0}){over}", "F.bit_and({0})", kind="aggregate"),
    *signature("bit_or", "int", "int", "bit_or({0}){over}", "F.bit_or({0})", kind="aggregate"),
    *signature("bit_xor", "int", "int", "bit_xor({0}){over}", "F.bit_xor({0})", kind="aggregate"),
    *signature("collect_list", "T", "array<T>", "coalesce(list({0}) FILTER ({0} IS NOT NULL), [])", "F.sort_array(F.collect_list({0}))", kind="grouped", each=("string", "int", "bigint", "date")),
    *signature("collect_set", "T", "array<T>", "coalesce(list(DISTINCT {0}) FILTER ({0} IS NOT NULL), [])", "F.sort_array(F.collect_set({0}))", kind="grouped", each=("string", "int", "bigint", "date")),
    *signature("median", "double", "double", "", why="the engines interpolate differently", instead="ntile over an ordered window"),
    *signature("percentile_approx", "double; double", "double", "", why="an approximation differs by engine", instead="ntile over an ordered window"),
    *signature("approx_count_distinct", "T", "bigint", "", why="an approximation differs by engine", instead="use count_distinct", each=_ALL),
    *(one for name in _LATER for kind in ("int", "double") for one in signature(name, kind, "double", "", why="doubles of such sums differ in the last bits", instead="sums of decimals, from which it is computed where it is read")),
    *signature("row_number", "", "int", "CAST(row_number(){over} AS INTEGER)", "F.row_number()", kind="window"),
    *signature("rank", "", "int", "CAST(rank(){over} AS INTEGER)", "F.rank()", kind="window"),
    *signature("dense_rank", "", "int", "CAST(dense_rank(){over} AS INTEGER)", "F.dense_rank()", kind="window"),
    *signature("percent_rank", "", "double", "percent_rank(){over}", "F.percent_rank()", kind="window"),
    *signature("cume_dist", "", "double", "cume_dist(){over}", "F.cume_dist()", kind="window"),
    *signature("ntile", "int", "int", lambda a: f"CAST(ntile({whole(a[0], 'the number', 1)}){{over}} AS INTEGER)", "F.ntile(4)", "F.ntile(1)", "F.ntile(1000)", kind="window"),
    *(
        one
        for name in ("lag", "lead")
        for one in (
            *signature(name, "T", "T", _lagged(name), f"F.{name}({{0}})", kind="window", each=(*_ALL, "struct")),  # type: ignore[arg-type]
            *signature(name, "T; int", "T", _lagged(name), f"F.{name}({{0}}, 1)", f"F.{name}({{0}}, 3)", kind="window", each=(*_ALL, "struct")),  # type: ignore[arg-type]
            *signature(name, "string; int; string", "string", _lagged(name), f"F.{name}({{0}}, 1, 'x')", kind="window"),  # type: ignore[arg-type]
            *signature(name, "int; int; int", "int", _lagged(name), f"F.{name}({{0}}, 2, 0)", kind="window"),  # type: ignore[arg-type]
        )
    ),
    *signature("first", "T", "T", "first({0}){over}", "F.first({0})", kind="window", each=_ALL),
    *signature("last", "T", "T", "last({0}){over}", "F.last({0})", kind="window", each=_ALL),
    *signature("first", "T; boolean", "T", _present("first"), "F.first({0}, True)", "F.first({0}, False)", kind="window", each=_ALL),
    *signature("last", "T; boolean", "T", _present("last"), "F.last({0}, True)", "F.last({0}, False)", kind="window", each=_ALL),
]  # fmt: skip
