"""Writes the expressions of a query as PySpark, or refuses the part that has no plain form or another meaning there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from sluice.shortened import shortened
from sluice.transforms.check_sql.both import Both
from sluice.transforms.check_sql.numbers import exact
from sluice.transforms.check_sql.texts import WHITE
from sluice.transforms.functions.nodes import is_moment
from sluice.transforms.functions.signatures import Argument
from sluice.transforms.written_kinds import NOTHING, RefusedSelect, decimal_type, kind_of, number
from sluice.transforms.written_tables import Tables
from sluice.transforms.written_text import bare, python_text

_BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.EQ: "==", exp.NEQ: "!=", exp.GT: ">",
    exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=", exp.And: "&", exp.Or: "|",
}  # fmt: skip
_CALLS: dict[type[exp.Expr], str] = {
    exp.Lower: "lower", exp.Upper: "upper", exp.Length: "length", exp.Abs: "abs", exp.Year: "year",
    exp.Month: "month", exp.Day: "dayofmonth", exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max",
}  # fmt: skip
_SEVERAL: dict[type[exp.Expr], str] = {
    exp.Coalesce: "coalesce", exp.Concat: "concat",
}  # fmt: skip
_TYPES = {"VARCHAR": "string", "TEXT": "string", "INT": "int", "INTEGER": "int", "BIGINT": "bigint", "DOUBLE": "double",
          "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMP(6)": "timestamp",
          "BOOLEAN": "boolean"}  # fmt: skip
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_TRIMS = {"BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"}


def value(node: exp.Expr, tables: Tables) -> str:
    """Return an expression as PySpark; ``RefusedSelect`` for what has no plain form."""
    kind = type(node)
    if kind is exp.Div and "double" not in (_kind(node.this, tables), _kind(node.expression, tables)):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena divides whole numbers without a rest and rounds decimals, "
            "PySpark does not; cast one of them to a double"
        )
    if kind is exp.Avg and _kind(node.this, tables) not in ("whole", "double"):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena rounds the average of decimals, PySpark does not; "
            "cast what is averaged to a double"
        )
    if kind in _BINARY:
        sides = (node.this, node.expression)
        left, right = _alike(sides, tables) if kind in _COMPARISONS else (value(each, tables) for each in sides)
        return f"({left} {_BINARY[kind]} {right})"
    if kind in _CALLS:
        return f"F.{_CALLS[kind]}({value(node.this, tables)})"
    if kind in _SEVERAL:
        given = [each for each in (node.this, *node.expressions) if isinstance(each, exp.Expr)]
        return f"F.{_SEVERAL[kind]}({', '.join(value(each, tables) for each in given)})"
    write = _OTHERS.get(kind)
    if write is None:
        raise RefusedSelect(f"{shortened(node.sql('trino'), 60)}: it has no plain form here")
    return write(node, tables)


def _kind(node: exp.Expr, tables: Tables) -> str:
    return kind_of(node, tables.type_of)


def _literal(node: exp.Expr, _: Tables) -> str:
    return f"F.lit({_constant(node)})"


def _constant(node: exp.Expr) -> str:
    """Return a text or number that stands in a query as Python has it, empty for anything else."""
    if isinstance(node, exp.Literal) and node.is_string:
        return python_text(node.name)
    if not (digits := _digits(node)):
        return ""
    made = number(digits)
    return repr(float(digits)) if made.type == "double" else str(made.value)


def _digits(node: exp.Expr) -> str:
    """Return a number that stands in a query as it is written, with its sign; empty for anything else."""
    sign, given = ("-", node.this) if isinstance(node, exp.Neg) else ("", node)
    return f"{sign}{given.name}" if isinstance(given, exp.Literal) and not given.is_string else ""


def _point(node: exp.Expr) -> str:
    """Return a number that is written with a point, empty for anything else."""
    digits = _digits(node)
    return digits if digits and number(digits).type == "double" else ""


def _negative(node: exp.Expr, tables: Tables) -> str:
    constant = _constant(node)
    return f"F.lit({constant})" if constant else f"(-{value(node.this, tables)})"


def _alike(nodes: Sequence[exp.Expr], tables: Tables) -> list[str]:
    """Return values that are compared: beside a decimal that a double keeps, a number with a point is a decimal, too.

    Athena compares both as doubles, which is the same then; and no other comparison of the two is the same anywhere.
    """
    if not _in_digits(nodes, tables):
        return [value(each, tables) for each in nodes]
    return [_in_decimal(digits) if (digits := _point(each)) else value(each, tables) for each in nodes]


def _in_digits(nodes: Sequence[exp.Expr], tables: Tables) -> bool:
    """Return whether decimals and numbers with a point are compared, all of so few digits that a double keeps them."""
    columns = [Both("", "", tables.type_of(each)) for each in nodes if isinstance(each, exp.Column)]
    numbers = [number(digits) for each in nodes if (digits := _digits(each))]
    there = [*columns, *numbers]
    mixed = any(each.type == "double" for each in numbers) and any(each.type != "double" for each in columns)
    return mixed and len(there) == len(nodes) and all(exact(each) is not None for each in there)


def _in_decimal(digits: str) -> str:
    return f'F.lit("{digits}").cast("{decimal_type(digits)}")'


def _is(node: exp.Expr, tables: Tables) -> str:
    if not isinstance(node.expression, exp.Null):
        raise RefusedSelect(f"{node.sql()}: IS is followed by NULL or NOT NULL")
    return f"{value(node.this, tables)}.isNull()"


def _not(node: exp.Expr, tables: Tables) -> str:
    if isinstance(node.this, exp.Is) and isinstance(node.this.expression, exp.Null):
        return f"{value(node.this.this, tables)}.isNotNull()"
    return f"(~{value(node.this, tables)})"  # else what follows, as .alias(…), would come first


def _in(node: exp.Expr, tables: Tables) -> str:
    if any(each.find(exp.Column, exp.Null) for each in node.expressions):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: IN lists values that stand in the query; say = and IS NULL, with OR"
        )
    listed = [each.unnest() for each in node.expressions]
    if _in_digits((node.this, *listed), tables):
        of, *made = _alike((node.this, *listed), tables)
        return f"{of}.isin({', '.join(made)})"
    return f"{value(node.this, tables)}.isin({', '.join(_constant(each) or value(each, tables) for each in listed)})"


def _between(node: exp.Expr, tables: Tables) -> str:
    of, low, high = _alike((node.this, node.args["low"], node.args["high"]), tables)
    return f"{of}.between({low}, {high})"


def _case(node: exp.Expr, tables: Tables) -> str:
    found = "F"
    for branch in node.args["ifs"]:
        test = exp.EQ(this=node.this.copy(), expression=branch.this.copy()) if node.this else branch.this
        found += f".when({bare(value(test, tables))}, {value(branch.args['true'], tables)})"
    default = node.args.get("default")
    return f"{found}.otherwise({value(default, tables)})" if default is not None else found


def _if(node: exp.Expr, tables: Tables) -> str:
    found = f"F.when({bare(value(node.this, tables))}, {value(node.args['true'], tables)})"
    other = node.args.get("false")
    return f"{found}.otherwise({value(other, tables)})" if other is not None else found


def _cast(node: exp.Expr, tables: Tables) -> str:
    if written := _typed_literal(node):
        return written
    spelled = node.args["to"].sql("trino").upper()
    kind = spelled.lower() if spelled.startswith("DECIMAL(") else _TYPES.get(spelled, "")
    if not kind:
        raise RefusedSelect(f"CAST AS {spelled}: no such type of a table")
    given = _kind(node.this, tables)
    if kind in ("int", "bigint") and given not in ("whole", "text", "boolean", NOTHING):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena rounds to whole numbers, PySpark cuts the fraction off; "
            "write what is meant in the function, by hand"
        )
    if kind == "string" and given not in ("text", "whole", "decimal", "date", "boolean", NOTHING):
        what = (
            f"Athena and PySpark write a {given} differently" if given else "of what kind its values are is not known"
        )
        raise RefusedSelect(f"{shortened(node.sql('trino'), 60)}: {what}; write what is meant in the function, by hand")
    return f'{value(node.this, tables)}.cast("{kind.replace(" ", "")}")'


def _typed_literal(node: exp.Expr) -> str:
    """Return DATE, TIMESTAMP or DECIMAL with a text behind it as PySpark, empty for any other cast."""
    given, to = node.this, node.args["to"]
    if not (isinstance(given, exp.Literal) and given.is_string):
        return ""
    text = given.name
    if to.this == exp.DType.DECIMAL and not to.expressions:
        return _in_decimal(text)
    kind = {exp.DType.DATE: "date", exp.DType.TIMESTAMP: "timestamp"}.get(to.this, "")
    if not kind or any(int(size.name) < len(text.partition(".")[2]) for size in to.expressions):
        return ""  # digits are rounded off
    if not is_moment(Argument("", "string", text, True), "→date" if kind == "date" else "→timestamp_ntz"):
        said = (
            "a day that there is, as 2026-01-31" if kind == "date" else "a time that there is, as 2026-01-31 10:20:30"
        )
        raise RefusedSelect(f"{shortened(text, 60)!r}: write {said}")
    return f'F.lit({python_text(text)}).cast("{kind}")'


def _count(node: exp.Expr, tables: Tables) -> str:
    if isinstance(node.this, exp.Star) or node.this is None:
        return 'F.count("*")'
    if isinstance(node.this, exp.Distinct):
        return f"F.count_distinct({', '.join(value(each, tables) for each in node.this.expressions)})"
    return f"F.count({value(node.this, tables)})"


def _round(node: exp.Expr, tables: Tables) -> str:
    places = node.args.get("decimals")
    if places is not None and not (isinstance(places, exp.Literal) and places.is_int):
        raise RefusedSelect(f"{shortened(node.sql('trino'), 60)}: round is given a number of digits, 0 or more")
    return f"F.round({value(node.this, tables)}{f', {int(places.name)}' if places is not None else ''})"


def _trim(node: exp.Expr, tables: Tables) -> str:
    side = str(node.args.get("position") or "BOTH").upper()
    letters = node.args.get("expression")
    if (WHITE if letters is None else letters.is_string and letters.name) != " ":
        away = "takes white space of all kinds away" if letters is None else "takes other letters away"
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: it {away}, PySpark's trim the space alone; where that is meant, "
            f"write trim({side} ' ' FROM {shortened(node.this.sql('trino'), 40)})"
        )
    return f"F.{_TRIMS[side]}({value(node.this, tables)})"


_OTHERS: dict[type[exp.Expr], Callable[[exp.Expr, Tables], str]] = {
    exp.Column: lambda node, tables: tables.written(node),  # type: ignore[arg-type]
    exp.Literal: _literal,
    exp.Boolean: lambda node, _: f"F.lit({bool(node.this)})",
    exp.Null: lambda _node, _tables: "F.lit(None)",
    exp.Paren: lambda node, tables: value(node.this, tables),
    exp.Neg: _negative,
    exp.Is: _is,
    exp.Not: _not,
    exp.In: _in,
    exp.Between: _between,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.Count: _count,
    exp.Round: _round,
    exp.Trim: _trim,
    exp.Nullif: lambda node, tables: f"F.nullif({value(node.this, tables)}, {value(node.expression, tables)})",
    exp.DPipe: lambda node, tables: f"F.concat({value(node.this, tables)}, {value(node.expression, tables)})",
    exp.Date: lambda node, tables: f'{value(node.this, tables)}.cast("date")',
    exp.TsOrDsToDate: lambda node, tables: f'{value(node.this, tables)}.cast("date")',
}
