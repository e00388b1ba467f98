"""What nodes of a tree stand for, and what is said of a call that is not proven."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlglot import exp

from sluice.transforms.functions.signatures import Argument, Signature

#: Nodes that SQLFrame makes itself, by the function that they are.
NODES: dict[type[exp.Expr], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.IntDiv: "div", exp.EQ: "==",
    exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.NullSafeEQ: "<=>", exp.And: "and",
    exp.Or: "or", exp.Not: "not", exp.Neg: "negate", exp.Like: "like", exp.ILike: "ilike", exp.RegexpLike: "rlike",
    exp.Pow: "pow", exp.DPipe: "concat", exp.Count: "count", exp.RowNumber: "row_number", exp.Coalesce: "coalesce",
    exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max", exp.Array: "array", exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|", exp.BitwiseXor: "^", exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
}  # fmt: skip
#: The aggregate of ``sluice.transforms.changes.latest_sent``, under a name that no text of a transform can call.
LATEST_SENT = "#latest_sent"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d{1,6})?)?")


class Unproven(NamedTuple):
    """A call that may differ between the engines: the rule to accept it by, its text, and why with what to do."""

    rule: str
    expression: str
    why: str
    #: The name by which its difference is accepted, where there is SQL for it; its place in the query is empty without.
    accept: str = ""


def is_moment(given: Argument, target: str) -> bool:
    """Return whether a literal text is a day or moment in the one form that both engines read alike."""
    if not given.literal or given.type != "string" or target not in ("→date", "→timestamp_ntz"):
        return False
    text = str(given.value)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return bool(_MOMENT.fullmatch(text)) and (target == "→timestamp_ntz" or len(text) == 10)


def untried(name: str, types: list[str], known: list[Signature], told: Mapping[str, str]) -> str:
    """Return why a call of no signature is refused, with the signatures of its function that are proven."""
    proven = [each for each in known if told.get(each.key) == ""]
    on = f"on ({', '.join(types)}) it was never tried on both engines"
    if proven:
        return f"{on}; proven are {', '.join(each.key for each in proven[:6])}"
    if known:
        return f"{on}; {known[0].instead or known[0].why}"
    return f"{name} was never tried on both engines"


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of PySpark's function ``name``."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def flat(values: list[Any]) -> list[Any]:
    """Return the values, each list's or tuple's in its place; ``TypeError`` for a set."""
    if any(isinstance(value, set | frozenset) for value in values):
        raise TypeError("a set has another order in each run; write a list")
    return [one for value in values for one in (value if isinstance(value, list | tuple) else [value])]
