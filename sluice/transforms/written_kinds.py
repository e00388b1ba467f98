"""What is known of the parts of a query that becomes a function: which are understood, and of what kind each is.

A part that says more than is understood here is refused, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from sluice.shortened import shortened
from sluice.transforms.check_sql import literals
from sluice.transforms.check_sql.both import Both, decimal
from sluice.transforms.functions.signatures import Refused

#: The kind of NULL, which is a value of every type.
NOTHING = "null"
_PAIR = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
#: What each part of a query may say, by the names that SQLGlot has for it.
_UNDERSTOOD: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset({"expressions", "from_", "from", "joins", "where", "group", "distinct"}),
    exp.Table: frozenset({"this", "db", "alias"}),
    exp.Join: frozenset({"this", "side", "kind", "on", "using"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Div: _PAIR | {"typed"},
    exp.DPipe: _PAIR | {"safe"},
    exp.Concat: frozenset({"expressions", "safe"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true", "false"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Trim: frozenset({"this", "expression", "position"}),
    exp.DataType: frozenset({"this", "expressions"}),
    exp.Count: frozenset({"this", "big_int"}),
    exp.Round: frozenset({"this", "decimals"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Group: frozenset({"expressions"}),
    exp.Star: frozenset(),
    exp.Null: frozenset(),
}
_PAIRS: tuple[type[exp.Expr], ...] = (
    exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Is,
    exp.Nullif,
)  # fmt: skip
_ONES: tuple[type[exp.Expr], ...] = (
    exp.From, exp.Where, exp.TableAlias, exp.DataTypeParam, exp.Boolean, exp.Paren, exp.Neg, exp.Not, exp.Lower,
    exp.Upper, exp.Length, exp.Abs, exp.Year, exp.Month, exp.Day, exp.Sum, exp.Avg, exp.Min, exp.Max,
    exp.Date, exp.TsOrDsToDate,
)  # fmt: skip
_UNDERSTOOD.update(dict.fromkeys(_PAIRS, _PAIR))
_UNDERSTOOD.update(dict.fromkeys(_ONES, _ONE))

_OF_COLUMNS = {"string": "text", "int": "whole", "bigint": "whole", "float": "double", "real": "double",
               "varchar": "text", "text": "text", "integer": "whole"}  # fmt: skip
_SAME = (exp.Paren, exp.Neg, exp.Sum, exp.Min, exp.Max, exp.Abs, exp.Round, exp.Nullif)
_WHOLE = (exp.Count, exp.Length, exp.Year, exp.Month, exp.Day)
_TEXT = (exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.DPipe)
_TESTS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between,
          exp.Boolean)  # fmt: skip
_KNOWN = (
    (_WHOLE, "whole"), (_TEXT, "text"), ((exp.Avg, exp.Div), "double"), ((exp.Date, exp.TsOrDsToDate), "date"),
    (_TESTS, "boolean"), ((exp.Null,), NOTHING),
)  # fmt: skip
_SUMS = (exp.Add, exp.Sub, exp.Mul, exp.Mod)


class RefusedSelect(ValueError):
    """A query that has no plain form in PySpark; its text says which part, and why."""


def not_understood(tree: exp.Expr) -> str:
    """Return in words the first part of a query that says more than is understood; empty when there is none."""
    for node in tree.walk():
        allowed = _UNDERSTOOD.get(type(node))
        more = sorted({key for key, value in node.args.items() if value} - allowed) if allowed is not None else []
        if more:
            return f"{shortened(node.sql('trino'), 60)}: {more[0].strip('_').replace('_', ' ')} has no plain form here"
    return ""


def kind_of(node: exp.Expr, column_type: Callable[[exp.Column], str]) -> str:
    """Return of what kind an expression's values are: ``whole``, ``decimal``, ``double``, ``text``, a type's name.

    It is ``NOTHING`` of NULL, and empty where it is not known. ``column_type`` returns the type of a column.
    """
    if isinstance(node, exp.Column):
        return kind_named(column_type(node))
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else kind_named(number(node.name).type)
    if isinstance(node, exp.Cast):
        return kind_named(node.args["to"].sql("trino").lower())
    if kinds := {kind_of(part, column_type) for part in _values_of(node)}:
        return _together(kinds)
    return next((kind for classes, kind in _KNOWN if isinstance(node, classes)), "")


def _values_of(node: exp.Expr) -> list[exp.Expr]:
    """Return the parts of an expression whose values decide of what kind its own are."""
    parts: Iterable[exp.Expr | None] = ()
    if isinstance(node, _SAME):
        parts = (node.this,)
    elif isinstance(node, _SUMS):
        parts = (node.this, node.expression)
    elif isinstance(node, exp.Coalesce):
        parts = (node.this, *node.expressions)
    elif isinstance(node, exp.Case):
        parts = (*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default"))
    elif isinstance(node, exp.If):
        parts = (node.args["true"], node.args.get("false"))
    return [part for part in parts if part is not None]


def number(digits: str) -> Both:
    """Return a number as Athena reads it in a query; ``RefusedSelect`` for one that is none there."""
    try:
        return literals.number(digits)
    except Refused as refused:
        raise RefusedSelect(f"{shortened(digits, 60)}: {refused}") from None


def decimal_type(digits: str) -> str:
    """Return the type of DECIMAL with a text of digits behind it; ``RefusedSelect`` for other texts."""
    try:
        return decimal(digits).type
    except Refused as refused:
        raise RefusedSelect(f"DECIMAL {shortened(digits, 60)!r}: {refused}") from None


def kind_named(name: str) -> str:
    """Return the kind of values of a type, by its name in a contract or in Athena."""
    bare = name.partition("(")[0]
    return _OF_COLUMNS.get(bare, bare)


def _together(kinds: set[str]) -> str:
    """Return the kind of what is made of values of these kinds, as Athena makes one type of several."""
    kinds = kinds - {NOTHING} or kinds
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= {"whole", "decimal", "double"}:
        return "double" if "double" in kinds else "decimal"
    return "timestamp" if kinds == {"timestamp", "date"} else ""
