"""What is known of the parts of a query that becomes a function: which are understood, and of what kind each is.

A part that says more than is understood here is refused, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from sluice.shortened import shortened

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
    exp.Upper, exp.Length, exp.Abs, exp.Year, exp.Month, exp.Day, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Trim,
    exp.Date, exp.TsOrDsToDate,
)  # fmt: skip
_UNDERSTOOD.update(dict.fromkeys(_PAIRS, _PAIR))
_UNDERSTOOD.update(dict.fromkeys(_ONES, _ONE))

_OF_COLUMNS = {"string": "text", "int": "whole", "bigint": "whole", "float": "double", "real": "double",
               "varchar": "text", "text": "text", "integer": "whole"}  # fmt: skip
_SAME = (exp.Paren, exp.Neg, exp.Sum, exp.Min, exp.Max, exp.Abs, exp.Round, exp.Nullif)
_WHOLE = (exp.Count, exp.Length, exp.Year, exp.Month, exp.Day)
_TEXT = (exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.DPipe)
_SUMS = (exp.Add, exp.Sub, exp.Mul, exp.Mod)


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

    It is empty where it is not known. ``column_type`` returns the type of a column.
    """
    if isinstance(node, exp.Column):
        return _kind_named(column_type(node))
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "whole" if node.is_int else "double" if _power(node) else "decimal"
    if isinstance(node, exp.Cast):
        return _kind_named(node.args["to"].sql("trino").lower())
    if isinstance(node, _SAME):
        return kind_of(node.this, column_type)
    parts: Iterable[exp.Expr | None] = ()
    if isinstance(node, _SUMS):
        parts = (node.this, node.expression)
    elif isinstance(node, exp.Coalesce):
        parts = (node.this, *node.expressions)
    elif isinstance(node, exp.Case):
        parts = (*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default"))
    elif isinstance(node, exp.If):
        parts = (node.args["true"], node.args.get("false"))
    if kinds := {kind_of(part, column_type) for part in parts if part is not None and not isinstance(part, exp.Null)}:
        return _together(kinds)
    known = ((_WHOLE, "whole"), (_TEXT, "text"), ((exp.Avg, exp.Div), "double"), ((exp.Date, exp.TsOrDsToDate), "date"))
    return next((kind for classes, kind in known if isinstance(node, classes)), "")


def _power(node: exp.Literal) -> bool:
    return "e" in node.name.lower()


def _kind_named(name: str) -> str:
    bare = name.partition("(")[0]
    return _OF_COLUMNS.get(bare, bare)


def _together(kinds: set[str]) -> str:
    """Return the kind of what is made of values of these kinds."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= {"whole", "decimal", "double"}:
        return "double" if "double" in kinds else "decimal"
    return ""
