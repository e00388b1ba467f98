"""Casts as strict as Trino's; DuckDB would accept more of them, or round otherwise."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.json_casts import json_text, of_json, taken_apart
from localaws.athena.row_casts import is_written_out, null_of, row_cast, spelled
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast
from localaws.athena.zones import elsewhere, local

_NESTED = {DType.ARRAY, DType.MAP, DType.STRUCT}
#: Types of which values may become some of these.
_SEVERAL = {DType.JSON, DType.UNKNOWN}
_INTEGER_TEXT = r"[+-]?\d+"
_NUMBER_TEXT = r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*"
_DOUBLE_TEXT = _NUMBER_TEXT + r"|[+-]?(Infinity|NaN)"
_DATE_TEXT = r"\s*[+-]?\d{4,}-\d{1,2}-\d{1,2}\s*"
_TIMESTAMP_TEXT = _DATE_TEXT[:-3] + r"( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*"
_ANY_TEXT = r"(?s).*"
#: Text whose moment is one in UTC.
_UTC_TEXT = re.compile(
    r"\s*[+-]?\d{4,}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*(UTC|Etc/UTC|Z|\+00:00)?\s*"
)


def cast_rule(node: Any) -> exp.Expr:  # noqa: PLR0911, PLR0912  one branch a type
    """Return the DuckDB expression that casts as Trino does."""
    target, source = node.to, node.this.type
    kind = source.this if source is not None else DType.UNKNOWN
    attempt = isinstance(node, exp.TryCast) or isinstance(node.parent, exp.Try)
    if isinstance(node.this, exp.Null) or kind == DType.NULL:
        return null_of(target) if types.has_rows(target) else cast(node.this.copy(), _duckdb_type(target))
    if types.has_rows(target) and kind == DType.UNKNOWN and not (spelled(target) and is_written_out(node.this)):
        raise not_supported(f"a cast to {types.trino_name(target)} of a value whose type cannot be derived")
    if source is not None and kind == target.this and kind in _NESTED and _is_known(source, target):
        made = row_cast(node.this.copy(), source, target, _part)
        return call("try", made) if isinstance(node, exp.TryCast) else made
    if kind != target.this and {kind, target.this} & _NESTED and not {kind, target.this} & _SEVERAL:
        reason = f"line 1:1: Cannot cast {types.trino_name(source)} to {types.trino_name(target)}"
        raise QueryFailed("TYPE_MISMATCH", reason)
    if kind == DType.JSON and any(each.this == DType.CHAR for each in target.find_all(exp.DataType)):
        raise QueryFailed("TYPE_MISMATCH", f"line 1:1: Cannot cast json to {types.trino_name(target)}")
    if target.this in types.TEXT:
        text = _to_text(node, kind)
        return call("try", text) if isinstance(node, exp.TryCast) and kind not in types.TEXT else text
    if kind in types.TEXT:
        return _from_text(node, target, attempt=attempt)
    if target.this == DType.JSON and kind != DType.UNKNOWN:
        return json_text(node.this.copy(), source)
    if kind == DType.JSON and taken_apart(target):
        made = cast(of_json(node.this.copy(), target, _of_json_text, attempt=attempt), types.kept(target))
        return call("try", made) if attempt else made
    if kind == DType.JSON and _of_json(target):
        return _cast(cast(node.this.copy(), DType.JSON), _duckdb_type(target), attempt=attempt)
    if DType.JSON in (target.this, kind):
        raise not_supported(f"a cast of {types.trino_name(source)} to {types.trino_name(target)}")
    if kind == DType.UNKNOWN and target.this in (*types.INTEGERS, *types.TIMESTAMPS, DType.DATE):
        raise not_supported(f"a cast to {types.trino_name(target)} of a value whose type cannot be derived")
    _keep_zone(node)
    value = node.this.copy()
    if target.this in types.INTEGERS and (kind in types.FLOATS or kind == DType.DECIMAL):
        value = call("round", value)  # half up, away from zero
    if target.this in (DType.DATE, *types.TIMESTAMPS):
        value = local(node.this)
        precision = (types.parameters(target) or [3])[0]
        finer = kind in (DType.TIMESTAMPTZ, *types.TIMESTAMPS) and (types.parameters(source) or [3])[0] > precision
        if target.this in types.TIMESTAMPS and finer:
            if precision != 3:
                raise not_supported(f"a cast to timestamp({precision})")
            value = call("athena_millis", value)
    return _cast(value, _duckdb_type(target), attempt=attempt)


def _is_known(source: exp.DataType, target: exp.DataType) -> bool:
    """Return whether it is known what is inside: not of ``MAP()``."""
    return bool(source.expressions) or types.has_rows(target)


def _keep_zone(node: Any) -> None:
    """Raise where a timestamp in a zone is cast to one with a zone: it would keep its own, which the type has not."""
    if node.to.this == DType.TIMESTAMPTZ and elsewhere(node.this):
        raise not_supported("a cast to a timestamp with a zone of one that has a zone")


def _part(value: exp.Expr, source: exp.DataType, target: exp.DataType) -> exp.Expr:
    """Return a value within a row, cast as it would be by itself."""
    made = exp.Cast(this=value, to=target.copy())
    made.this.type = source
    return cast_rule(made)


def _of_json_text(value: exp.Expr, target: exp.DataType) -> exp.Expr:
    """Return the value of a JSON text as the field of a row."""
    return _part(value, exp.DataType(this=DType.JSON), target)


def _of_json(target: exp.DataType) -> bool:
    """Return whether JSON is cast to a type here: numbers, booleans and texts, and arrays and maps of these."""
    if target.this in (DType.ARRAY, DType.MAP):
        return all(isinstance(each, exp.DataType) and _of_json(each) for each in target.expressions)
    return target.this in (*types.INTEGERS, *types.FLOATS, *types.TEXT, DType.DECIMAL, DType.BOOLEAN)


def _to_text(node: Any, kind: DType) -> exp.Expr:
    value = node.this.copy()
    if kind == DType.DOUBLE:
        text = call("athena_double_text", value)
    elif kind == DType.FLOAT:
        text = call("athena_real_text", value)
    elif kind in types.TIMESTAMPS:
        precision = exp.Literal.number((types.parameters(node.this.type) or [3])[0])
        text = call("athena_timestamp_text", cast(value, "TIMESTAMP"), precision)
    elif kind == DType.TIMESTAMPTZ:
        precision = exp.Literal.number((types.parameters(node.this.type) or [3])[0])
        text = call("athena_timestamp_text", cast(local(node.this), "TIMESTAMP"), precision)
        zone = exp.Literal.string(f" {types.zone_of(node.this.type)}")
        text = exp.Paren(this=exp.DPipe(this=text, expression=zone, meta={DONE: True}))
    elif kind == DType.DECIMAL:
        text = call("athena_decimal_text", value)
    elif kind == DType.JSON:
        text = call("athena_json_varchar", value)
    elif kind in (*types.TEXT, *types.INTEGERS, DType.BOOLEAN, DType.DATE, DType.UUID):
        text = cast(value, DType.VARCHAR)
    else:
        raise not_supported(f"a cast of {types.trino_name(node.this.type) if node.this.type else 'this'} to varchar")
    size = types.parameters(node.to)
    if node.to.this == DType.CHAR:  # its values have spaces at their ends, up to its length
        size = size or [1]
        whole = call("athena_fitting", text, exp.Literal.number(size[0])) if kind not in types.TEXT else text
        return call("rpad", whole, exp.Literal.number(size[0]), exp.Literal.string(" "))
    if not size:
        return text
    length = exp.Literal.number(size[0])
    # Text is cut; what a number or a date has too much of is an error.
    return call("left" if kind in types.TEXT else "athena_fitting", text, length)


def _from_text(node: Any, target: exp.DataType, *, attempt: bool) -> exp.Expr:
    value = node.this.copy()
    if target.this == DType.JSON:
        return call("athena_json_string", value)
    if node.this.type.this == DType.CHAR:  # the spaces at its end are none of it
        value = call("rtrim", value, exp.Literal.string(" "))
    patterns: dict[Any, str] = {
        **dict.fromkeys(types.INTEGERS, _INTEGER_TEXT),
        **dict.fromkeys(types.FLOATS, _DOUBLE_TEXT),
        **dict.fromkeys(types.TIMESTAMPS, _TIMESTAMP_TEXT),
        DType.DECIMAL: _NUMBER_TEXT,
        DType.DATE: _DATE_TEXT,
        DType.BOOLEAN: "(?i)t|f|true|false|1|0",
        DType.TIMESTAMPTZ: _ANY_TEXT,  # a literal in UTC, see below
        DType.VARBINARY: _ANY_TEXT,
        DType.TIME: _ANY_TEXT,
    }
    if target.this not in patterns:
        raise not_supported(f"a cast of varchar to {types.trino_name(target)}")
    if target.this == DType.TIMESTAMPTZ and not (
        isinstance(node.this, exp.Literal) and _UTC_TEXT.fullmatch(node.this.name)
    ):
        # DuckDB's timestamps keep no zone: hour(), date_trunc and the printed value would silently be in UTC.
        # https://duckdb.org/docs/stable/sql/data_types/timestamp
        what = f"the time zone of '{node.this.name}'" if isinstance(node.this, exp.Literal) else "a zone read from text"
        raise not_supported(what, allowed="UTC")
    if target.this == DType.VARBINARY:
        return call("encode", value)
    duckdb = _duckdb_type(target)
    pattern = exp.Literal.string(patterns[target.this])
    if attempt:
        return _cast(call("athena_when_matches", value, pattern), duckdb, attempt=True)
    value = call("athena_checked", value, pattern, exp.Literal.string(types.trino_name(target)))
    return _cast(value, duckdb, attempt=False)


def _duckdb_type(target: exp.DataType) -> exp.DataType:
    if target.this in types.TIMESTAMPS:
        return exp.DataType(this=DType.TIMESTAMP)
    if target.this == DType.TIMESTAMPTZ:
        return exp.DataType(this=DType.TIMESTAMPTZ)
    if target.this == DType.DECIMAL and not types.parameters(target):
        return types.decimal(38, 0)
    return target.copy()


def _cast(value: exp.Expr, target: exp.DataType, *, attempt: bool) -> exp.Expr:
    made = cast(value, target)
    if not attempt:
        return made
    tried = exp.TryCast(this=made.this, to=made.args["to"])
    tried.meta.update(made.meta)
    return tried
