"""Decides which declared queries are allowed: one SELECT of contracted tables, with functions that only compute.

The parsed tree is compared with an allow-list, and anything else is refused by name. This is the first barrier; the
second is the engine's own parser and confinement (``sluice.confined``, ``sluice.refresh.spark.confined``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.athena import AthenaTrinoParser

from sluice.contracts.patterns import common_pattern
from sluice.telling import TELLING, VARIABLE
from sluice.transforms.check_sql.literals import DECIMAL_LITERAL
from sluice.transforms.check_sql.meanings import REFUSED
from sluice.transforms.check_sql.spelled import MARK, OWN, Spelled, spelled
from sluice.transforms.functions.signatures import Refused

#: Most characters of a query, levels of its tree, and relations it reads, with each WITH expanded where it is used.
LONGEST, DEEPEST, MOST_RELATIONS = 20_000, 100, 200
#: How many times longer than the longest input text a computed text may become.
MOST_GROWTH = 1_000
#: Steps of the parser, fixed and per token. Ordinary queries take about one step per token; ``localaws.athena.parser``
#: has the same limit.
_STEPS, _STEPS_PER_TOKEN = 200_000, 20
_CTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
#: Names that replace ``{table}`` and ``{previous}`` while the text is parsed.
_STAND_INS = {"{table}": "sluice_audited", "{previous}": "sluice_previous"}
_LONGEST_SHOWN = 60
_OWN = frozenset(_STAND_INS.values())

_SHAPE: tuple[type, ...] = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Cube, exp.Rollup, exp.GroupingSets, exp.Having,
    exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Subquery, exp.With, exp.CTE, exp.Union, exp.Intersect,
    exp.Except, exp.Table, exp.TableAlias, exp.Column, exp.Identifier, exp.Alias, exp.Star, exp.Literal, exp.Null,
    exp.Boolean, exp.Paren, exp.Tuple, exp.Not, exp.Neg, exp.Is, exp.Between, exp.In, exp.Exists, exp.Like,
    exp.Escape, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.And, exp.Or,
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.DPipe, exp.Interval, exp.Var, exp.DataType, exp.DataTypeParam,
    exp.Distinct, exp.Filter, exp.Window, exp.WindowSpec, exp.Cast, exp.TryCast, exp.Case, exp.If,
)  # fmt: skip
#: Athena's names of the functions by the nodes that they are.
FUNCTION_NAMES: dict[type, str] = {
    exp.Count: "count", exp.CountIf: "count_if", exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max",
    exp.LogicalAnd: "bool_and", exp.LogicalOr: "bool_or", exp.StddevSamp: "stddev_samp", exp.StddevPop: "stddev_pop",
    exp.ApproxDistinct: "approx_distinct", exp.ArgMax: "max_by", exp.ArgMin: "min_by", exp.Corr: "corr",
    exp.Stddev: "stddev", exp.Variance: "variance", exp.VariancePop: "var_pop",
    exp.RowNumber: "row_number", exp.Rank: "rank", exp.DenseRank: "dense_rank", exp.Lag: "lag", exp.Lead: "lead",
    exp.FirstValue: "first_value", exp.LastValue: "last_value",
    exp.Coalesce: "coalesce", exp.Nullif: "nullif", exp.Greatest: "greatest", exp.Least: "least",
    exp.Abs: "abs", exp.Round: "round", exp.Floor: "floor", exp.Ceil: "ceil", exp.Sign: "sign", exp.Sqrt: "sqrt",
    exp.Pow: "power", exp.Exp: "exp", exp.Ln: "ln",
    exp.Lower: "lower", exp.Upper: "upper", exp.Length: "length", exp.Trim: "trim", exp.Substring: "substr",
    exp.Replace: "replace", exp.Concat: "concat", exp.StrPosition: "strpos", exp.StartsWith: "starts_with",
    exp.SplitPart: "split_part", exp.ConcatWs: "concat_ws", exp.Reverse: "reverse", exp.RegexpLike: "regexp_like",
    exp.Year: "year", exp.Month: "month", exp.Day: "day", exp.DayOfMonth: "day", exp.Hour: "hour",
    exp.Minute: "minute", exp.Second: "second", exp.Quarter: "quarter", exp.DateAdd: "date_add",
    exp.DateDiff: "date_diff", exp.DateTrunc: "date_trunc", exp.TimestampTrunc: "date_trunc", exp.Extract: "extract",
    exp.Date: "date", exp.CurrentDate: "current_date", exp.CurrentTimestamp: "current_timestamp",
}  # fmt: skip
_TYPES = {
    exp.DType.BOOLEAN, exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.FLOAT,
    exp.DType.DOUBLE, exp.DType.DECIMAL, exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR, exp.DType.DATE,
    exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.INTERVAL,
}  # fmt: skip
#: The names of the functions that a check may use; the others of FUNCTION_NAMES are refused with the nearest way.
ALLOWED_FUNCTIONS: tuple[str, ...] = tuple(
    sorted({*(name for kind, name in FUNCTION_NAMES.items() if kind not in REFUSED), "cast", "try_cast", "case", "if"})
)


def _decimal_literal(_: Any, this: exp.Literal, to: exp.DataType) -> exp.Expr:
    """Return ``DECIMAL '…'``, which has the digits of its text, told from a cast to decimal, which has none behind."""
    if to.expressions:
        raise ParseError(f"DECIMAL '…' has the digits of its text; write CAST('{this.name}' AS {to.sql('trino')})")
    made = exp.Cast(this=this, to=to)
    made.meta[DECIMAL_LITERAL] = True
    return made


class _Parser(AthenaTrinoParser):
    """Athena's parser with a limit of steps, since each nested ROW(…) or DATE(…) doubles the alternatives it tries."""

    TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = {
        **AthenaTrinoParser.TYPE_LITERAL_PARSERS,
        exp.DType.DECIMAL: _decimal_literal,
    }

    def parse(self, raw_tokens: list[Any], sql: str) -> list[exp.Expr | None]:
        """Parse as sqlglot does, but raise ``ParseError`` after too many steps from token to token."""
        self._steps_left = _STEPS + _STEPS_PER_TOKEN * len(raw_tokens)
        return super().parse(raw_tokens, sql)

    def _advance(self, times: int = 1) -> None:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise ParseError("it is nested in more ways than can be read")
        super()._advance(times)


class RefusedQuery(ValueError):
    """A declared query is not allowed; the message says what in it and what is allowed instead."""


@dataclass(frozen=True)
class DeclaredQuery:
    """An allowed query: its ``tree``, and the contracted tables that it names."""

    tree: exp.Expr
    tables: tuple[str, ...]

    def spelled(self, types: Mapping[str, Mapping[str, str]]) -> Spelled:
        """Return the query as SQL of both engines, with the placeholders ``{table}``, ``{previous}``, ``{db.table}``.

        ``types`` are Spark's types by column of each of them. ``RefusedQuery`` names a call whose engines may differ.
        """
        known = {f"{OWN}.{stand_in}": types[placeholder[1:-1]] for placeholder, stand_in in _STAND_INS.items()}
        known |= {table: types[table] for table in self.tables}
        try:
            made = spelled(self.tree, known)
        except Refused as refused:
            raise RefusedQuery(str(refused)) from None
        for placeholder, stand_in in _STAND_INS.items():
            made = Spelled(*(text.replace(f"{{{stand_in}}}", placeholder) for text in made))
        return made


def declared_query(text: str, contracted: Collection[str]) -> DeclaredQuery:
    """Return ``text`` parsed as a query in Athena's SQL; ``RefusedQuery`` unless it is one allowed SELECT."""
    tree, tables = parsed_query(text, contracted)
    if len(tree.selects) != 1 or isinstance(tree.selects[0], exp.Star) or tree.selects[0].is_star:
        raise RefusedQuery("a check selects exactly one value: one column, by expression")
    return DeclaredQuery(tree, tables)


def parsed_query(text: str, contracted: Collection[str]) -> tuple[exp.Query, tuple[str, ...]]:
    """Return the tree of an allowed SELECT of any columns, and the contracted tables that it names."""
    if len(text) > LONGEST:
        raise RefusedQuery(f"it has {len(text):,} characters; at most {LONGEST:,} are allowed")
    if VARIABLE in text:
        raise RefusedQuery(f"{VARIABLE} is not allowed: Spark writes variables of its process there")
    if MARK in text:
        raise RefusedQuery("it holds a character of code 0, which no text of a query has")
    for placeholder, stand_in in _STAND_INS.items():
        text = text.replace(placeholder, stand_in)
    tree = _one_tree(text)
    for node in tree.walk():
        _refuse_unknown(node)
        _refuse_open_argument(node)
    _refuse_growth(tree)
    tables = _tables(tree, contracted)
    placeholders = [f"{{{table}}}" for table in (*contracted, *_OWN)]
    for node in tree.find_all(exp.Literal, exp.Identifier):
        own = _OWN if isinstance(node, exp.Literal) else ()
        if any(name in node.name for name in (*own, *placeholders)):
            raise RefusedQuery("a placeholder stands for a table, and is not allowed inside a text or a name")
    return tree, tables


def _one_tree(text: str) -> exp.Query:
    try:
        found = [tree for tree in _Parser(dialect="trino").parse(Athena().tokenize(text), text) if tree is not None]
    except (SqlglotError, RecursionError) as error:
        raise RefusedQuery(f"it is not a query in Athena's SQL: {str(error).splitlines()[0]}") from None
    if len(found) != 1:
        raise RefusedQuery(f"it holds {len(found)} statements; a check is one SELECT")
    tree = found[0]
    _refuse_deep(tree)
    if not isinstance(tree, exp.Query):
        raise RefusedQuery(f"{_shown(tree)!r} is no query; a check is one SELECT")
    return tree


def _refuse_unknown(node: exp.Expr) -> None:
    """Refuse a node whose kind or function is not on the list, and casts and WITH clauses that are not allowed."""
    if isinstance(node, exp.Func) and type(node) not in FUNCTION_NAMES and type(node) not in _SHAPE:
        name = node.name if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) else node.sql_name()
        raise RefusedQuery(f"the function {name.lower()!r} is not allowed; allowed: {', '.join(ALLOWED_FUNCTIONS)}")
    if type(node) not in _SHAPE and type(node) not in FUNCTION_NAMES:
        raise RefusedQuery(
            f"{_shown(node)!r} ({type(node).__name__.lower()}) is not allowed; a check is one plain SELECT of "
            "contracted tables"
        )
    if isinstance(node, exp.DataType) and (node.this not in _TYPES or node.args.get("nested")):
        raise RefusedQuery(f"a cast to {_shown(node)!r} is not allowed")
    if isinstance(node, exp.With) and node.args.get("recursive"):
        raise RefusedQuery("WITH RECURSIVE is not allowed: it may never end")


def _refuse_deep(tree: exp.Expr) -> None:
    """Refuse a tree so deep that recursive functions over it could exhaust the stack."""
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST:
            raise RefusedQuery(f"it is nested more than {DEEPEST} levels deep")
        waiting.extend((child, depth + 1) for child in node.iter_expressions())


def _refuse_open_argument(node: exp.Expr) -> None:
    """Refuse arguments that must be literals and are not, and patterns that the engines read differently.

    Engines compute LIMIT, OFFSET and patterns while they bind a query, before any limit on its run applies.
    """
    if isinstance(node, exp.Limit | exp.Offset) and not _whole(node.expression):
        raise RefusedQuery(f"{_shown(node)!r} is not allowed: LIMIT and OFFSET take a whole number below 2^31")
    if isinstance(node, exp.Column) and not node.table and node.name.lower() in TELLING - {"user"}:
        raise RefusedQuery(f"{node.name!r} is not allowed: it tells of the engine where no column is called so")
    if isinstance(node, exp.RegexpLike):
        pattern = node.expression
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            raise RefusedQuery(f"{_shown(node)!r} is not allowed: the pattern of regexp_like is a text")
        try:
            pattern.set("this", common_pattern(pattern.name))
        except ValueError as error:
            raise RefusedQuery(f"the pattern {pattern.name!r} is not allowed: {error}") from None


def _whole(node: exp.Expr | None) -> bool:
    if not isinstance(node, exp.Literal) or node.is_string or not re.fullmatch("[0-9]{1,10}", node.name):
        return False
    return int(node.name) < 2**31


def _refuse_growth(tree: exp.Expr) -> None:
    """Refuse calls that make texts grow without bound: engines hold them in memory, constants even while binding."""
    growth = 1
    for node in tree.find_all(exp.Replace, exp.Concat, exp.ConcatWs, exp.DPipe):
        if isinstance(node, exp.Replace):
            new = node.args.get("replacement")
            if new is not None and not (isinstance(new, exp.Literal) and new.is_string):
                raise RefusedQuery(f"{_shown(node)!r} is not allowed: what replace puts in is a text")
            growth *= max(1, len(new.name) if new is not None else 0)
        elif not isinstance(node, exp.DPipe) or not isinstance(node.parent, exp.DPipe):
            growth *= max(1, sum(not isinstance(part, exp.Literal) for part in _joined(node)))
    if growth > MOST_GROWTH:
        raise RefusedQuery(
            f"its replace, concat and || may make a text {growth:,} times longer; at most {MOST_GROWTH:,} are allowed"
        )


def _joined(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the parts of a concatenation; of CONCAT_WS twice, to account for the separators."""
    if isinstance(node, exp.DPipe):
        waiting: list[exp.Expr] = [node]
        while waiting:
            part = waiting.pop()
            if isinstance(part, exp.DPipe):
                waiting += [part.left, part.right]
            else:
                yield part
    else:
        yield from node.expressions
        if isinstance(node, exp.ConcatWs):
            yield from node.expressions


def _defined(tree: exp.Expr) -> dict[str, exp.CTE]:
    """Return what the WITH at the top defines, by name and in order; refuse a WITH anywhere else."""
    for each in tree.find_all(exp.With):
        if each.parent is not tree:
            raise RefusedQuery("WITH is allowed at the top of the query alone")
    defined: dict[str, exp.CTE] = {}
    for cte in tree.ctes if isinstance(tree, exp.Query) else ():
        name = cte.alias.lower()
        if name in _OWN:
            raise RefusedQuery(f"WITH {name} is not allowed: the name stands for the table that is checked")
        if not _CTE_NAME.fullmatch(name) or name in defined:
            raise RefusedQuery(
                f"WITH {name} is not allowed: each is a name of its own, in letters, digits, underscores"
            )
        defined[name] = cte
    return defined


def _tables(tree: exp.Expr, contracted: Collection[str]) -> tuple[str, ...]:
    """Return the contracted tables that the query names; refuse any other relation, and too many relations."""
    defined = _defined(tree)
    places = {id(cte): place for place, cte in enumerate(defined.values())}
    # How many relations each WITH name stands for once it is expanded, and last the query itself.
    counts = [0] * (len(defined) + 1)
    others = set()
    for table in sorted(tree.find_all(exp.Table), key=lambda found: _place(found, places)):
        place = _place(table, places)
        named = list(defined)[:place]
        if not isinstance(table.this, exp.Identifier) or table.catalog:
            raise RefusedQuery(f"{_shown(table)!r} is no contracted table")
        extra = {key for key, value in table.args.items() if value} - {"this", "db", "alias", "joins"}
        if extra:
            raise RefusedQuery(f"{_shown(table)!r} is more than a table: {', '.join(sorted(extra))} is not allowed")
        name = f"{table.db}.{table.name}".lower() if table.db else table.name.lower()
        if table.db and name in contracted:
            table.set("db", exp.to_identifier(table.db.lower()))
            table.set("this", exp.to_identifier(table.name.lower()))
            others.add(name)
        elif table.db or name not in {*named, *_OWN}:
            raise RefusedQuery(
                f"{name!r} is no contracted table; allowed: {{table}}, {{previous}}, <database>.<table> of a contract"
            )
        counts[place] += 1 + (counts[named.index(name)] if name in named and not table.db else 0)
        if counts[place] > MOST_RELATIONS:
            raise RefusedQuery(f"it reads more than {MOST_RELATIONS} relations, each WITH counted where it is used")
    return tuple(sorted(others))


def _place(table: exp.Table, places: dict[int, int]) -> int:
    """Return the index of the WITH entry that contains ``table``; the entries before it can be named there."""
    node: exp.Expr | None = table
    while node is not None and id(node) not in places:
        node = node.parent
    return places[id(node)] if node is not None else len(places)


def _shown(node: exp.Expr) -> str:
    text = node.sql(dialect="athena")
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
