"""Replaces the question marks of a query by its parameters."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from localaws.athena.errors import QueryFailed
from localaws.athena.parser import parse_statements

#: Behind these stands how many rows there are to be.
_COUNTED: Final = frozenset({"LIMIT", "OFFSET", "FIRST", "NEXT"})


def with_parameters(sql: str, parameters: list[str]) -> str:
    """Return ``sql`` with each ``?`` replaced by its parameter: an SQL literal, or a text without its quotes.

    https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
    """
    try:
        tokens = sqlglot.tokenize(sql, read="trino")
    except sqlglot.errors.SqlglotError as error:
        raise QueryFailed("SYNTAX_ERROR", f"line 1:1: {error}") from None
    marks = [token for token in tokens if token.token_type == TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE",
            f"line 1:1: Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}",
        )
    behind = {token.start: before.text.upper() for before, token in pairwise(tokens)}
    result, end = [], 0
    for mark, parameter in zip(marks, parameters, strict=True):
        # A count of rows is a number, and no other expression.
        counts = behind.get(mark.start) in _COUNTED and re.fullmatch(r"\d+", parameter.strip())
        result.append(sql[end : mark.start] + (parameter.strip() if counts else f"({_bound(parameter)}\n)"))
        end = mark.end + 1
    return "".join(result) + sql[end:]


def _bound(parameter: str) -> str:
    """Return the SQL of a parameter: itself, or where it names a column the text that it is.

    Raise ``QueryFailed`` for one that is more than one expression: it would change the statement around it.
    """
    try:
        found = parse_statements(f"SELECT ({parameter}\n)")  # the new line ends a comment
        alone = len(found) == 1 and isinstance(found[0], exp.Select) and len(found[0].expressions) == 1
        # A clause behind it would be one of the statement around it.
        alone = alone and {name for name, value in found[0].args.items() if value} == {"expressions"}
        if not alone or not isinstance(found[0].expressions[0], exp.Paren):
            raise sqlglot.errors.ParseError("more than one expression")
    except sqlglot.errors.SqlglotError:
        raise QueryFailed("INVALID_PARAMETER_USAGE", f"line 1:1: {parameter!r} is not an SQL literal") from None
    return exp.Literal.string(parameter).sql() if found[0].find(exp.Column) is not None else parameter
