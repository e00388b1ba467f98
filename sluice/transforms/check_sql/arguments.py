"""What is read of each node of a parsed query. What a node says beyond it would be lost, so it is refused.

The lists hold what was tried on both engines (``tests/sluice/transforms/check_calls.py``). SQLGlot keeps arguments that
a reader of the node would never look at, e.g. the flags of ``regexp_like(s, 'a', 'i')``.
"""

from __future__ import annotations

from sqlglot import ErrorLevel, exp

from sluice.transforms.check_sql.meanings import AGGREGATES, BESIDE, CALLS, RANKS, REFUSED, VALUES
from sluice.transforms.functions.signatures import Refused

_QUERY = "with_ order limit offset"
_PAIR = "this expression"
_LISTED: dict[type[exp.Expr], str] = {
    exp.Select: f"expressions from_ joins where group having distinct {_QUERY}",
    exp.Union: f"{_PAIR} distinct {_QUERY}", exp.Intersect: f"{_PAIR} distinct {_QUERY}",
    exp.Except: f"{_PAIR} distinct {_QUERY}",
    exp.From: "this", exp.Join: "this on using side kind", exp.Where: "this", exp.Having: "this",
    exp.Group: "expressions cube rollup grouping_sets", exp.Cube: "expressions", exp.Rollup: "expressions",
    exp.GroupingSets: "expressions", exp.Order: "expressions", exp.Ordered: "this desc nulls_first",
    exp.Limit: "expression", exp.Offset: "expression", exp.Distinct: "expressions on", exp.Subquery: "this alias",
    exp.With: "expressions", exp.CTE: "this alias", exp.Table: "this db alias", exp.TableAlias: "this",
    exp.Column: "this table", exp.Identifier: "this quoted", exp.Alias: "this alias", exp.Star: "", exp.Null: "",
    exp.Literal: "this is_string", exp.Boolean: "this", exp.Paren: "this", exp.Tuple: "expressions", exp.Var: "this",
    exp.Add: _PAIR, exp.Sub: _PAIR, exp.Interval: "this unit", exp.Is: _PAIR, exp.In: "this expressions query",
    exp.Exists: "this", exp.Like: f"{_PAIR} negate", exp.Escape: _PAIR, exp.Trim: "this expression position",
    exp.Case: "this ifs default", exp.If: "this true false", exp.Cast: "this to", exp.TryCast: "this to safe",
    exp.DataType: "this expressions", exp.DataTypeParam: "this", exp.Filter: _PAIR,
    exp.Window: "this partition_by order spec over alias",
    exp.WindowSpec: "kind start start_side end end_side", exp.TimestampTrunc: "this unit", exp.DateTrunc: "this unit",
    exp.DateAdd: "this expression unit", exp.DateDiff: "this expression unit", exp.Extract: _PAIR,
}  # fmt: skip
#: What SQLGlot itself puts into every node of a kind, whatever the query says.
_ALWAYS: dict[type[exp.Expr], str] = {exp.Count: "big_int", exp.ConcatWs: "coalesce", exp.Div: "typed"}
_READ: dict[type[exp.Expr], frozenset[str]] = {
    **{kind: frozenset(names.split()) for kind, names in _LISTED.items()},
    **{kind: frozenset([*names, _ALWAYS.get(kind, "")]) for kind, (names, _) in CALLS.items()},
    **{kind: frozenset(["this", _ALWAYS.get(kind, "")]) for kind in (*AGGREGATES, *VALUES)},
    **{kind: frozenset() for kind in RANKS},
    **{kind: frozenset(["this", "offset", "default"]) for kind in BESIDE},
}
_JOINS = {"side": ("", "LEFT", "RIGHT", "FULL"), "kind": ("", "INNER", "OUTER", "CROSS")}
#: What a query may still hold when each of its expressions was put into the SQL of both engines.
_CLAUSES = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Limit, exp.Offset, exp.Distinct,
    exp.Subquery, exp.With, exp.CTE, exp.SetOperation, exp.Table, exp.TableAlias, exp.Identifier, exp.Alias, exp.Var,
)  # fmt: skip


def refuse_unread(tree: exp.Expr) -> None:
    """Raise ``Refused`` for the first node that says more than is read of it."""
    for node in tree.walk():
        if type(node) in REFUSED:
            continue  # its reader says the way
        if type(node) not in _READ:
            raise Refused(f"{_shown(node)!r} was never tried on both engines")
        said = {name for name, value in node.args.items() if value}
        if unread := sorted(said - _READ[type(node)]):
            raise Refused(f"{_shown(node)!r}: {_told(node, unread)}")
        if isinstance(node, exp.Join):
            _refuse_join(node)
        if isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Query):
            raise Refused(f"{_shown(node)!r}: tables in parentheses were never tried; leave the parentheses away")
        if isinstance(node, exp.Cast):
            _refuse_size(node)


def refuse_left(tree: exp.Expr) -> None:
    """Raise ``Refused`` for what nobody put into the SQL of both engines: it would reach them as it was written."""
    for node in tree.walk():
        if not isinstance(node, _CLAUSES) and not isinstance(node.parent, exp.Limit | exp.Offset):
            raise Refused(f"{_shown(node)!r} was never tried where it stands; say it in WHERE")


def refuse_full_join(join: exp.Join) -> None:
    """Refuse a FULL JOIN by anything but equal columns, which DuckDB does not compute for all conditions."""
    on = join.args["on"].unnest()
    parts = [each.unnest() for each in on.flatten()] if isinstance(on, exp.And) else [on]
    if join.args.get("side") == "FULL" and not all(isinstance(each, exp.EQ) for each in parts):
        raise Refused("a FULL JOIN was tried by equal columns alone; join by those, and compare in WHERE")


def refuse_nested(node: exp.Expr) -> None:
    """Refuse IN and EXISTS of a query elsewhere than as a part of WHERE: Spark takes an unknown answer for false there.

    https://github.com/apache/spark/blob/v3.5.6/sql/catalyst/src/main/scala/org/apache/spark/sql/catalyst/optimizer/subquery.scala
    """
    around = node.parent
    while isinstance(around, exp.Paren | exp.Not):
        around = around.parent
    while isinstance(around, exp.Paren | exp.And):
        around = around.parent
    if not isinstance(around, exp.Where) or not isinstance(around.parent, exp.Select):  # FILTER has a WHERE, too
        raise Refused("IN and EXISTS of a query stand in WHERE, alone or joined by AND; elsewhere join the query")


def _told(node: exp.Expr, unread: list[str]) -> str:
    if isinstance(node, exp.TableAlias):
        return "names of columns behind an alias were never tried; name them in a query, as in SELECT n AS id"
    if isinstance(node, exp.Subquery):
        return "what stands behind a query in parentheses was never tried; say it inside, or in a query around it"
    if isinstance(node, exp.Table):
        return "joins in parentheses were never tried; leave the parentheses away"
    return f"{' and '.join(each.strip('_') for each in unread)} of it was never tried on both engines; leave it away"


def _refuse_join(join: exp.Join) -> None:
    said = {name: str(join.args.get(name) or "").upper() for name in _JOINS}
    for name, tried in _JOINS.items():
        if said[name] not in tried:
            raise Refused(f"a {said[name]} JOIN was never tried on both engines; join by ON, or take EXISTS")
    side, kind = said["side"], said["kind"]
    on, using = join.args.get("on"), join.args.get("using")
    if (side or kind in ("INNER", "OUTER")) and not on and not using:
        raise Refused("a JOIN says by what; say ON or USING, or CROSS JOIN")
    if (kind == "CROSS" and (on or using or side)) or (kind == "OUTER" and not side) or (kind == "INNER" and side):
        raise Refused("this JOIN is none of Athena's; say JOIN … ON, LEFT JOIN … ON or CROSS JOIN")
    joins = join.parent.args.get("joins") or [] if join.parent else []
    tied = any(each.args.get(name) for each in joins for name in ("side", "on", "using"))
    if tied and not (side or kind or on or using):
        # Athena and DuckDB join tables by JOIN before those by a comma, Spark from left to right.
        raise Refused("a comma beside a JOIN is read in another order by each engine; say CROSS JOIN")
    if len(joins) > 1 and any(each.args.get("using") for each in joins):
        # Behind an outer join USING means whichever side has the column, which no engine is asked for here.
        raise Refused("USING was tried in a query of one JOIN; join by ON")


def _refuse_size(node: exp.Cast) -> None:
    kind, given = node.args["to"], node.this
    if kind.this == exp.DType.TIMESTAMP and isinstance(given, exp.Literal) and given.is_string:
        # TIMESTAMP '…' has the digits of its text.
        digits = kind.expressions[0].name if kind.expressions else "6"
        if digits.isdigit() and len(given.name.partition(".")[2]) <= int(digits):
            return
    if kind.expressions and kind.this not in (exp.DType.DECIMAL, exp.DType.VARCHAR, exp.DType.CHAR):
        raise Refused(f"{_shown(node)!r}: a type of so many digits was never tried; leave the digits away")


def _shown(node: exp.Expr) -> str:
    shown = node.sql(dialect="athena", unsupported_level=ErrorLevel.IGNORE)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
