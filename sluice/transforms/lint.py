"""Lints compiled transforms for expressions whose result differs between two runs or between DuckDB and Spark.

Types come from the contracts of the inputs; an expression of unknown type is not judged. The lint does not find windows
whose order leaves ties, nor helper functions that treat the same values differently on each engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

_DECIMAL = {exp.DType.DECIMAL}
_DOUBLE = {exp.DType.DOUBLE, exp.DType.FLOAT}
_WHOLE = exp.DataType.INTEGER_TYPES
_TEXT = exp.DataType.TEXT_TYPES
_PARSED = {*_WHOLE, *_DECIMAL, *_DOUBLE, *exp.DataType.TEMPORAL_TYPES, exp.DType.BOOLEAN}
#: Java's regular expressions that RE2 does not have or reads otherwise: lookaround, backreferences, (?i), possessive
#: quantifiers. https://github.com/google/re2/wiki/Syntax
_ONLY_JAVA = re.compile(r"\(\?[=!<>i]|\\[1-9]|[*+?}]\+")
_CHANCE = {"rand", "randn", "random", "uuid", "shuffle", "monotonically_increasing_id", "input_file_name"}
_CLOCKS = (
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.Localtime,
    exp.Localtimestamp,
)
_CLOCK_NAMES = {"now", "get_current_timestamp", "transaction_timestamp", "unix_timestamp"}
_BY_ORDER = (
    exp.First,
    exp.Last,
    exp.AnyValue,
    exp.ArrayAgg,
    exp.ArrayUniqueAgg,
    exp.GroupConcat,
    exp.ArgMax,
    exp.ArgMin,
)
_RANKS = (exp.RowNumber, exp.Lag, exp.Lead, exp.Ntile, exp.FirstValue, exp.LastValue, exp.NthValue)
_EXACT = (exp.Round, exp.Floor, exp.Ceil)
_LONGEST = 90


class Finding(NamedTuple):
    """A finding of the lint: the ``rule``, the expression, and why it is a problem with what to do instead."""

    rule: str
    expression: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.expression}: {self.why}"


class _Rule(NamedTuple):
    name: str
    broken: Callable[[exp.Expr], bool]
    why: str
    both_engines: bool = True


def lint(sql: str, columns: Mapping[str, Mapping[str, str]], engine: str) -> list[Finding]:
    """Return the findings in a transform's DuckDB SQL, each once; ``columns`` are the inputs' column types by table.

    Rules about differences between the engines apply only to a transform that may run on both.
    """
    tree = _typed(sql, columns)
    found = {}
    for node in tree.walk():
        for rule in _RULES:
            if (engine == "any" or not rule.both_engines) and rule.broken(node):
                found[rule.name, _short(node)] = Finding(rule.name, _short(node), rule.why)
    return list(found.values())


def accepted(findings: Iterable[Finding], accept: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each finding whose rule ``accept`` does not name, and for each name without a finding."""
    seen = set()
    for finding in findings:
        seen.add(finding.rule)
        if finding.rule not in accept:
            yield str(finding)
    for rule in accept.keys() - seen:
        yield f"accept names {rule!r}, but that rule has no finding here"


def _typed(sql: str, columns: Mapping[str, Mapping[str, str]]) -> exp.Expr:
    schema = MappingSchema(dialect="duckdb")
    for table, types in columns.items():
        schema.add_table(table, dict(types))
    tree = qualify(
        sqlglot.parse_one(sql, read="duckdb"), schema=schema, dialect="duckdb", validate_qualify_columns=False
    )
    return annotate_types(tree, schema=schema, dialect="duckdb")


def _is(node: exp.Expr | None, types: Iterable[exp.DType]) -> bool:
    return node is not None and node.type is not None and node.type.this in types


def _short(node: exp.Expr) -> str:
    plain = node.transform(lambda part: exp.column(part.name) if isinstance(part, exp.Column) else part)
    text = plain.sql(dialect="spark")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _divides_decimals(node: exp.Expr) -> bool:
    return isinstance(node, exp.Div) and (_is(node.left, _DECIMAL) or _is(node.right, _DECIMAL))


def _averages_decimals(node: exp.Expr) -> bool:
    return isinstance(node, exp.Avg) and _is(node.this, _DECIMAL)


def _parses_text(node: exp.Expr) -> bool:
    parses = isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast)
    return parses and _is(node.this, _TEXT) and _to(node) in _PARSED and _from_columns(node.this)


def _from_columns(node: exp.Expr) -> bool:
    """Return whether the value contains text of a column, not only literals and converted values of other types."""
    if isinstance(node, exp.Column):
        return _is(node, _TEXT)
    if isinstance(node, exp.Cast):
        return _is(node.this, _TEXT) and _from_columns(node.this)
    if isinstance(node, exp.Case):
        values = [branch.args["true"] for branch in node.args["ifs"]]
        return any(_from_columns(value) for value in [*values, *filter(None, [node.args.get("default")])])
    return any(_from_columns(part) for part in node.iter_expressions())


def _cuts_fractions(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Cast) or _to(node) not in _WHOLE or isinstance(node.this, exp.Literal):
        return False
    whole_number = _is(node.this, _DECIMAL) and len(sizes := node.this.type.expressions) == 2 and sizes[1].name == "0"
    return _is(node.this, {*_DECIMAL, *_DOUBLE}) and not whole_number and not isinstance(node.this, _EXACT)


def _prints_doubles(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and _to(node) in _TEXT and _is(node.this, _DOUBLE)


def _to(node: exp.Expr) -> exp.DType | None:
    to = node.args.get("to")
    return to.this if isinstance(to, exp.DataType) else None


def _folds_case(node: exp.Expr) -> bool:
    return isinstance(node, exp.Lower | exp.Upper | exp.Initcap)


def _is_javas(node: exp.Expr) -> bool:
    patterns = (exp.RegexpLike, exp.RegexpILike, exp.RegexpReplace, exp.RegexpExtract, exp.RegexpSplit)
    pattern = node.expression if isinstance(node, patterns) else None
    return isinstance(pattern, exp.Literal) and bool(_ONLY_JAVA.search(pattern.name))


def _asks_the_clock(node: exp.Expr) -> bool:
    return isinstance(node, _CLOCKS) or _called(node) in _CLOCK_NAMES


def _is_chance(node: exp.Expr) -> bool:
    return isinstance(node, exp.TableSample) or _called(node) in _CHANCE


def _called(node: exp.Expr) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name() if isinstance(node, exp.Func) else ""
    return name.lower()


def _takes_any(node: exp.Expr) -> bool:
    ordered = isinstance(node.this, exp.Order) or isinstance(node.parent, exp.WithinGroup | exp.Window)
    return isinstance(node, _BY_ORDER) and not ordered


def _has_no_order(node: exp.Expr) -> bool:
    ranked = node.this.this if isinstance(node, exp.Window) and isinstance(node.this, exp.IgnoreNulls) else node.this
    return isinstance(node, exp.Window) and isinstance(ranked, _RANKS) and node.args.get("order") is None


def _limits_any(node: exp.Expr) -> bool:
    return isinstance(node, exp.Select) and node.args.get("limit") is not None and node.args.get("order") is None


_RULES = (
    _Rule(
        "decimal-division",
        _divides_decimals,
        "DuckDB divides decimals as doubles, Spark exactly; see money.with_average",
    ),
    _Rule(
        "decimal-average",
        _averages_decimals,
        "DuckDB averages decimals as doubles, Spark exactly; see money.with_average",
    ),
    _Rule(
        "text-cast",
        _parses_text,
        "text that does not fit stops DuckDB and is null on Spark; use F.expr('try_cast(… AS …)')",
    ),
    _Rule(
        "fraction-cast", _cuts_fractions, "DuckDB rounds to a whole number, Spark cuts; use F.round or F.floor first"
    ),
    _Rule("double-to-text", _prints_doubles, "engines print doubles differently; cast to a decimal first"),
    _Rule("letter-case", _folds_case, "engines fold letters beyond ASCII differently; see spelling.lower"),
    _Rule("regex", _is_javas, "DuckDB's RE2 does not look around, refer back or ignore case as Java does"),
    _Rule("clock", _asks_the_clock, "another run has another moment; take it from the data", both_engines=False),
    _Rule("chance", _is_chance, "another run has another value; make it of the row's key", both_engines=False),
    _Rule(
        "any-of-many",
        _takes_any,
        "the first row is not defined; use F.min, F.max or latest_by_key",
        both_engines=False,
    ),
    _Rule(
        "unordered-window",
        _has_no_order,
        "the first row is not defined; order the window by a key",
        both_engines=False,
    ),
    _Rule("unordered-limit", _limits_any, "the rows that remain are not defined; order by a key", both_engines=False),
)
