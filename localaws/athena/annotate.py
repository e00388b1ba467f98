"""Infers the types of expressions as Trino does, where sqlglot gives no type or another engine's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.athena import Athena

from localaws.athena import typing as types
from localaws.athena.annotate_nested import NESTED, by_comparator, field_at, map_of_entries, over_elements, reduced
from localaws.athena.concatenation import type_of
from localaws.athena.plain_functions import PLAIN, RESULTS
from localaws.athena.typing import DType
from localaws.athena.zones import common_zone, zoned

INT_MAX = 2**31 - 1
_NESTED: Final = (DType.ARRAY, DType.MAP, DType.STRUCT)
_NUMBERS: Final = {*types.INTEGERS, *types.FLOATS, DType.DECIMAL}


@functools.cache
def rules() -> dict[Any, Any]:
    """Return sqlglot's annotation table with Trino's result types."""
    own: dict[Any, Callable[[Any, Any], Any]] = {
        exp.Literal: _literal,
        exp.Interval: lambda s, e: s._set_type(e, types.interval(e.text("unit"))),
        exp.Add: _arithmetic,
        exp.Sub: _arithmetic,
        exp.Mul: _arithmetic,
        exp.Div: _arithmetic,
        exp.Mod: _arithmetic,
        exp.Sum: _sum,
        exp.Avg: _avg,
        exp.Round: _round,
        exp.Ceil: _whole,
        exp.Floor: _whole,
        exp.Abs: _same,
        exp.Min: _of_several,
        exp.Max: _of_several,
        exp.ArgMax: _by,
        exp.ArgMin: _by,
        exp.Trunc: _truncated,
        exp.AnyValue: _same,
        exp.Filter: _same,
        exp.Window: _same,
        exp.IgnoreNulls: _same,
        exp.Lag: _same,
        exp.Lead: _same,
        exp.FirstValue: _same,
        exp.LastValue: _same,
        exp.NthValue: _same,
        exp.Nullif: _same,
        exp.Try: _same,
        exp.DateAdd: _same,
        exp.TimestampTrunc: _same,
        exp.DateTrunc: _same,
        exp.Distinct: _first,
        exp.Order: _same,
        exp.Coalesce: lambda s, e: s._set_type(e, common([e.this, *e.expressions])),
        exp.Greatest: lambda s, e: s._set_type(e, common([e.this, *e.expressions])),
        exp.Least: lambda s, e: s._set_type(e, common([e.this, *e.expressions])),
        exp.If: lambda s, e: s._set_type(e, common([e.args.get("true"), e.args.get("false")])),
        exp.Case: _case,
        exp.Array: lambda s, e: s._set_type(e, types.array_of(_element_of(e.expressions))),
        exp.ArrayAgg: lambda s, e: s._set_type(e, types.array_of(e.this.type)),
        exp.Bracket: _bracket,
        exp.Struct: lambda s, e: s._set_type(e, types.row_of([part.type for part in e.expressions])),
        exp.Map: _map,
        exp.MapFromEntries: lambda s, e: s._set_type(e, map_of_entries(e.this.type)),
        exp.MapKeys: lambda s, e: s._set_type(e, NESTED["map_keys"](s, [e.this])),
        exp.Reduce: reduced,
        exp.Substring: _part,
        exp.StrToMap: lambda s, e: s._set_type(e, types.nested(DType.MAP, [_VARCHAR.copy(), _VARCHAR.copy()])),
        exp.Uuid: _returns(DType.UUID),
        exp.Anonymous: _anonymous,
        exp.AtTimeZone: lambda s, e: s._set_type(e, zoned(e.this, e.args["zone"]) or DType.TIMESTAMPTZ),
        exp.Length: _returns(DType.BIGINT),
    }
    kind: Any
    for kind in (
        exp.Year,
        exp.Month,
        exp.Day,
        exp.DayOfMonth,
        exp.DayOfWeekIso,
        exp.DayOfYear,
        exp.WeekOfYear,
        exp.Quarter,
    ):
        own[kind] = _returns(DType.BIGINT)
    for kind in (exp.DateDiff, exp.StrPosition, exp.ApproxDistinct, exp.CountIf, exp.Count, exp.ArraySize, exp.Extract):
        own[kind] = _returns(DType.BIGINT)
    for kind in (
        exp.Hour,
        exp.Minute,
        exp.Second,
        exp.YearOfWeek,
        exp.ArrayPosition,
        exp.RegexpCount,
        exp.Grouping,
        exp.BitwiseAnd,
        exp.BitwiseOr,
        exp.BitwiseXor,
        exp.BitwiseNot,
        exp.BitwiseAndAgg,
        exp.BitwiseOrAgg,
    ):
        own[kind] = _returns(DType.BIGINT)
    for kind in (exp.Sinh, exp.Cosh, exp.Tanh, exp.Kurtosis, exp.RegrSlope, exp.RegrIntercept, exp.Atan2):
        own[kind] = _returns(DType.DOUBLE)
    own[exp.FromBase] = own[exp.WidthBucket] = _returns(DType.BIGINT)
    own[exp.Rand] = _random
    own[exp.JSONArrayContains] = _returns(DType.BOOLEAN)
    own[exp.ParseDatetime] = _returns(DType.TIMESTAMPTZ)
    own[exp.JSONValue] = lambda s, e: s._set_type(e, e.args.get("returning") or DType.VARCHAR)
    own[exp.FromBase64] = own[exp.SHA] = _returns(DType.VARBINARY)
    own[exp.LastDay] = _returns(DType.DATE)
    own[exp.RegexpExtractAll] = own[exp.RegexpSplit] = lambda s, e: s._set_type(e, types.array_of(_VARCHAR))
    own[exp.Repeat] = lambda s, e: s._set_type(e, types.array_of(e.this.type))
    own[exp.ArrayExcept] = _same
    own[exp.Flatten] = lambda s, e: s._set_type(e, types.element_of(e.this.type))
    own[exp.ArrayIntersect] = lambda s, e: s._set_type(e, e.expressions[0].type)
    for kind in (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile):
        own[kind] = _returns(DType.BIGINT)
    for kind in (exp.JSONExtractScalar, exp.RegexpExtract, exp.RegexpReplace, exp.SplitPart, exp.TimeToStr):
        own[kind] = _returns(DType.VARCHAR)
    for kind in (exp.UnixToTime, exp.FromISO8601Timestamp):
        own[kind] = _returns(DType.TIMESTAMPTZ)
    for kind in (exp.RegexpLike, exp.ArrayContains, exp.LogicalAnd, exp.LogicalOr):
        own[kind] = _returns(DType.BOOLEAN)
    own[exp.Split] = lambda s, e: s._set_type(e, types.array_of(exp.DataType(this=DType.VARCHAR)))
    own[exp.TimeToUnix] = _returns(DType.DOUBLE)
    own[exp.StrToTime] = lambda s, e: s._set_type(e, types.timestamp(3))
    own[exp.CurrentTimestamp] = _returns(DType.TIMESTAMPTZ)
    own[exp.Shuffle] = own[exp.ArrayDistinct] = own[exp.ArraySlice] = _same
    own[exp.ArrayFilter] = own[exp.Transform] = over_elements
    own[exp.ArrayRemove] = own[exp.Reverse] = _same
    own[exp.ArraySort] = by_comparator
    own[exp.GenerateSeries] = _sequence
    own[exp.FromISO8601Date] = own[exp.Date] = _returns(DType.DATE)
    own[exp.Identifier] = lambda s, e: s._set_type(e, e.type)
    for kind in (exp.GroupConcat, exp.ArrayToString, exp.Lower, exp.Upper, exp.Trim, exp.Replace):
        own[kind] = _returns(DType.VARCHAR)
    for kind in (exp.Format, exp.Normalize, exp.CurrentTimezone, exp.ToBase64, exp.JSONObject, exp.JSONArray):
        own[kind] = _returns(DType.VARCHAR)
    for kind in (exp.Pad, exp.Chr, exp.ConcatWs, exp.Concat, exp.Translate, exp.Hex, exp.Decode):
        own[kind] = _returns(DType.VARCHAR)
    own[exp.DPipe] = lambda s, e: s._set_type(e, _joined([e.left, e.right], e.this.type))
    own[exp.Concat] = lambda s, e: s._set_type(e, _joined(e.expressions, common(e.expressions)))
    own[exp.ArrayMax] = own[exp.ArrayMin] = lambda s, e: s._set_type(e, types.element_of(e.this.type))
    own[exp.ParseJSON] = _returns(DType.JSON)
    own[exp.JSONExtract] = lambda s, e: s._set_type(e, DType.VARCHAR if e.args.get("json_query") else DType.JSON)
    for kind in (exp.Encode, exp.Unhex, exp.MD5Digest, exp.SHA2Digest):
        own[kind] = _returns(DType.VARBINARY)
    own[exp.Typeof] = own[exp.JSONFormat] = _returns(DType.VARCHAR)
    own[exp.Sign] = _sign
    own[exp.ApproxQuantile] = _percentile
    return {**Athena.EXPRESSION_METADATA, **{kind: {"annotator": rule} for kind, rule in own.items()}}


_VARCHAR: Final = exp.DataType(this=DType.VARCHAR)
#: The result of functions that sqlglot does not know: a type, or the position of the argument that gives it.
NAMED: dict[str, DType | int] = {
    "format_datetime": DType.VARCHAR,
    "bitwise_left_shift": 0,
    "bitwise_right_shift": 0,
    "bitwise_right_shift_arithmetic": 0,
    "bit_count": DType.BIGINT,
    "to_base": DType.VARCHAR,
    "to_milliseconds": DType.BIGINT,
    "parse_duration": DType.INTERVAL,
    "json_exists": DType.BOOLEAN,
    "json_array_get": DType.JSON,
    "is_json_scalar": DType.BOOLEAN,
    "url_extract_host": DType.VARCHAR,
    "url_extract_path": DType.VARCHAR,
    "url_extract_query": DType.VARCHAR,
    "url_extract_protocol": DType.VARCHAR,
    "url_extract_parameter": DType.VARCHAR,
    "json_array_length": DType.BIGINT,
    "json_size": DType.BIGINT,
    "regexp_position": DType.INT,
    "timezone_hour": DType.BIGINT,
    "timezone_minute": DType.BIGINT,
    "contains_sequence": DType.BOOLEAN,
    "cosine_similarity": DType.DOUBLE,
    "trim_array": 0,
    "codepoint": DType.INT,
    "millisecond": DType.BIGINT,
    "every": DType.BOOLEAN,
    "nan": DType.DOUBLE,
    "e": DType.DOUBLE,
    "geometric_mean": DType.DOUBLE,
    "yow": DType.BIGINT,
    "hamming_distance": DType.BIGINT,
    "crc32": DType.BIGINT,
    "url_extract_port": DType.BIGINT,
    "url_extract_fragment": DType.VARCHAR,
    "to_iso8601": DType.VARCHAR,
    "arrays_overlap": DType.BOOLEAN,
    "array_union": 0,
    "infinity": DType.DOUBLE,
    "url_decode": DType.VARCHAR,
    "url_encode": DType.VARCHAR,
    "is_infinite": DType.BOOLEAN,
    "is_nan": DType.BOOLEAN,
    "is_finite": DType.BOOLEAN,
}


def common(items: list[Any]) -> exp.DataType | None:
    """Return the type that values of all these types get in one column; None when it is not known."""
    return common_type([item.type for item in items if item is not None and not isinstance(item, exp.Null)])


def _element_of(items: list[Any]) -> exp.DataType | None:
    """Return the type of the elements of an array: that of NULL where there is nothing else."""
    if all(item.type is not None and item.type.this == DType.NULL for item in items):
        return exp.DataType(this=DType.NULL)
    return common(items)


def common_type(kinds: list[Any]) -> exp.DataType | None:
    """Return the type that values of these types get in one column; None when it is not known."""
    found: exp.DataType | None = None
    for kind in kinds:
        if kind is None or kind.this in (DType.UNKNOWN, DType.NULL):
            if kind is not None and kind.this == DType.NULL:
                continue
            return None
        found = kind if found is None else _wider(found, kind)
        if found is None:
            return None
    return found


def _wider(left: exp.DataType, right: exp.DataType) -> exp.DataType | None:  # noqa: PLR0911
    if left == right:
        return left
    if left.this == right.this == DType.TIMESTAMPTZ:
        common_zone(left, right)
    if left.this == right.this and left.this in _NESTED:
        return _wider_nested(left, right)
    if left.this in types.FLOATS or right.this in types.FLOATS:
        return exp.DataType(this=DType.DOUBLE) if {left.this, right.this} <= _NUMBERS else None
    if left.this in types.INTEGERS and right.this in types.INTEGERS:
        return left if types.INTEGERS[left.this] >= types.INTEGERS[right.this] else right
    a, b = types.as_decimal(left), types.as_decimal(right)
    if a and b:
        scale = max(a[1], b[1])
        return types.decimal(max(a[0] - a[1], b[0] - b[1]) + scale, scale)
    if left.this in types.TEXT and right.this in types.TEXT:
        return exp.DataType(this=DType.VARCHAR)
    if left.this in types.TIMESTAMPS and right.this in types.TIMESTAMPS:
        return types.timestamp(max((types.parameters(left) or [3])[0], (types.parameters(right) or [3])[0]))
    if {left.this, right.this} <= {DType.DATE, *types.TIMESTAMPS}:
        return left if left.this in types.TIMESTAMPS else right
    return left if left.this == right.this != DType.INTERVAL else None


def _wider_nested(left: exp.DataType, right: exp.DataType) -> exp.DataType | None:
    """Return the type of arrays, maps or rows of both types; fields of a row keep names that are the same in both."""
    if not (left.expressions and right.expressions):  # MAP()
        return left if left.expressions else right
    mine, theirs = types.fields(left), types.fields(right)
    if len(mine) != len(theirs):
        return None
    parts: list[Any] = []
    for (name, one), (other_name, other) in zip(mine, theirs, strict=True):
        both = common_type([one, other])
        if both is None and not one.this == other.this == DType.NULL:
            return None
        kind = (both or one).copy()
        named = name is not None and name == other_name
        parts.append(exp.ColumnDef(this=exp.to_identifier(name), kind=kind) if named else kind)
    return types.nested(left.this, parts)


def _literal(self: Any, node: Any) -> None:
    if node.is_string:
        kind: Any = DType.VARCHAR
    elif "." in node.name or "e" in node.name.lower():
        # Unlike in Trino, a number with a point is a double in Athena.
        # https://docs.aws.amazon.com/athena/latest/ug/data-types.html
        kind = DType.DOUBLE
    else:
        kind = DType.INT if int(node.name.replace("_", "")) <= INT_MAX else DType.BIGINT
    self._set_type(node, kind)


def _arithmetic(self: Any, node: Any) -> None:
    self._set_type(node, arithmetic_type(type(node), node.left.type, node.right.type))


def arithmetic_type(operator: type, left: Any, right: Any) -> Any:  # noqa: PLR0911
    """Return the type of ``left operator right`` as in Trino; None when it is not known."""
    if left is None or right is None or DType.UNKNOWN in (left.this, right.this):
        return None
    if DType.INTERVAL in (left.this, right.this) and operator in (exp.Mul, exp.Div):
        number = right if left.this == DType.INTERVAL else left
        divides = operator is exp.Div and left.this != DType.INTERVAL
        interval = left if number is right else right
        return interval if number.this in (*types.INTEGERS, *types.FLOATS) and not divides else None
    if DType.INTERVAL in (left.this, right.this):
        return left if right.this == DType.INTERVAL else right
    if left.this in types.FLOATS or right.this in types.FLOATS:
        real = left.this == right.this == DType.FLOAT
        return DType.FLOAT if real else DType.DOUBLE
    if left.this in types.INTEGERS and right.this in types.INTEGERS:
        return left if types.INTEGERS[left.this] >= types.INTEGERS[right.this] else right
    a, b = types.as_decimal(left), types.as_decimal(right)
    if not a or not b:
        return types.interval("DAY") if operator is exp.Sub else None
    (p1, s1), (p2, s2) = a, b
    if operator is exp.Mul:
        return types.decimal(p1 + p2, s1 + s2)
    if operator is exp.Div:
        scale = max(s1, s2)
        return types.decimal(p1 + s2 + max(s2 - s1, 0), scale)
    scale = max(s1, s2)
    if operator is exp.Mod:
        return types.decimal(min(p1 - s1, p2 - s2) + scale, scale)
    return types.decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)


def _sum(self: Any, node: Any) -> None:
    kind = node.this.type
    if kind is not None and kind.this in types.INTEGERS:
        kind = DType.BIGINT
    elif kind is not None and kind.this == DType.DECIMAL:
        kind = types.decimal(38, (types.as_decimal(kind) or (38, 0))[1])
    self._set_type(node, kind)


def _avg(self: Any, node: Any) -> None:
    kind = node.this.type
    self._set_type(node, DType.DOUBLE if kind is not None and kind.this in types.INTEGERS else kind)


def _round(self: Any, node: Any) -> None:
    if node.args.get("decimals") is None:
        _whole(self, node)
        return
    kind = node.this.type
    if kind is not None and kind.this == DType.DECIMAL:
        precision, scale = types.as_decimal(kind) or (38, 0)
        kind = types.decimal(precision + 1, scale)
    self._set_type(node, kind)


def _sign(self: Any, node: Any) -> None:
    kind = node.this.type
    self._set_type(node, types.decimal(1, 0) if kind is not None and kind.this == DType.DECIMAL else kind)


def _random(self: Any, node: Any) -> None:
    bound = node.args.get("upper") or node.args.get("lower") or node.this
    self._set_type(node, bound.type if bound is not None else DType.DOUBLE)


def _percentile(self: Any, node: Any) -> None:
    kind = node.this.type
    if kind is not None and kind.this in types.INTEGERS:
        kind = DType.BIGINT
    elif kind is not None and kind.this == DType.DECIMAL:
        kind = DType.DOUBLE
    several = node.args["quantile"].type
    if kind is not None and several is not None and several.this == DType.ARRAY:
        kind = types.array_of(exp.DataType(this=kind) if isinstance(kind, DType) else kind)
    self._set_type(node, kind)


def _whole(self: Any, node: Any) -> None:
    kind = node.this.type
    if kind is not None and kind.this == DType.DECIMAL:
        precision, scale = types.as_decimal(kind) or (38, 0)
        kind = types.decimal(precision - scale + min(scale, 1), 0)
    self._set_type(node, kind)


def _case(self: Any, node: Any) -> None:
    branches = [branch.args.get("true") for branch in node.args.get("ifs", [])]
    self._set_type(node, common([*branches, node.args.get("default")]))


def _bracket(self: Any, node: Any) -> None:
    kind = node.this.type
    result = None
    if kind is not None and kind.this == DType.ARRAY and kind.expressions:
        result = kind.expressions[0]
    elif kind is not None and kind.this == DType.MAP and len(kind.expressions) == 2:
        result = kind.expressions[1]
    elif kind is not None and kind.this == DType.STRUCT:
        result = field_at(node)
    self._set_type(node, result)


def _anonymous(self: Any, node: Any) -> None:
    name = node.name.lower()
    result = NAMED.get(name)
    arguments = [e.type for e in node.expressions]
    kind: Any = result
    if isinstance(result, int) and not isinstance(result, DType):
        kind = arguments[result] if len(arguments) > result else None
    elif name == "with_timezone" and len(arguments) == 2:
        kind = zoned(*node.expressions)
    elif name == "map_concat":
        kind = common(node.expressions)
    elif name in PLAIN:
        kind = RESULTS[PLAIN[name].gives].copy()
    elif name in NESTED:
        kind = NESTED[name](self, node.expressions)
    self._set_type(node, kind)


def _sequence(self: Any, node: Any) -> None:
    kind = node.args["start"].type
    if kind is not None and kind.this in types.INTEGERS:
        kind = exp.DataType(this=DType.BIGINT)
    self._set_type(node, types.array_of(kind))


def _same(self: Any, node: Any) -> None:
    self._set_type(node, node.this.type if isinstance(node.this, exp.Expr) else None)


def _part(self: Any, node: Any) -> None:
    """Give a part of bytes their type, one of a text that of a text of any length."""
    binary = node.this.type is not None and node.this.type.this in (DType.VARBINARY, DType.BINARY)
    self._set_type(node, node.this.type if binary else DType.VARCHAR)


def _joined(parts: list[Any], kind: Any) -> Any:
    """Return the type of values put together: of texts, one of any length."""
    if any(part.type is not None and part.type.this == DType.ARRAY for part in parts):
        return type_of(parts, common)
    return DType.VARCHAR if kind is not None and kind.this in types.TEXT else kind


def _of_several(self: Any, node: Any) -> None:
    """Give ``max(x)`` the type of its argument, ``max(x, n)`` that of an array of it."""
    self._set_type(node, types.array_of(node.this.type) if node.expressions else node.this.type)


def _by(self: Any, node: Any) -> None:
    """Give ``max_by(x, y)`` the type of ``x``, ``max_by(x, y, n)`` that of an array of it."""
    self._set_type(node, types.array_of(node.this.type) if node.args.get("count") else node.this.type)


def _truncated(self: Any, node: Any) -> None:
    kind = node.this.type
    if kind is not None and (found := types.as_decimal(kind)):
        kind = types.decimal(max(1, found[0] - found[1]), 0)
    self._set_type(node, kind)


def _map(self: Any, node: Any) -> None:
    """Give ``MAP()`` the type of a map of nothing, other maps that of their keys and values if these are known."""
    arrays = [part for part in (node.args.get("keys"), node.args.get("values")) if part is not None]
    inner = [types.element_of(part.type) for part in arrays]
    kind: Any = DType.MAP if all(isinstance(each, exp.Array) and not each.expressions for each in arrays) else None
    if kind is None and len(inner) == 2 and all(each is not None for each in inner):
        kind = types.nested(DType.MAP, [each.copy() for each in inner])
    self._set_type(node, kind)


def _first(self: Any, node: Any) -> None:
    self._set_type(node, node.expressions[0].type if len(node.expressions) == 1 else None)


def _returns(kind: DType) -> Callable[[Any, Any], None]:
    def rule(self: Any, node: Any) -> None:
        self._set_type(node, kind)

    return rule
