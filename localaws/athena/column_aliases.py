"""The names that a query gives the columns of what it reads: as many as there are columns, as in Trino.

How many there were is noted on the alias before sqlglot takes them away, and held to the columns where these are known.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.tokenizer_core import Token, TokenType

from localaws.athena.errors import QueryFailed, place

#: The key under which an alias notes how many columns it names, and where it stands in the statement.
NAMED: Final = "athena_columns"
_STEPS: Final = {TokenType.R_PAREN: 1, TokenType.L_PAREN: -1}


def spread_rows(tree: exp.Expr) -> None:
    """Have a line of VALUES that is one ROW be a line of its fields, as to Trino it is."""
    for values in tree.find_all(exp.Values):
        values.set("expressions", [_spread(each) for each in values.expressions])


def _spread(line: exp.Expr) -> exp.Expr:
    (only, *others) = line.expressions if isinstance(line, exp.Tuple) else [line]
    only = only.unnest()
    if others:
        return line
    if isinstance(only, exp.Struct | exp.Tuple):
        return exp.Tuple(expressions=only.expressions)
    if isinstance(only, exp.Cast) and only.to.this == exp.DType.STRUCT:
        places = range(1, len(only.to.expressions) + 1)
        fields = [exp.Bracket(this=only.copy(), expressions=[exp.Literal.number(place)]) for place in places]
        return exp.Tuple(expressions=fields)
    return line


def is_star(projection: exp.Expr) -> bool:
    """Return whether a projection stands for all columns."""
    return isinstance(projection, exp.Star) or (
        isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)
    )


def note_aliases(tree: exp.Expr, sql: str) -> None:
    """Note on each alias of columns how many there are, and the place that an error names."""
    aliases = [alias for alias in tree.find_all(exp.TableAlias) if alias.args.get("columns")]
    words = Trino().tokenize(sql) if aliases else []
    for alias in aliases:
        names = alias.args["columns"]
        numbered = alias.parent.args.get("offset") if isinstance(alias.parent, exp.Unnest) else None
        count = len(names) + isinstance(numbered, exp.Identifier)
        alias.meta[NAMED] = (count, _place(alias, sql, words))


def check_aliases(tree: exp.Expr) -> None:
    """Raise MISMATCHED_COLUMN_ALIASES for an alias that names more or fewer columns than a query has.

    A query whose columns are not all known yet is passed over.
    """
    for alias in tree.find_all(exp.TableAlias):
        if alias.meta.get(NAMED) and (found := _width(alias.parent)) is not None:
            check_width(alias, found)


def check_width(alias: exp.Expr, columns: int) -> None:
    """Raise MISMATCHED_COLUMN_ALIASES unless an alias that names columns names so many."""
    noted = alias.meta.get(NAMED)
    if noted is None or noted[0] == columns:
        return
    named = "relation has" if isinstance(alias.parent, exp.CTE) else f"'{alias.name.lower()}' has"
    raise QueryFailed(
        "MISMATCHED_COLUMN_ALIASES",
        f"{noted[1]}: Column alias list has {noted[0]} entries but {named} {columns} columns"
        + " available" * (not isinstance(alias.parent, exp.CTE)),
    )


def _width(relation: Any) -> int | None:
    if isinstance(relation, exp.Values):
        first = relation.expressions[0]
        return len(first.expressions) if isinstance(first, exp.Tuple) else 1
    query = relation.this if isinstance(relation, exp.Subquery | exp.CTE) else None
    while isinstance(query, exp.Subquery | exp.SetOperation):
        query = query.this
    if isinstance(query, exp.Values):
        return _width(query)
    if not isinstance(query, exp.Select) or any(each.is_star for each in query.selects):
        return None
    return len(query.selects)


def _place(alias: exp.TableAlias, sql: str, words: list[Token]) -> str:
    """Return the place of what an alias is of; of a query in WITH, that of its first column's name."""
    named = alias.args["columns"][0] if isinstance(alias.parent, exp.CTE) else alias.this
    start = named.meta.get("start") if isinstance(named, exp.Identifier) else None
    if start is None:
        return "line 1:1"
    if not isinstance(alias.parent, exp.CTE):
        start = _beginning(words[: bisect_left(words, start, key=lambda token: token.end)])
    return place(sql, start)


def _beginning(before: list[Token]) -> int:
    """Return where the table, query or call begins that these words end with; AS or WITH ORDINALITY may follow it."""
    while len(before) > 1 and before[-1].text.upper() in ("AS", "ORDINALITY", "WITH"):
        before.pop()
    depth = 0
    while before:
        token = before.pop()
        depth += _STEPS.get(token.token_type, 0)
        if depth == 0:
            break
    called = bool(before) and token.token_type == TokenType.L_PAREN and before[-1].token_type == TokenType.UNNEST
    while not called and len(before) > 1 and before[-1].token_type == TokenType.DOT:  # a table's name of several parts
        before.pop()
        token = before.pop()
    return before[-1].start if called else token.start
