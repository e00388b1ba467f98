"""Refuses what Athena's grammar does not have: sqlglot parses that of every dialect, and DuckDB runs much of it.

For each part of a query there is a list of what Athena has; anything else is refused by its name.
https://docs.aws.amazon.com/athena/latest/ug/select.html
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from localaws.athena.errors import QueryFailed, not_supported, place
from localaws.athena.foreign_words import refuse_words, refused
from localaws.athena.signatures import CALL
from localaws.athena.written import WORDS

#: What each part of a query may have beside itself (sqlglot writes an underscore behind words of Python's).
_PARTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        {"expressions", "from", "joins", "laterals", "where", "group", "having", "windows", "order", "limit", "offset",
         "distinct", "with"}
    ),
    exp.Table: frozenset({"this", "db", "catalog", "alias", "joins", "laterals", "version", "when", "sample"}),
    exp.Subquery: frozenset({"this", "alias", "joins", "laterals", "with", "order", "limit", "offset", "sample"}),
    exp.Join: frozenset({"this", "side", "kind", "method", "on", "using"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Star: frozenset(),
    exp.Distinct: frozenset({"expressions"}),
    exp.Limit: frozenset({"expression"}),
    exp.Fetch: frozenset({"direction", "count", "limit_options"}),
    exp.LimitOptions: frozenset({"rows"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions", "query"}),
    exp.WindowSpec: frozenset({"kind", "start", "start_side", "end", "end_side"}),
    **dict.fromkeys(
        (exp.Union, exp.Intersect, exp.Except),
        frozenset({"this", "expression", "distinct", "with", "order", "limit", "offset"}),
    ),
}  # fmt: skip
_JOINS = {"side": {"LEFT", "RIGHT", "FULL"}, "kind": {"INNER", "OUTER", "CROSS"}, "method": set()}
_NODES = (exp.TableSample, exp.Pivot, exp.Glob, exp.ILike, exp.SimilarTo, exp.Qualify, exp.Hint)
_PREDICATES: Final = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Is, exp.In, exp.Between, exp.NullSafeEQ,
    exp.NullSafeNEQ,
)  # fmt: skip
#: Operators of two values; others are functions in Athena, or nothing.
_OPERATORS: Final = (
    *_PREDICATES, exp.And, exp.Or, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe, exp.Dot, exp.Escape,
)  # fmt: skip
#: The names of Trino's types; the words behind some of them are in `_is_type`.
_TYPES: Final = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "REAL", "DOUBLE", "DOUBLE PRECISION", "DECIMAL",
     "VARCHAR", "CHAR", "VARBINARY", "JSON", "DATE", "TIME", "TIMESTAMP", "INTERVAL", "ARRAY", "MAP", "ROW", "UUID",
     "IPADDRESS", "HYPERLOGLOG", "P4HYPERLOGLOG", "QDIGEST", "TDIGEST", "SETDIGEST", "UNKNOWN"}
)  # fmt: skip
_OF_NULLS: Final = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_BOUND: Final = (exp.Literal, exp.Placeholder, exp.Parameter)


def refuse_foreign(tree: exp.Expr, sql: str) -> None:
    """Raise SYNTAX_ERROR, naming the clause, for any that no query of Athena has."""
    refuse_words(sql)
    for node in tree.walk():
        _refuse_part(node)
        if isinstance(node, exp.Join):
            _refuse_join(node)
        elif isinstance(node, exp.DataType):
            _refuse_type(node, sql)
        else:
            _refuse_value(node)


def _refuse_part(node: exp.Expr) -> None:
    """Raise for a part of a query that Athena does not have, or that has what Athena's has not."""
    if isinstance(node, _NODES) and not (isinstance(node, exp.TableSample) and _is_athenas(node)):
        raise refused(type(node).__name__)
    if isinstance(node, exp.LimitOptions) and node.args.get("with_ties"):
        raise not_supported("FETCH FIRST … WITH TIES", allowed="rank() OVER (ORDER BY …) in a subquery")
    parts = _PARTS.get(type(node))
    if parts is not None:
        for name, value in node.args.items():
            if value and name.rstrip("_") == "match":
                raise not_supported("MATCH_RECOGNIZE")
            if value and name.rstrip("_") not in parts:
                raise refused(f"{type(node).__name__} with {name.rstrip('_')}")
    if isinstance(node, exp.Group) and node.args.get("all") and not node.expressions:
        raise refused("GROUP BY ALL")
    if isinstance(node, exp.Limit | exp.Offset):
        count, name = node.expression, type(node).__name__.upper()
        every = isinstance(node, exp.Limit) and isinstance(count, exp.Column | exp.Var) and count.name.upper() == "ALL"
        if not (isinstance(count, _BOUND) and not (isinstance(count, exp.Literal) and not count.is_int)) and not every:
            raise refused(f"{name} of other than a number")


def _refuse_join(node: exp.Join) -> None:
    if str(node.args.get("method") or "").upper() == "NATURAL":
        raise QueryFailed("NOT_SUPPORTED", "line 1:1: Natural join not supported")  # Trino's grammar alone has it
    for name, known in _JOINS.items():
        if (given := str(node.args.get(name) or "").upper()) and given not in known:
            raise refused(f"{given} JOIN")
    crossed = str(node.args.get("kind") or "").upper() == "CROSS"
    if node.meta.get(WORDS) and not crossed and not node.args.get("on") and not node.args.get("using"):
        raise refused("JOIN without ON or USING")


def _refuse_type(node: exp.DataType, sql: str) -> None:
    """Raise for a type that is written by a name that another engine has for it."""
    words = node.meta.get(WORDS)
    if words is None:
        return
    shown = "".join(words)
    at = place(sql, node.meta.get("start", 0))
    literal = isinstance(node.parent, exp.Cast) and CALL not in node.parent.meta
    if literal and len(words) > 1 and "(" not in words:
        raise refused(f"{' '.join(words)} before a text")
    if words[0] not in _TYPES:
        kind = "TYPE_NOT_FOUND" if literal else "TYPE_MISMATCH"
        raise QueryFailed(kind, f"{at}: Unknown type: {shown}")
    if "LOCAL" in words or (words[0] not in ("ARRAY", "MAP", "ROW") and ("[" in words or "MAX" in words)):
        raise QueryFailed("SYNTAX_ERROR", f"{at}: {' '.join(words)} is no type of Athena's")


def _refuse_value(node: exp.Expr) -> None:
    """Raise for an operator, or a form of a value, that Athena does not have."""
    if isinstance(node, exp.Binary | exp.BitwiseNot | exp.JSONExtract) and CALL not in node.meta:
        if not isinstance(node, _OPERATORS):
            raise refused(f"the operator {type(node).__name__}")
        if isinstance(node, exp.Like) and isinstance(node.expression, exp.Any | exp.All | exp.Tuple):
            raise refused("LIKE with ANY or ALL")
    if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
        raise refused(f"IS {node.expression.sql('athena')}")
    if isinstance(node, _PREDICATES) and CALL not in node.meta:
        left = node.this.this if isinstance(node.this, exp.Not) else node.this
        if isinstance(left, _PREDICATES) and CALL not in left.meta:
            raise refused("a comparison of a comparison without parentheses")
    if isinstance(node, exp.In) and not node.expressions and not node.args.get("query"):
        raise refused("IN without values in parentheses")
    if isinstance(node, exp.If) and CALL not in node.meta and not isinstance(node.parent, exp.Case):
        raise refused("IF … THEN")
    if isinstance(node, exp.WithinGroup) and not isinstance(node.this, exp.GroupConcat):
        raise refused("WITHIN GROUP of other than listagg")
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls) and not isinstance(node.this, _OF_NULLS):
        name = node.this.meta[CALL][0] if CALL in node.this.meta else node.this.key
        raise QueryFailed(
            "NULL_TREATMENT_NOT_ALLOWED", f"line 1:1: Cannot specify null treatment clause for {name} function"
        )
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Star) and isinstance(node.parent, exp.Func):
        raise QueryFailed(
            "INVALID_FUNCTION_ARGUMENT",
            "line 1:1: label.* syntax is only supported as the only argument of row pattern count function",
        )


def _is_athenas(sample: exp.TableSample) -> bool:
    """Return whether this is ``TABLESAMPLE BERNOULLI (n)`` or ``SYSTEM (n)``, which Athena has."""
    plain = isinstance(sample.args.get("percent"), exp.Literal) and not sample.args.get("seed")
    return plain and str(sample.args.get("method") or "").upper() in {"BERNOULLI", "SYSTEM"}
