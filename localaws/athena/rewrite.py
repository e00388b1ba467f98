"""Rewrites a typed Athena query, node by node, so that DuckDB gives Trino's answer.

A function that is in none of the tables here is refused by name, because a wrong answer would be worse than none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena import concatenation, membership, zones
from localaws.athena import typing as types
from localaws.athena.aggregates import average, cast_after, part_after, sum_type, wrapped
from localaws.athena.arithmetic import arithmetic, kind_of, operand
from localaws.athena.arrays import bracket, join_array, join_texts, reduce, sort_array, without
from localaws.athena.casts import cast_rule
from localaws.athena.comparisons import branches_rule, comparison_rule, distinct_rule, equality_rule
from localaws.athena.dates import (
    date_add,
    date_diff,
    date_trunc,
    extract,
    mysql_format,
    mysql_pattern,
    sequence,
)
from localaws.athena.equality import may_be_nan
from localaws.athena.errors import UNFORESEEN, QueryFailed, not_supported, start_of
from localaws.athena.fresh import fresh
from localaws.athena.places import shuffle
from localaws.athena.rewrite_functions import NAMED_FUNCTIONS, text_of
from localaws.athena.rewrite_nested import row, sorted_by
from localaws.athena.rewrite_texts import TEXT_NODES, json_query
from localaws.athena.signatures import CALL
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast

log = logging.getLogger("localaws.athena")

Rule = Callable[[Any], exp.Expr]

#: Functions whose plain translation by sqlglot was checked to mean the same.
_SAME = (
    exp.Connector, exp.Count, exp.Lower, exp.Trim, exp.Coalesce,
    exp.Nullif, exp.If, exp.Case, exp.Array,
    exp.ArrayFilter, exp.Transform, exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.Hour, exp.Minute, exp.Second,
    exp.Quarter, exp.DayOfYear, exp.DayOfWeekIso, exp.WeekOfYear, exp.YearOfWeek, exp.CurrentDate, exp.RowNumber,
    exp.Rank, exp.DenseRank, exp.Ntile, exp.PercentRank, exp.CumeDist, exp.Lag, exp.Lead, exp.FirstValue,
    exp.LastValue, exp.NthValue, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop, exp.Corr,
    exp.CovarPop, exp.CovarSamp, exp.ArrayAgg, exp.LogicalAnd, exp.LogicalOr, exp.Min, exp.AnyValue, exp.In,
    exp.Exists, exp.StrPosition, exp.StartsWith, exp.Chr, exp.Sqrt, exp.Ln, exp.Exp, exp.Abs,
    exp.Pow, exp.Pi, exp.Greatest, exp.Least, exp.Map, exp.MapKeys, exp.Grouping, exp.Cbrt, exp.Translate,
    exp.Degrees, exp.Radians, exp.Rand, exp.Uuid, exp.Cube, exp.Rollup, exp.Sin, exp.Cos, exp.Tan, exp.Cast, exp.Acos,
    exp.Asin, exp.Atan, exp.Atan2, exp.Flatten, exp.IsNan, exp.IsInf, exp.Sinh, exp.Cosh, exp.Tanh,
    exp.RegrSlope, exp.RegrIntercept,
)  # fmt: skip

_PLAIN_STEPS = (exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript)
#: What Trino trims; DuckDB by itself trims spaces only.
_WHITESPACE = " \t\n\v\f\r"


def rewrite(tree: exp.Expr) -> exp.Expr:
    """Return ``tree`` with every node rewritten; raise, naming the function, for one without a known translation."""
    root = exp.Paren(this=tree)
    for node in reversed(list(tree.walk())):
        if node.meta.get(DONE) or node.parent is None:
            if isinstance(node, exp.Cast):
                node.set("to", types.kept(node.to))
            continue
        try:
            turned = _turned(node)
        except QueryFailed as error:
            error.start = start_of(node) if error.start is None else error.start
            raise
        if turned is not node:
            if turned._type is None:
                turned.type = node._type
            node.replace(turned)
    result: exp.Expr = root.this
    return result


def _turned(node: exp.Expr) -> exp.Expr:
    """Return the node rewritten; refuse by its text one that nobody has thought of, which ends in an error."""
    try:
        return _turn(node)
    except UNFORESEEN as error:
        log.exception("%s could not be rewritten", type(node).__name__)
        what = f"the expression {node.sql('athena')[:200]} ({type(error).__name__}: {error})"
        raise not_supported(what, user_error=False) from error


def _turn(node: exp.Expr) -> exp.Expr:
    rule = _RULES.get(type(node))
    if rule is not None:
        return rule(node)
    if isinstance(node, exp.Anonymous):
        named = NAMED_FUNCTIONS.get(node.name.lower())
        if named is None:
            raise not_supported(f"the function '{node.name.lower()}'")
        return named(node)
    if isinstance(node, exp.Func) and not isinstance(node, _SAME):
        raise not_supported(f"the function '{node.sql_name().lower()}'")
    return node


def _literal(node: Any) -> exp.Expr:
    if node.is_string or not ("." in node.name or "e" in node.name.lower()):
        return node  # type: ignore[no-any-return]
    if isinstance(node.parent, exp.DataTypeParam | exp.Interval | exp.TableSample):
        return node  # type: ignore[no-any-return]
    # DuckDB reads a number with a decimal point as a decimal:
    # https://duckdb.org/docs/stable/sql/data_types/literal_types
    return cast(exp.Literal.string(node.name), DType.DOUBLE)


def _reverse(node: Any) -> exp.Expr:
    return call("list_reverse" if kind_of(node.this) == DType.ARRAY else "reverse", node.this.copy())


def _round(node: Any) -> exp.Expr:
    decimals = node.args.get("decimals")
    kind = node.type
    if kind_of(node) == DType.UNKNOWN:
        raise not_supported("round of a value whose type cannot be derived")
    if kind.this in types.FLOATS:
        places = decimals.copy() if decimals else exp.Literal.number(0)
        return cast(call("athena_round_double", node.this.copy(), cast(places, DType.INT)), kind)
    places = [cast(decimals.copy(), DType.INT)] if decimals else []
    return cast(call("round", node.this.copy(), *places), kind)


def _whole(name: str) -> Rule:
    def rule(node: Any) -> exp.Expr:
        if kind_of(node) == DType.UNKNOWN:
            return node  # type: ignore[no-any-return]
        if kind_of(node.this) in types.INTEGERS:
            return exp.Paren(this=node.this.copy(), meta={DONE: True})
        return cast(call(name, node.this.copy()), node.type)

    return rule


def _concat(node: Any) -> exp.Expr:
    parts = [node.left, node.right] if isinstance(node, exp.DPipe) else node.expressions
    if any(kind_of(part) == DType.ARRAY for part in parts):
        given = concatenation.arrays(parts)
        if given is None:
            raise concatenation.refused(parts)
        known = node.type is not None and node.type.this == DType.ARRAY
        if not known and concatenation.all_known(given):
            raise concatenation.refused(parts)
        return concatenation.joined(parts, node.type if known else None, given)
    binary = all(kind_of(part) in (DType.VARBINARY, DType.BINARY) for part in parts)
    for part in parts:
        if not binary and kind_of(part) not in (DType.UNKNOWN, DType.NULL, *types.TEXT):
            raise concatenation.refused(parts)
    result = parts[0].copy()
    for part in parts[1:]:
        result = exp.DPipe(this=result, expression=operand(part.copy()))
    result.meta[DONE] = True
    return exp.Paren(this=result)


def _pad(node: Any) -> exp.Expr:
    name = "athena_lpad" if node.args.get("is_left") else "athena_rpad"
    return call(name, node.this.copy(), node.expression.copy(), node.args["fill_pattern"].copy())


def _length(node: Any) -> exp.Expr:
    if kind_of(node.this) in (DType.VARBINARY, DType.BINARY):
        return cast(call("octet_length", node.this.copy()), DType.BIGINT)
    return call("length", node.this.copy())


def _quantile(node: Any) -> exp.Expr:
    kind = node.type.expressions[0] if kind_of(node) == DType.ARRAY else node.type
    value = cast(node.this.copy(), kind) if kind_of(node) != DType.UNKNOWN else node.this.copy()
    return call("quantile_disc", value, node.args["quantile"].copy())


def _typeof(node: Any) -> exp.Expr:
    # The length of text is known for columns only.
    if kind_of(node.this) == DType.UNKNOWN or (
        kind_of(node.this) in types.TEXT and not isinstance(node.this, exp.Column)
    ):
        raise not_supported("typeof of a value whose type cannot be derived")
    name = exp.Literal.string(types.trino_name(node.this.type))
    if not any(isinstance(each, exp.AggFunc) and not each.find_ancestor(exp.Window) for each in node.this.walk()):
        return name
    # Without an aggregate the query would have a row for each that it reads.
    some = exp.Count(this=exp.Star(), meta={DONE: True}).is_(exp.null()).not_()
    return exp.Case(ifs=[exp.If(this=some, true=name)])


def _of_several(name: str, node: Any) -> exp.Expr:
    """Return ``max_by(x, y, n)`` or ``min_by(x, y, n)``: an array, without the rows that have no ``y``."""
    count, called = node.args["count"], node.meta[CALL][0]
    if not (isinstance(count, exp.Literal) and count.is_int):
        raise not_supported(f"{called} with a number of rows that is not written there")
    if int(count.name) <= 0:
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"third argument of {called} must be a positive integer")
    if isinstance(node.parent, exp.Filter | exp.Window):
        raise not_supported(f"{called} with a number of rows, with FILTER or OVER")
    made = call(f"{name}_nulls_last", node.this.copy(), node.expression.copy(), count.copy())
    there = exp.Where(this=node.expression.copy().is_(exp.null()).not_())
    return exp.Filter(this=made, expression=there, meta={DONE: True})


def _by(name: str) -> Rule:
    def rule(node: Any) -> exp.Expr:
        if node.args.get("count") is not None:
            return _of_several(name, node)
        return call(f"{name}_null", node.this.copy(), node.expression.copy())

    return rule


def _python(name: str, *extra: str) -> Rule:
    def rule(node: Any) -> exp.Expr:
        arguments = [node.this, *(node.args.get(key) for key in extra)]
        return call(f"athena_{name}", *[argument.copy() for argument in arguments if argument is not None])

    return rule


def _json(name: str) -> Rule:
    def rule(node: Any) -> exp.Expr:
        path = node.expression
        if isinstance(path, exp.JSONPath) and not all(isinstance(part, _PLAIN_STEPS) for part in path.walk()):
            raise not_supported("a JSON path of more than names and numbers")
        text = path.sql("athena") if isinstance(path, exp.JSONPath) else None
        return call(name, text_of(node.this), exp.Literal.string(text.strip("'")) if text else path.copy())

    return rule


def _regexp_extract(node: Any) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return call("athena_regexp_extract", node.this.copy(), node.expression.copy(), group.copy())


def _regexp_replace(node: Any) -> exp.Expr:
    new = node.args.get("replacement") or exp.Literal.string("")
    return call("athena_regexp_replace", node.this.copy(), node.expression.copy(), new.copy())


def _substring(node: Any) -> exp.Expr:
    start, length = node.args["start"].copy(), node.args.get("length")
    kind = "_bytes" if kind_of(node.this) in (DType.VARBINARY, DType.BINARY) else ""
    if length is None:
        return call(f"athena_substr{kind}", node.this.copy(), start)
    return call(f"athena_substr3{kind}", node.this.copy(), start, length.copy())


def _listagg(node: Any) -> exp.Expr:
    separator = node.args.get("separator")
    made = exp.GroupConcat(this=node.this.copy(), separator=separator.copy() if separator else exp.Literal.string(""))
    made.meta[DONE] = True
    return made


def _trim(node: Any) -> exp.Expr:
    if node.expression is not None:
        return node  # type: ignore[no-any-return]
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(node.text("position").upper(), "trim")
    return call(name, node.this.copy(), exp.Literal.string(_WHITESPACE))


def _split(node: Any) -> exp.Expr:
    most = node.args.get("limit")
    if most is None:
        return call("athena_split", *_pair(node))
    return call("athena_split_at_most", *_pair(node), cast(most.copy(), DType.BIGINT))


def _split_part(node: Any) -> exp.Expr:
    index = node.args["part_index"].copy()
    parts = call("athena_split", node.this.copy(), node.args["delimiter"].copy())
    return call("athena_part", parts, index)


def _digest(name: str) -> Rule:
    return lambda node: call("unhex", call(name, node.this.copy()))


def _sha(node: Any) -> exp.Expr:
    if node.args.get("length") is not None and node.args["length"].name == "512":
        return call("athena_sha512", node.this.copy())
    if node.args.get("length") is not None and node.args["length"].name != "256":
        raise not_supported("sha" + node.args["length"].name)
    return _digest("sha256")(node)


def _bits(operator: str) -> Rule:
    name = {"&": "athena_bits_and", "|": "athena_bits_or"}[operator]
    return lambda node: call(name, *[cast(part, DType.BIGINT) for part in _pair(node)])


def _number(text: str) -> exp.Expr:
    return exp.Literal.number(text)


def _regexp_extract_all(node: Any) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return call("athena_regexp_extract_all", node.this.copy(), node.expression.copy(), group.copy())


def _date(node: Any) -> exp.Expr:
    if kind_of(node.this) in types.TEXT:  # date(x) is CAST(x AS date)
        made = exp.Cast(this=node.this.copy(), to=exp.DataType(this=DType.DATE))
        made.this.type = node.this.type
        return cast_rule(made)
    return cast(zones.local(node.this), "DATE")


def _truncate(node: Any) -> exp.Expr:
    if kind_of(node.this) in (DType.DECIMAL, *types.INTEGERS):
        return cast(call("trunc", node.this.copy()), node.type)
    if node.args.get("decimals") is not None or kind_of(node.this) not in types.FLOATS:
        raise not_supported("truncate other than of a double or decimal to a whole number")
    return call("trunc", node.this.copy())


def _json_format(node: Any) -> exp.Expr:
    made: exp.Expr = exp.Paren(this=node.this.copy(), meta={DONE: True})  # what is JSON here is a text
    made.type = exp.DataType(this=DType.VARCHAR)
    return made


def _max(node: Any) -> exp.Expr:
    """Return ``max``, which is NaN only where there is no number; to DuckDB, NaN is the greatest."""
    value = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    if not may_be_nan(value) or node.expressions:
        return node  # type: ignore[no-any-return]
    name = fresh(value)
    ranked = call("row", exp.Not(this=call("isnan", name.copy())), name.copy())
    there = exp.Case(ifs=[exp.If(this=name.copy().is_(exp.null()).not_(), true=ranked)], meta={DONE: True})
    rows = call("list_transform", call("list_value", value.copy()), exp.Lambda(this=there, expressions=[name]))
    return part_after(node, exp.Max(this=call("list_extract", rows, exp.Literal.number(1)), meta={DONE: True}), 2)


def _replace(node: Any) -> exp.Expr:
    new = node.args.get("replacement") or exp.Literal.string("")
    return call("athena_replace", node.this.copy(), node.expression.copy(), new.copy())


_JSON_EXTRACT = _json("athena_json_extract")
_RULES: dict[type, Rule] = {
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), arithmetic),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In), comparison_rule),
    **dict.fromkeys((exp.Cast, exp.TryCast), cast_rule),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), distinct_rule),
    exp.Case: lambda node: equality_rule(branches_rule(node)),
    **dict.fromkeys((exp.If, exp.Coalesce, exp.Union, exp.Except, exp.Intersect), branches_rule),
    exp.Literal: _literal,
    exp.Reverse: _reverse,
    exp.Length: _length,
    exp.Typeof: _typeof,
    exp.Max: _max,
    exp.Replace: _replace,
    exp.Levenshtein: lambda node: call("athena_levenshtein", *_pair(node)),
    exp.Upper: lambda node: call("athena_upper", node.this.copy()),
    exp.ArrayContains: membership.contains,
    exp.Nullif: equality_rule,
    exp.ArrayMax: lambda node: call("athena_array_max", node.this.copy()),
    exp.ArrayMin: lambda node: call("athena_array_min", node.this.copy()),
    exp.ArrayDistinct: lambda node: call("athena_array_distinct", node.this.copy()),
    exp.Trim: _trim,
    **dict.fromkeys((exp.Concat, exp.DPipe), _concat),
    **dict.fromkeys((exp.Filter, exp.Window), wrapped),
    exp.Sum: cast_after(sum_type),
    exp.CountIf: cast_after(DType.BIGINT),
    exp.Avg: average,
    exp.DateAdd: date_add,
    exp.DateDiff: date_diff,
    exp.TimestampTrunc: date_trunc,
    exp.DateTrunc: date_trunc,
    exp.Extract: extract,
    exp.Bracket: bracket,
    exp.Round: _round,
    exp.Ceil: _whole("ceil"),
    exp.Floor: _whole("floor"),
    exp.Sign: lambda node: cast(call("sign", node.this.copy()), node.type),
    exp.Log: lambda n: call("log", *[cast(part.copy(), DType.DOUBLE) for part in (n.this, n.expression) if part]),
    exp.AtTimeZone: zones.at_time_zone,
    **dict.fromkeys(
        (
            exp.Year,
            exp.Month,
            exp.Day,
            exp.DayOfMonth,
            exp.Hour,
            exp.Minute,
            exp.Second,
            exp.Quarter,
            exp.DayOfYear,
            exp.DayOfWeekIso,
            exp.WeekOfYear,
            exp.YearOfWeek,
        ),
        zones.part,
    ),
    exp.ApproxDistinct: lambda node: exp.Count(this=exp.Distinct(expressions=[node.this.copy()]), meta={DONE: True}),
    exp.ApproxQuantile: _quantile,
    exp.ArgMax: _by("arg_max"),
    exp.ArgMin: _by("arg_min"),
    exp.ArrayToString: join_array,
    exp.ArraySize: lambda n: cast(
        call("cardinality" if kind_of(n.this) == DType.MAP else "len", n.this.copy()), DType.BIGINT
    ),
    exp.ArraySlice: lambda n: call("athena_slice", n.this.copy(), n.args["start"].copy(), n.args["end"].copy()),
    exp.ArraySort: lambda node: sorted_by(node) if node.expression else sort_array(node),
    exp.ArrayPosition: lambda n: cast(membership.position(n), "BIGINT"),
    exp.Reduce: reduce,
    exp.ConcatWs: join_texts,
    exp.JSONExtractScalar: _json("athena_json_extract_scalar"),
    exp.JSONExtract: lambda node: json_query(node) if node.args.get("json_query") else _JSON_EXTRACT(node),
    **TEXT_NODES,
    exp.ParseJSON: _python("json_parse"),
    exp.JSONFormat: _json_format,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpLike: _python("regexp_like", "expression"),
    exp.RegexpCount: _python("regexp_count", "expression"),
    exp.Split: _split,
    exp.SplitPart: _split_part,
    exp.StrToMap: _python("split_to_map", "pair_delim", "key_value_delim"),
    exp.Substring: _substring,
    exp.TimeToStr: mysql_format("athena_date_format"),
    exp.StrToTime: lambda node: call("athena_date_parse", node.this.copy(), mysql_pattern(node.args["format"])),
    exp.TimeToUnix: lambda node: call("epoch", zones.instant(node.this)),
    exp.UnixToTime: lambda n: call("to_timestamp", cast(n.this.copy(), DType.DOUBLE)),
    exp.Date: _date,
    exp.FromISO8601Timestamp: lambda node: cast(call("athena_moment", node.this.copy()), "TIMESTAMPTZ"),
    exp.CurrentTimestamp: lambda node: call("athena_now"),
    exp.CurrentTimezone: lambda node: exp.Literal.string("UTC"),
    exp.Kurtosis: lambda node: call("kurtosis", cast(node.this.copy(), DType.DOUBLE)),
    exp.Normalize: lambda n: call(
        "athena_normalize",
        n.this.copy(),
        exp.Literal.string(n.args["form"].name.upper() if n.args.get("form") else "NFC"),
    ),
    exp.Localtimestamp: lambda node: call("timezone", exp.Literal.string("UTC"), call("athena_now")),
    exp.GenerateSeries: sequence,
    exp.GroupConcat: _listagg,
    exp.Struct: row,
    exp.MapFromEntries: lambda node: call("map_from_entries", node.this.copy()),
    exp.Hex: lambda node: call("hex", node.this.copy()),
    exp.Unhex: lambda node: call("athena_from_hex", node.this.copy()),
    exp.Pad: _pad,
    exp.Encode: lambda node: call("encode", node.this.copy()),
    exp.Decode: lambda node: call("athena_from_utf8", node.this.copy()),
    exp.MD5Digest: _digest("md5"),
    exp.SHA2Digest: _sha,
    exp.FromISO8601Date: lambda node: cast(node.this.copy(), "DATE"),
    exp.ArrayRemove: without,
    exp.Trunc: _truncate,
    exp.BitwiseAnd: _bits("&"),
    exp.BitwiseOr: _bits("|"),
    exp.BitwiseXor: lambda node: call("xor", *[cast(part, DType.BIGINT) for part in _pair(node)]),
    exp.BitwiseNot: lambda node: call("xor", cast(node.this.copy(), DType.BIGINT), cast(_number("-1"), DType.BIGINT)),
    exp.BitwiseAndAgg: lambda node: call("bit_and", cast(node.this.copy(), DType.BIGINT)),
    exp.BitwiseOrAgg: lambda node: call("bit_or", cast(node.this.copy(), DType.BIGINT)),
    exp.LastDay: lambda node: call("last_day", zones.local(node.this)),
    exp.RegexpExtractAll: _regexp_extract_all,
    exp.RegexpSplit: _python("regexp_split", "expression"),
    exp.SHA: _digest("sha1"),
    exp.ToBase64: lambda node: call("base64", node.this.copy()),
    exp.FromBase64: lambda node: call("athena_from_base64", node.this.copy()),
    exp.Repeat: lambda node: call("athena_repeat", node.this.copy(), node.args["times"].copy()),
    exp.ArrayExcept: lambda node: call("athena_array_except", *_pair(node)),
    exp.ArrayIntersect: lambda node: call("athena_array_intersect", *[each.copy() for each in node.expressions]),
    exp.Shuffle: shuffle,
    exp.Try: lambda node: call("try", node.this.copy()),
}


def _pair(node: Any) -> list[exp.Expr]:
    return [node.this.copy(), node.expression.copy()]
