"""Athena's functions by the nodes of a parsed query: what each means, and the nearest way where it has no proof."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from sluice.transforms.check_sql import aggregates, numbers, texts, times
from sluice.transforms.check_sql.both import Both, Over, proven

#: Makes a call of its arguments in the order in which Athena has them.
Meaning = Callable[..., Both]
#: Makes an aggregate of one argument.
Aggregate = Callable[[Both, Over], Both]

#: Functions whose arguments are values: of each the names of the node's arguments, and the meaning.
CALLS: dict[type[exp.Expr], tuple[tuple[str, ...], Meaning]] = {
    exp.Abs: (("this",), numbers.absolute),
    exp.Round: (("this", "decimals"), numbers.rounded),
    exp.Floor: (("this",), numbers.floored),
    exp.Ceil: (("this",), lambda given: numbers.floored(given, "ceil")),
    exp.Sign: (("this",), numbers.sign_of),
    exp.Sqrt: (("this",), numbers.root),
    exp.Coalesce: (("this", "expressions"), numbers.first_present),
    exp.Nullif: (("this", "expression"), numbers.nothing_if),
    exp.Greatest: (("this", "expressions"), lambda *given: numbers.outermost("greatest", list(given))),
    exp.Least: (("this", "expressions"), lambda *given: numbers.outermost("least", list(given))),
    exp.Lower: (("this",), lambda given: texts.called("lower", given)),
    exp.Upper: (("this",), lambda given: texts.called("upper", given)),
    exp.Length: (("this",), texts.length),
    exp.Substring: (("this", "start", "length"), texts.part),
    exp.Replace: (("this", "expression", "replacement"), texts.replaced),
    exp.Concat: (("expressions",), texts.joined),
    exp.ConcatWs: (("expressions",), texts.joined_by),
    exp.DPipe: (("this", "expression"), texts.joined),
    exp.StrPosition: (("this", "substr"), texts.position),
    exp.StartsWith: (("this", "expression"), lambda *given: texts.called("startswith", *given)),
    exp.SplitPart: (("this", "delimiter", "part_index"), texts.part_between),
    exp.Reverse: (("this",), texts.reversed_text),
    exp.RegexpLike: (("this", "expression"), texts.matches),
    exp.Date: (("this",), times.day_of),
    exp.CurrentDate: ((), lambda: times.day_of(times.NOW)),
    exp.CurrentTimestamp: ((), lambda: times.NOW),
    exp.Mul: (("this", "expression"), lambda one, other: numbers.calculated("*", one, other)),
    exp.Div: (("this", "expression"), numbers.divided),
    exp.Mod: (("this", "expression"), numbers.rest),
    exp.Neg: (("this",), numbers.negated),
    exp.And: (("this", "expression"), lambda one, other: proven("and", one, other)),
    exp.Or: (("this", "expression"), lambda one, other: proven("or", one, other)),
    exp.Not: (("this",), lambda given: proven("not", given)),
    exp.EQ: (("this", "expression"), lambda one, other: numbers.compared("==", one, other)),
    exp.NEQ: (("this", "expression"), lambda one, other: numbers.compared("!=", one, other)),
    exp.LT: (("this", "expression"), lambda one, other: numbers.compared("<", one, other)),
    exp.LTE: (("this", "expression"), lambda one, other: numbers.compared("<=", one, other)),
    exp.GT: (("this", "expression"), lambda one, other: numbers.compared(">", one, other)),
    exp.GTE: (("this", "expression"), lambda one, other: numbers.compared(">=", one, other)),
    exp.NullSafeEQ: (("this", "expression"), lambda one, other: numbers.compared("<=>", one, other)),
    exp.NullSafeNEQ: (("this", "expression"), lambda *given: proven("not", numbers.compared("<=>", *given))),
    exp.Between: (("this", "low", "high"), lambda *given: proven("between", *numbers.alike(*given))),
    exp.Year: (("this",), lambda given: times.unit_of("year", given)),
    exp.Quarter: (("this",), lambda given: times.unit_of("quarter", given)),
    exp.Month: (("this",), lambda given: times.unit_of("month", given)),
    exp.Day: (("this",), lambda given: times.unit_of("day", given)),
    exp.DayOfMonth: (("this",), lambda given: times.unit_of("day", given)),
    exp.Hour: (("this",), lambda given: times.unit_of("hour", given)),
    exp.Minute: (("this",), lambda given: times.unit_of("minute", given)),
    exp.Second: (("this",), lambda given: times.unit_of("second", given)),
}
AGGREGATES: dict[type[exp.Expr], Aggregate] = {
    exp.Count: aggregates.counted,
    exp.CountIf: aggregates.plain("count_if"),
    exp.Sum: aggregates.summed,
    exp.Avg: aggregates.averaged,
    exp.Min: aggregates.extreme("min"),
    exp.Max: aggregates.extreme("max"),
    exp.LogicalAnd: aggregates.plain("bool_and"),
    exp.LogicalOr: aggregates.plain("bool_or"),
    exp.ApproxDistinct: aggregates.counted_apart,
}
#: Functions over windows of one value.
VALUES: dict[type[exp.Expr], str] = {exp.FirstValue: "first", exp.LastValue: "last"}
RANKS: dict[type[exp.Expr], str] = {exp.RowNumber: "row_number", exp.Rank: "rank", exp.DenseRank: "dense_rank"}
BESIDE: dict[type[exp.Expr], str] = {exp.Lag: "lag", exp.Lead: "lead"}

_LAST_BIT = "its doubles differ in the last bits between the engines"
_POWERS = f"{_LAST_BIT}; compare sums of whole numbers or decimals, and their squares"
#: Functions of Athena that no proof exists for, with the reason and the nearest way.
REFUSED: dict[type[exp.Expr], str] = {
    exp.Exp: f"{_LAST_BIT}; compare what it is computed of",
    exp.Ln: f"{_LAST_BIT}; compare what it is computed of",
    exp.Pow: f"{_LAST_BIT}; multiply",
    exp.Corr: _POWERS,
    exp.Stddev: _POWERS,
    exp.StddevPop: _POWERS,
    exp.StddevSamp: _POWERS,
    exp.Variance: _POWERS,
    exp.VariancePop: _POWERS,
    exp.ArgMax: "of rows that are equal the engines take another; take max() of the rows whose value is max()",
    exp.ArgMin: "of rows that are equal the engines take another; take min() of the rows whose value is min()",
}
