"""Reads the expressions of one SELECT of a declared query, each by the types of its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from sluice.transforms.check_sql import aggregates, numbers, texts, times
from sluice.transforms.check_sql.arguments import refuse_nested
from sluice.transforms.check_sql.both import (
    NO_WINDOW,
    NOTHING,
    Both,
    Over,
    cast,
    decimal,
    kept,
    proven,
    text,
)
from sluice.transforms.check_sql.literals import DECIMAL_LITERAL, count, frame, number, unit
from sluice.transforms.check_sql.meanings import AGGREGATES, BESIDE, CALLS, RANKS, REFUSED, VALUES
from sluice.transforms.functions.signatures import Refused
from sluice.transforms.functions.spark_types import NULL, spark_type

if TYPE_CHECKING:
    from sqlglot.optimizer.scope import Scope

_LONGEST_SHOWN = 60
_OUTSIDE = (
    "of the query directly outside it may be named in the WHERE of EXISTS alone, of SELECT … FROM … WHERE without "
    "aggregates; join the tables"
)


class Unlike(Refused):
    """A call that is not proven, with its name and the call as it stands in the query."""


class Around(Protocol):
    """The whole query, as its expressions ask it for what is around them."""

    def column(self, node: exp.Column, scope: Scope) -> str:
        """Return the type of a column; ``Refused`` for one that is not there."""

    def has(self, scope: Scope, source: str, name: str) -> bool:
        """Return whether a relation of a scope has a column."""

    def query(self, node: exp.Expr) -> Both:
        """Return a query inside an expression, with the type of its one column."""

    def text(self, tree: exp.Expr, dialect: str) -> str:
        """Return the SQL of a query inside."""


class Expressions:
    """The expressions of one scope of a query."""

    def __init__(self, query: Around, scope: Scope) -> None:
        self.query, self.scope = query, scope
        #: Whether it makes no row of many; asked before its expressions are lowered.
        self._plain = scope.expression.find(exp.AggFunc, exp.Window) is None
        #: What is selected by its name, once ORDER BY may name it.
        self.selected: dict[str, Both] = {}

    def made(self, node: exp.Expr, over: Over = NO_WINDOW) -> Both:
        """Return an expression on both engines; ``Refused`` names the innermost call that is not proven."""
        try:
            return kept(self._made(node, over))
        except Unlike:
            raise
        except Refused as refused:
            raise Unlike(f"{_shown(node)!r}: {refused}") from None

    def condition(self, node: exp.Expr) -> Both:
        """Return a condition; ``Refused`` for what is none."""
        made = self.made(node)
        if made.type not in ("boolean", NULL):
            raise Unlike(f"{_shown(node)!r} is {made.type}, and no condition; compare it")
        return cast(made, "boolean")

    def _made(self, node: exp.Expr, over: Over) -> Both:
        if type(node) in REFUSED:
            raise Refused(REFUSED[type(node)])
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return number(f"-{node.this.name}")
        if isinstance(node, exp.Add | exp.Sub):
            return self._added(node)
        if type(node) in CALLS:
            return self._called(node)
        if type(node) in (*AGGREGATES, *RANKS, *VALUES, *BESIDE):
            return self._of_rows(node, over)
        make = next((made for kind, made in _MAKERS.items() if isinstance(node, kind)), None)
        if make is None:
            raise Refused("it was never tried on both engines")
        return make(self, node)

    def _of_rows(self, node: exp.Expr, over: Over) -> Both:
        if type(node) in AGGREGATES:
            return self._aggregate(node, over)
        if type(node) in RANKS:
            return cast(proven(RANKS[type(node)], over=_ordered(over)), "bigint")
        if type(node) in VALUES:
            return proven(VALUES[type(node)], self.made(node.this), over=_ordered(over))
        places, default = (self.made(node.args[n]) if node.args.get(n) else None for n in ("offset", "default"))
        return aggregates.beside(BESIDE[type(node)], self.made(node.this), places, default, _ordered(over))

    def _called(self, node: exp.Expr) -> Both:
        names, meaning = CALLS[type(node)]
        given: list[Both] = []
        for name in names:
            value = node.args.get(name)
            given += map(self.made, value if isinstance(value, list) else [value] if value is not None else [])
        return meaning(*given)

    def _added(self, node: exp.Expr) -> Both:
        sign = 1 if isinstance(node, exp.Add) else -1
        left, right = (each.unnest() for each in (node.this, node.expression))
        if isinstance(right, exp.Interval):
            return times.later(self.made(node.this), sign * count(right), unit(right))
        if isinstance(left, exp.Interval) and sign > 0:
            return times.later(self.made(node.expression), count(left), unit(left))
        return numbers.calculated("+" if sign > 0 else "-", self.made(node.this), self.made(node.expression))

    def _aggregate(self, node: exp.Expr, over: Over, condition: Both | None = None) -> Both:
        of = node.this
        if isinstance(of, exp.Distinct):
            if condition is not None or len(of.expressions) != 1:
                raise Refused("DISTINCT of several columns, or with FILTER, was never tried; count the rows of a query")
            if not isinstance(node, exp.Count | exp.Min | exp.Max):
                raise Refused("DISTINCT was tried in count alone; select the distinct values in a query")
            apart = aggregates.counted_apart if isinstance(node, exp.Count) else AGGREGATES[type(node)]
            return apart(self.made(of.expressions[0]), over)
        if isinstance(node, exp.Count) and (of is None or isinstance(of, exp.Star)):
            return proven("count_if", condition, over=over) if condition else aggregates.counted_rows(over)
        given = self.made(of)
        if condition is not None:  # every aggregate here leaves NULL out
            given = numbers.chosen(condition, given)
        return AGGREGATES[type(node)](given, over)

    def _filtered(self, node: exp.Filter) -> Both:
        if type(node.this) not in AGGREGATES:
            raise Refused("FILTER was never tried with it")
        return self._aggregate(node.this, NO_WINDOW, self.condition(node.expression.this))

    def _window(self, node: exp.Window) -> Both:
        keys = [self.made(each) for each in node.args.get("partition_by") or []]
        order = [self.ordered(each) for each in node.args["order"].expressions] if node.args.get("order") else []
        rows = frame(node.args.get("spec"), bool(order))
        if rows and type(node.this) in (*RANKS, *BESIDE):
            raise Refused("it takes no frame; leave ROWS away")
        if node.args.get("alias") or node.args.get("over") != "OVER":
            raise Refused("the window stands behind OVER itself")
        over = Over(*(_over([getattr(k, e) for k in keys], [getattr(o, e) for o in order], rows) for e in _ENGINES))
        inner = node.this
        if isinstance(inner, exp.Filter):
            if type(inner.this) not in AGGREGATES:
                raise Refused("FILTER was never tried with it")
            return self._aggregate(inner.this, over, self.condition(inner.expression.this))
        if type(inner) not in (*AGGREGATES, *RANKS, *VALUES, *BESIDE):
            raise Refused("it was never tried over a window")
        return self.made(inner, over)

    def ordered(self, node: exp.Expr) -> Both:
        """Return one part of an order, with the place of NULL: the last one, where the query does not say."""
        if not isinstance(node, exp.Ordered):
            node = exp.Ordered(this=node, nulls_first=False)
        of = node.this.unnest()
        if isinstance(of, exp.Column) and not of.table and of.name.lower() in self.selected:
            duckdb, spark = (of.sql(dialect=dialect, identify=True) for dialect in _ENGINES)
            made = Both(duckdb, spark, self.selected[of.name.lower()].type)
        else:
            made = self.made(of)
        if made.literal or made.type == NULL:
            raise Refused("ORDER BY of a literal is a place among the columns on one engine; name the column")
        end = (
            f" {'DESC' if node.args.get('desc') else 'ASC'} NULLS {'FIRST' if node.args.get('nulls_first') else 'LAST'}"
        )
        return Both(made.duckdb + end, made.spark + end, made.type)

    def _column(self, node: exp.Column) -> Both:
        if not node.table and node.name.lower() in self.selected:
            return self.selected[node.name.lower()]
        if not node.table:
            node = exp.column(node.this, table=exp.to_identifier(self._source(node.name.lower()), quoted=True))
        elif node.table not in self.scope.selected_sources and not self._from_outside_allowed(node):
            self.query.column(node, self.scope)  # one that is nowhere is told so
            raise Refused(_OUTSIDE)
        kind = self.query.column(node, self.scope)
        duckdb, spark = (node.sql(dialect=dialect, identify=True) for dialect in _ENGINES)
        if kind == "float":
            duckdb, spark, kind = f"CAST({duckdb} AS DOUBLE)", f"CAST({spark} AS DOUBLE)", "double"
        return kept(Both(duckdb, spark, kind), signed=True)

    def _source(self, name: str) -> str:
        """Return the one relation that has a column: no name of what is selected is known but in ORDER BY."""
        found = [source for source in self.scope.selected_sources if self.query.has(self.scope, source, name)]
        if len(found) == 1:
            return found[0]
        where = "is ambiguous: say of which table it is" if found else "not found in what the query reads"
        raise Refused(f'the column "{name}" {where}')

    def _from_outside_allowed(self, node: exp.Column) -> bool:
        """Return whether a column of the query directly outside stands in the WHERE of a plain query of EXISTS."""
        inner, around = self.scope.expression, self.scope.parent
        if not isinstance(inner.parent, exp.Exists) or around is None or node.table not in around.selected_sources:
            return False
        said = {name for name, value in inner.args.items() if value}
        if said - {"expressions", "from_", "joins", "where"} or not self._plain:
            return False
        place: exp.Expr | None = node
        while place is not None and place.parent is not inner:
            place = place.parent
        return isinstance(place, exp.Where)

    def _cast(self, node: exp.Cast) -> Both:
        given, to = node.this, node.args["to"]
        if node.meta.get(DECIMAL_LITERAL):
            return decimal(given.name)
        if to.this in (exp.DType.VARCHAR, exp.DType.CHAR) and to.expressions:
            raise Refused("a text of so many letters was never tried; cast to varchar, and take substr of it")
        kind = "timestamp_ntz" if to.this == exp.DType.TIMESTAMP else spark_type(to.sql(dialect="duckdb"))
        if to.this == exp.DType.DECIMAL and not to.expressions:
            kind = "decimal(38,0)"  # Athena's own, where a decimal says no digits
        return numbers.converted(self.made(given), kind)

    def _case(self, node: exp.Case) -> Both:
        of = self.made(node.this) if node.this else None
        branches = []
        for each in node.args["ifs"]:
            condition = self.condition(each.this) if of is None else numbers.compared("==", of, self.made(each.this))
            branches.append((condition, self.made(each.args["true"])))
        default = node.args.get("default")
        return numbers.cases(branches, self.made(default) if default else NOTHING)

    def _if(self, node: exp.If) -> Both:
        otherwise = node.args.get("false")
        return numbers.chosen(
            self.condition(node.this), self.made(node.args["true"]), self.made(otherwise) if otherwise else NOTHING
        )

    def _is(self, node: exp.Is) -> Both:
        given = self.made(node.this)
        if isinstance(node.expression, exp.Null):
            return numbers.is_null(given)
        return proven("<=>", given, self.made(node.expression))

    def _in(self, node: exp.In) -> Both:
        given = self.made(node.this)
        if node.args.get("query"):
            refuse_nested(node)
            found = self.query.query(node.args["query"])
            if found.type != given.type:
                raise Refused(f"{given.type} in a query of {found.type}; cast both to one type")
            return Both(f"({given.duckdb} IN {found.duckdb})", f"({given.spark} IN {found.spark})", "boolean")
        return proven("isin", *numbers.alike(given, *map(self.made, node.expressions)))

    def _exists(self, node: exp.Exists) -> Both:
        refuse_nested(node)
        inner = node.this.unnest()
        return Both(
            f"EXISTS ({self.query.text(inner, 'duckdb')})", f"EXISTS ({self.query.text(inner, 'spark')})", "boolean"
        )

    def _trim(self, node: exp.Trim) -> Both:
        letters = node.args.get("expression")
        side = str(node.args.get("position") or "").upper()
        return texts.trimmed(self.made(node.this), side, self.made(letters) if letters else None)

    def _like(self, node: exp.Expr) -> Both:
        inner, escape = (node.this, node.expression) if isinstance(node, exp.Escape) else (node, None)
        if not isinstance(inner, exp.Like) or (escape is not None and not isinstance(escape, exp.Literal)):
            raise Refused("ESCAPE is a letter that stands in the query")
        made = texts.like(self.made(inner.this), self.made(inner.expression), escape.name if escape else "")
        return proven("not", made) if inner.args.get("negate") else made


def _cut(scope: Expressions, node: exp.Expr) -> Both:
    return times.cut(unit(node), scope.made(node.this))


def _later(scope: Expressions, node: exp.Expr) -> Both:
    return times.later(scope.made(node.this), count(exp.Interval(this=node.expression)), unit(node))


def _between(scope: Expressions, node: exp.Expr) -> Both:
    return times.between(unit(node), scope.made(node.expression), scope.made(node.this))


def _extract(scope: Expressions, node: exp.Expr) -> Both:
    return times.unit_of(node.this.name.lower(), scope.made(node.expression))


def _literal(scope: Expressions, node: exp.Expr) -> Both:
    return text(node.name) if node.is_string else number(node.name)


def _over(keys: list[str], order: list[str], frame: str) -> str:
    parts = [f"PARTITION BY {', '.join(keys)}" if keys else "", f"ORDER BY {', '.join(order)}" if order else "", frame]
    return f" OVER ({' '.join(filter(None, parts))})"


def _ordered(over: Over) -> Over:
    if "ORDER BY" not in over.duckdb:
        raise Refused("it has a place among the rows of a window with an order; say OVER (… ORDER BY …)")
    return over


def _shown(node: exp.Expr) -> str:
    def bare(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Select):
            return exp.Var(this="SELECT …")
        return exp.column(part.name) if isinstance(part, exp.Column) else part

    shown = re.sub(r"\0[0-9]+\0", "…", node.transform(bare).sql(dialect="athena"))
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 1]}…"


_ENGINES = ("duckdb", "spark")
_MAKERS: dict[type[exp.Expr], Callable[[Expressions, Any], Both]] = {
    exp.Paren: lambda scope, node: scope.made(node.this),
    exp.Alias: lambda scope, node: scope.made(node.this),
    exp.Column: Expressions._column,
    exp.Literal: _literal,
    exp.Null: lambda scope, node: NOTHING,
    exp.Boolean: lambda scope, node: Both(
        str(bool(node.this)).lower(), str(bool(node.this)).lower(), "boolean", bool(node.this), True
    ),
    exp.Cast: Expressions._cast,
    exp.Case: Expressions._case,
    exp.If: Expressions._if,
    exp.Is: Expressions._is,
    exp.In: Expressions._in,
    exp.Exists: Expressions._exists,
    exp.Trim: Expressions._trim,
    exp.Like: Expressions._like,
    exp.Escape: Expressions._like,
    exp.Filter: Expressions._filtered,
    exp.Window: Expressions._window,
    exp.Subquery: lambda scope, node: scope.query.query(node),
    exp.TimestampTrunc: _cut,
    exp.DateTrunc: _cut,
    exp.DateAdd: _later,
    exp.DateDiff: _between,
    exp.Extract: _extract,
}
