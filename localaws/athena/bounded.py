"""Keeps a query for DuckDB as large as it was written: what a macro writes several times is computed once.

A macro is its text with its arguments in it. One that names an argument three times, within itself six times, would
be written 3**6 times, and bound as often. https://duckdb.org/docs/stable/sql/statements/create_macro
"""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

from localaws.athena.fresh import MARK
from localaws.athena.macros import MACROS
from localaws.athena.unnest import call

_MACRO: Final = re.compile(r"CREATE MACRO (\w+)\(([^)]*)\)\s+AS\s+(.*)", re.DOTALL)
_TEXT: Final = re.compile(r"'(?:[^']|'')*'")


def _several() -> dict[str, list[int]]:
    """Return by a macro's name the places of the arguments that its text names more than once."""
    found = {}
    for macro in MACROS:
        name, parameters, body = _MACRO.fullmatch(macro).groups()  # type: ignore[union-attr]
        plain = _TEXT.sub("''", body)
        names = [each.strip() for each in parameters.split(",")]
        found[name] = [place for place, each in enumerate(names) if each and len(re.findall(rf"\b{each}\b", plain)) > 1]
    return {name: places for name, places in found.items() if places}


#: Macros that name an argument several times.
SEVERAL: Final = _several()


def bounded(tree: exp.Expr) -> exp.Expr:
    """Return a query for DuckDB in which no argument that would be written several times holds another such call."""
    holder = exp.Paren(this=tree)
    depth: dict[int, int] = {}  # by a node that holds such a call: how many are one within the other in it
    for node in reversed(list(tree.walk())):
        inner = max((depth.get(id(child), 0) for child in node.iter_expressions()), default=0)
        repeated = _repeated(node)
        if not repeated:
            if inner:
                depth[id(node)] = inner
            continue
        heavy = [argument for argument in repeated if id(argument) in depth]
        depth[id(node)] = inner + 1
        if heavy:
            depth[id(_computed_once(node, heavy, inner + 1))] = inner + 1
    found: exp.Expr = holder.this
    return found


def _repeated(node: exp.Expr) -> list[exp.Expr]:
    """Return the arguments of a call that DuckDB has to bind several times."""
    if isinstance(node, exp.Anonymous):
        return [node.expressions[place] for place in SEVERAL.get(node.name, []) if place < len(node.expressions)]
    if isinstance(node, exp.Greatest | exp.Least):
        return [node.this, *node.expressions]
    return [node.this] if isinstance(node, exp.Nullif) else []


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
