"""Keeps a query for DuckDB as large as it was written: what a macro writes several times is computed once.

A macro is its text with its arguments in it. One that names an argument three times, within itself six times, would
be written 3**6 times, and bound as often. https://duckdb.org/docs/stable/sql/statements/create_macro
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sqlglot import exp

from localaws.athena.fresh import MARK
from localaws.athena.macros import MACROS
from localaws.athena.unnest import call

_MACRO: Final = re.compile(r"CREATE MACRO (\w+)\(([^)]*)\)\s+AS\s+(.*)", re.DOTALL)
_CALLED: Final = re.compile(r"\b(athena_\w+)\(")
_TEXT: Final = re.compile(r"'(?:[^']|'')*'")


def _places(named: Callable[[str, str], bool]) -> dict[str, list[int]]:
    """Return by a macro's name the places of the arguments of which ``named(argument, text)`` holds.

    What a macro hands to another one of them may be any of its arguments.
    """
    found: dict[str, list[int]] = {}
    for macro in MACROS:
        name, parameters, body = _MACRO.fullmatch(macro).groups()  # type: ignore[union-attr]
        plain = _TEXT.sub("''", body)
        names = [each.strip() for each in parameters.split(",") if each.strip()]
        handed = any(found.get(other) for other in _CALLED.findall(plain))
        found[name] = [place for place, each in enumerate(names) if handed or named(rf"\b{each}\b", plain)]
    return {name: places for name, places in found.items() if places}


#: Macros that name an argument several times.
SEVERAL: Final = _places(lambda argument, text: len(re.findall(argument, text)) > 1)
#: Macros that name an argument in a lambda, where DuckDB takes no query.
WITHIN: Final = _places(lambda argument, text: bool(re.search(argument, text.partition("lambda ")[2])))


def bounded(tree: exp.Expr) -> exp.Expr:
    """Return a query for DuckDB in which no argument that would be written several times holds another such call.

    No query is in a lambda then, neither in one of a macro nor in those that are made here.
    """
    holder = exp.Paren(this=tree)
    depth: dict[int, int] = {}  # by a node that holds such a call: how many are one within the other in it
    asking: set[int] = set()  # the nodes that are or hold a query
    for node in reversed(list(tree.walk())):
        children = list(node.iter_expressions())
        inner = max((depth.get(id(child), 0) for child in children), default=0)
        if isinstance(node, exp.Query) or any(id(child) in asking for child in children):
            asking.add(id(node))
        repeated, within = _repeated(node), _within(node)
        if repeated or within:
            heavy = [argument for argument in repeated if id(argument) in depth]
            if heavy or any(id(argument) in asking for argument in within):
                queries = [each for each in children if id(each) in asking]
                made = _computed_once(node, list({id(each): each for each in [*heavy, *queries]}.values()), inner + 1)
                depth[id(made)] = inner + 1
                asking |= {id(made)} if queries else set()
        if repeated or inner:
            depth[id(node)] = inner + bool(repeated)
    found: exp.Expr = holder.this
    return found


def _repeated(node: exp.Expr) -> list[exp.Expr]:
    """Return the arguments of a call that DuckDB has to bind several times."""
    if isinstance(node, exp.Anonymous):
        return [node.expressions[place] for place in SEVERAL.get(node.name, []) if place < len(node.expressions)]
    if isinstance(node, exp.Greatest | exp.Least):
        return [node.this, *node.expressions]
    return [node.this] if isinstance(node, exp.Nullif) else []


def _within(node: exp.Expr) -> list[exp.Expr]:
    """Return the arguments of a call that its macro has in a lambda."""
    places = WITHIN.get(node.name, []) if isinstance(node, exp.Anonymous) else []
    return [node.expressions[place] for place in places if place < len(node.expressions)]


def _computed_once(node: exp.Expr, heavy: list[exp.Expr], level: int) -> exp.Expr:
    """Put a call in a lambda to which these arguments are given; return what stands in its place.

    The lambda's parameter has the same name for the same call, as GROUP BY compares them.
    """
    name = exp.to_identifier(f"{MARK}once{level}", quoted=True)
    for place, argument in enumerate(heavy, 1):
        argument.replace(call("struct_extract", name.copy(), exp.Literal.number(place)))
    function = exp.Lambda(this=exp.null(), expressions=[name])
    row = call("list_value", call("row", *heavy))
    made = call("list_extract", call("list_transform", row, function), exp.Literal.number(1))
    node.replace(made)
    function.set("this", node)
    return made
