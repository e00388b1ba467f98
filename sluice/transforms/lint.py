"""Lints compiled transforms for expressions whose result differs between two runs.

Where the engines differ, ``functions.lowered`` finds it, and ``ties`` windows and limits whose order leaves ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from sqlglot import exp

_CHANCE = {"rand", "randn", "random", "uuid", "shuffle", "monotonically_increasing_id", "input_file_name"}
_CLOCKS = (
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.Localtime,
    exp.Localtimestamp,
)
_CLOCK_NAMES = {
    "now",
    "current_date",
    "current_timestamp",
    "localtimestamp",
    "curdate",
    "get_current_timestamp",
    "transaction_timestamp",
    "unix_timestamp",
}
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
#: The same, where calls are recorded by name; what sorts or counts the values that a group has takes away the order.
_BY_ORDER_NAMES = {"first", "last", "any_value", "collect_list", "collect_set", "max_by", "min_by", "mode"}
_RANK_NAMES = {"row_number", "lag", "lead", "ntile", "first", "last", "nth_value"}
_UNORDERED = {"sort_array", "array_sort", "size", "array_max", "array_min", "array_contains"}
_LONGEST = 90


class Finding(NamedTuple):
    """A finding of the lint: the ``rule``, the expression, and why it is a problem with what to do instead."""

    rule: str
    expression: str
    why: str
    #: The name by which it is accepted, and nothing else; empty where it cannot be.
    accept: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.expression}: {self.why}"


class _Rule(NamedTuple):
    name: str
    broken: Callable[[exp.Expr], bool]
    why: str


def lint(tree: exp.Expr) -> list[Finding]:
    """Return the findings in a transform's query, each once: of recorded calls, or of DuckDB's SQL."""
    found = {}
    for node in tree.walk():
        for rule in _RULES:
            if rule.broken(node):
                found[rule.name, _short(node)] = Finding(rule.name, _short(node), rule.why, rule.name)
    return list(found.values())


def accepted(findings: Iterable[Finding], accept: Mapping[str, str]) -> Iterator[str]:
    """Yield a message for each finding that ``accept`` does not name, and for each name without a finding."""
    seen, by_rule = set(), {}
    for finding in findings:
        seen.add(finding.accept)
        by_rule[finding.rule] = finding.accept
        if not finding.accept or finding.accept not in accept:
            yield str(finding)
    for name in sorted(accept.keys() - seen):
        meant = f"; what is found of it is accepted as {by_rule[name]!r} alone" if by_rule.get(name) else ""
        yield f"accept names {name!r}, but nothing here is accepted by that name{meant}"


def _short(node: exp.Expr) -> str:
    plain = node.transform(lambda part: exp.column(part.name) if isinstance(part, exp.Column) else part)
    text = plain.sql(dialect="spark")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _asks_the_clock(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous) and node.expressions:  # unix_timestamp of a moment
        return False
    return isinstance(node, _CLOCKS) or _called(node) in _CLOCK_NAMES


def _is_chance(node: exp.Expr) -> bool:
    return isinstance(node, exp.TableSample) or _called(node) in _CHANCE


def _called(node: exp.Expr) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name() if isinstance(node, exp.Func) else ""
    return name.lower()


def _takes_any(node: exp.Expr) -> bool:
    if isinstance(node.parent, exp.WithinGroup | exp.Window) or _called_above(node) in _UNORDERED:
        return False
    ordered = isinstance(node.this, exp.Order)
    return (isinstance(node, _BY_ORDER) and not ordered) or _is_named(node, _BY_ORDER_NAMES)


def _called_above(node: exp.Expr) -> str:
    above = node.parent
    while isinstance(above, exp.Alias | exp.Paren):
        above = above.parent
    return _called(above) if above is not None else ""


def _is_named(node: exp.Expr | None, names: set[str]) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in names


def _has_no_order(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Window):
        return False
    ranked = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.Alias) else node.this
    if not isinstance(ranked, _RANKS) and not _is_named(ranked, _RANK_NAMES):
        return False
    order = node.args.get("order")
    parts = [part.sql() for part in node.args.get("partition_by") or []]
    # An order by what the window is divided by, as dropDuplicates has, orders nothing.
    ordered = [each.this if isinstance(each, exp.Ordered) else each for each in order.expressions] if order else []
    return all(each.unalias().sql() in parts for each in ordered)


def _limits_any(node: exp.Expr) -> bool:
    return isinstance(node, exp.Select) and node.args.get("limit") is not None and node.args.get("order") is None


_RULES = (
    _Rule("clock", _asks_the_clock, "another run has another moment; take it from the data"),
    _Rule("chance", _is_chance, "another run has another value; make it of the row's key"),
    _Rule(
        "any-of-many",
        _takes_any,
        "the first row is not defined; use F.min, F.max or latest_by_key",
    ),
    _Rule(
        "unordered-window",
        _has_no_order,
        "the first row is not defined; order the window by a key",
    ),
    _Rule("unordered-limit", _limits_any, "the rows that remain are not defined; order by a key"),
)
