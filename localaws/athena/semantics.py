"""What Athena refuses in a query that can be read: conditions that are none, aggregates where there are none, and more.

The words are Trino's.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, start_of
from localaws.athena.signatures import CALL
from localaws.athena.typing import DType

_WINDOWS = (
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue,
    exp.LastValue, exp.NthValue,
)  # fmt: skip
_TRUTHS = (DType.BOOLEAN, DType.NULL, DType.UNKNOWN)


def required(error: dict[str, Any], sql: str) -> QueryFailed:
    """Return the error for a clause or operator behind which nothing stands that it could take."""
    line, last, word = error.get("line", 1), error.get("col", 1), str(error.get("highlight") or "")
    if word not in (")", ",", "]") and not str(error.get("end_context") or "").strip(" ;\n\t"):
        line, word, column = sql.count("\n") + 1, "<EOF>", len(sql) - sql.rfind("\n")
    else:
        column = max(1, last - len(word) + 1)
    return QueryFailed("SYNTAX_ERROR", f"line {line}:{column}: mismatched input '{word}'. Expecting: <expression>")


def check_places(tree: exp.Expr) -> None:
    """Raise for what a query cannot have where it stands, whatever its types are."""
    for node in tree.walk():
        if isinstance(node, exp.Select):
            _check_ordinals(node)
            _check_where(node)
        if isinstance(node, exp.AggFunc) and not isinstance(node, _WINDOWS):
            _check_nested(node)
        if isinstance(node, _WINDOWS) and not _over(node):
            name = node.meta[CALL][0] if CALL in node.meta else node.sql_name().lower()
            raise _failed("MISSING_OVER", node, f"Window function {name} requires an OVER clause")
        if isinstance(node, exp.SetOperation):
            _check_columns(node)


def check_relations(tree: exp.Expr) -> None:
    """Raise for a column of a table that the query does not name."""
    known = {each.alias_or_name.lower() for each in tree.find_all(exp.Table, exp.DerivedTable, exp.UDTF, exp.CTE)}
    for column in tree.find_all(exp.Column):
        if column.table and column.table.lower() not in known:
            name = f"{column.table}.{column.name}"
            reason = f"Column '{name}' cannot be resolved or requester is not authorized to access requested resources"
            raise _failed("COLUMN_NOT_FOUND", column, reason)


def check_conditions(tree: exp.Expr) -> None:
    """Raise TYPE_MISMATCH for a condition that is no boolean, and for queries of unequal width, stars spelled out."""
    for node in tree.walk():
        if isinstance(node, exp.SetOperation):
            _check_columns(node)
        elif isinstance(node, exp.Where) and isinstance(node.parent, exp.Filter):
            _boolean(node.this, "Filter expression must evaluate to a boolean (actual: {})")
        elif isinstance(node, exp.Where | exp.Having):
            _boolean(node.this, f"{type(node).__name__.upper()} clause must evaluate to a boolean: actual type {{}}")
        elif isinstance(node, exp.Join) and node.args.get("on") is not None:
            _boolean(node.args["on"], "JOIN ON clause must evaluate to a boolean: actual type {}")
        elif isinstance(node, exp.Connector):
            for term in (node.left, node.right):
                _boolean(term, "Logical expression term must evaluate to a boolean (actual: {})")
        elif isinstance(node, exp.If) and isinstance(node.parent, exp.Case) and node.parent.this is None:
            _boolean(node.this, "CASE WHEN clause must evaluate to a boolean (actual: {})")
        elif isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
            _boolean(node.this, "IF condition must evaluate to a boolean (actual: {})")
        elif isinstance(node, exp.Not):
            _boolean(node.this, "Value of logical NOT expression must evaluate to a boolean (actual: {})")


def _boolean(node: exp.Expr, said: str) -> None:
    kind = node.type
    if kind is not None and kind.this not in _TRUTHS:
        raise _failed("TYPE_MISMATCH", node, said.format(types.trino_name(kind)))


def _check_ordinals(select: exp.Select) -> None:
    if any(each.is_star for each in select.selects):
        return
    for clause in ("group", "order"):
        listed = select.args.get(clause)
        for each in listed.expressions if listed is not None else []:
            place = each.this if isinstance(each, exp.Ordered) else each
            if isinstance(place, exp.Literal) and place.is_int and not 1 <= int(place.name) <= len(select.selects):
                reason = f"{clause.upper()} BY position {place.name} is not in select list"
                raise _failed("INVALID_COLUMN_REFERENCE", place, reason)


def _check_where(select: exp.Select) -> None:
    where = select.args.get("where")
    for node in where.walk(prune=lambda each: isinstance(each, exp.Query)) if where is not None else ():
        if isinstance(node, exp.AggFunc | exp.Window):
            reason = "WHERE clause cannot contain aggregations, window functions or grouping operations"
            raise _failed("EXPRESSION_NOT_SCALAR", node, f"{reason}: [{_shown(node)}]")


def _check_nested(outer: exp.Expr) -> None:
    for node in outer.walk(prune=lambda each: isinstance(each, exp.Query)):
        if node is not outer and isinstance(node, exp.AggFunc) and not isinstance(node, _WINDOWS):
            if isinstance(outer.parent, exp.Window) and outer.arg_key == "this":
                return  # a window's values may be aggregates
            name = outer.meta[CALL][0] if CALL in outer.meta else "?"
            reason = f"Cannot nest aggregations inside aggregation '{name}': [{_shown(node)}]"
            raise _failed("NESTED_AGGREGATION", outer, reason)


def _check_columns(node: Any) -> None:
    queries = [node.left.unnest(), node.right.unnest()]
    if any(not isinstance(each, exp.Query) or any(column.is_star for column in each.selects) for each in queries):
        return
    left, right = (len(each.selects) for each in queries)
    if left != right:
        reason = f"{type(node).__name__.upper()} query has different number of fields: {left}, {right}"
        raise _failed("TYPE_MISMATCH", node.right, reason)


def _over(node: exp.Expr) -> bool:
    outer: Any = node
    while isinstance(outer.parent, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        outer = outer.parent
    return isinstance(outer.parent, exp.Window)


def _shown(node: exp.Expr) -> str:
    return node.sql("athena").lower()


def _failed(code: str, node: exp.Expr, reason: str) -> QueryFailed:
    found = QueryFailed(code, f"line 1:1: {reason}")
    found.start = start_of(node)
    return found
