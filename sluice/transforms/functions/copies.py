"""Copies less where SQLFrame makes a transform's tree: what the steps before made, its CTEs, is shared by all copies.

Each method of a DataFrame copies the whole tree several times, so that what a transform costs to compile grew with the
square of its steps. A step adds a CTE, and changes an earlier one only where two DataFrames have CTEs of one name. So
while steps are made copies hold the same CTEs, each of which has one of the trees as its ``parent``. What changes any
part of its copy, as SQLGlot's generator does, gets a whole one. Nor is the text of all CTEs generated with each
step, only to name it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlglot import exp
from sqlglot.generator import Generator

_state = {"sharing": False, "patched": False}


@contextmanager
def sharing(on: bool = True) -> Iterator[None]:
    """Let copies of trees share their CTEs in this block, or not."""
    before, _state["sharing"] = _state["sharing"], on
    try:
        yield
    finally:
        _state["sharing"] = before


def copy_less() -> None:
    """Patch SQLGlot and SQLFrame in this process, once, so that copies can share."""
    from sqlframe.base.dataframe import BaseDataFrame

    if _state["patched"]:
        return
    _state["patched"] = True
    tree: Any = exp.Expression
    frame: Any = BaseDataFrame
    generator: Any = Generator
    tree.__deepcopy__ = _around(tree.__deepcopy__, _copied)
    tree.transform = _around(tree.transform, _wholly)
    generator.generate = _around(generator.generate, _wholly)
    frame._get_expressions = _around(frame._get_expressions, _wholly)
    frame._add_ctes_to_expression = _around(frame._add_ctes_to_expression, _with_ctes)
    frame._create_hash_from_expression = _around(frame._create_hash_from_expression, _hashed)


def _around(present: Callable[..., Any], by: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method ``by``, which is given the present one before its arguments."""

    @functools.wraps(present)
    def method(*arguments: Any, **named: Any) -> Any:
        return by(present, *arguments, **named)

    return method


def _copied(plain: Callable[..., Any], tree: exp.Expression, memo: Any) -> Any:
    """Return a copy of a tree, which has the same CTEs while copies share them."""
    made_before = tree.args.get("with_") if _state["sharing"] else None
    if made_before is None:
        return plain(tree, memo)
    ctes, made_before.args["expressions"] = made_before.expressions, []
    try:
        copied = plain(tree, memo)
    finally:
        made_before.args["expressions"] = ctes
    copied.args["with_"].args["expressions"] = [*ctes]
    return copied


def _wholly(plain: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a method that changes its copy in any part of it."""
    with sharing(on=False):
        return plain(*arguments, **named)


def _hashed(plain: Callable[..., Any], frame: Any, tree: exp.Expression) -> Any:
    """Return the name that a tree has as a CTE: while steps are made the hash of its own text, without its CTEs.

    The text names those that it reads, by hashes of theirs, so that it says the same as with them, whose texts would be
    generated anew with each step. Names of the result are hashes of whole texts, as ever.
    """
    made_before = tree.args.get("with_") if _state["sharing"] else None
    if made_before is None:
        return plain(frame, tree)
    tree.args["with_"] = None
    try:
        return plain(frame, tree)
    finally:
        tree.args["with_"] = made_before


def _with_ctes(plain: Callable[..., Any], frame: Any, tree: exp.Select, ctes: list[exp.CTE]) -> Any:
    """Return the tree with more CTEs; those whose name it has are renamed where they differ, and so are copied first.

    The caller's list has the copies, in which SQLFrame looks the new names up: also the last one's, where it is renamed
    since an earlier one is. SQLFrame keeps that one's old name, by which a join compared the left side with itself.
    """
    present = {cte.alias_or_name: cte for cte in tree.ctes}
    ctes[:] = [cte if present.get(cte.alias_or_name, cte) is cte else cte.copy() for cte in ctes]
    made = plain(frame, tree, ctes)
    if ctes and _origin(ctes[-1]) not in {_origin(cte) for cte in made.ctes}:
        ctes[-1] = made.ctes[-1]
    return made


def _origin(cte: exp.CTE) -> tuple[str, Any]:
    return cte.alias_or_name, cte.args.get("sequence_id")
