"""Lets tables and columns have reserved words as names under SQLFrame, which parses every name as SQL.

On Spark ``F.col("order")`` is the column of that name, although ``order`` is a word of SQL; SQLFrame would fail on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

_NAME = re.compile(r"[A-Za-z_]\w*")
_INTO = {None: exp.Column, exp.Column: exp.Column, exp.Identifier: exp.Identifier, exp.Table: exp.Table}


def read_as_names(names: Iterable[str]) -> None:
    """Patch sqlglot, in this process, to read a text that is one of ``names`` as the column or table of that name."""
    known = {name.lower() for name in names}
    parse_one = sqlglot.parse_one

    def parse(sql: str, read: Any = None, dialect: Any = None, into: Any = None, **options: Any) -> Any:
        parts = sql.split(".") if isinstance(sql, str) else []
        if into in _INTO and parts and parts[-1].lower() in known and all(map(_NAME.fullmatch, parts)):
            return _named(parts, _INTO[into], read or dialect)
        return parse_one(sql, read=read, dialect=dialect, into=into, **options)

    sqlglot.parse_one = parse
    import sqlframe.base.util

    vars(sqlframe.base.util)["parse_one"] = parse


def _is_reserved(name: str, dialect: Any) -> bool:
    spoken = Dialect.get_or_raise(dialect)
    tokens = spoken.tokenize(name)
    begins = spoken.parser_class.NO_PAREN_FUNCTION_PARSERS  # `if` begins an expression without a token type of its own
    return [token.token_type.name for token in tokens] != ["VAR"] or name.upper() in begins


def _named(parts: list[str], kind: type, dialect: Any) -> exp.Expr:
    identifiers = [exp.to_identifier(part, quoted=_is_reserved(part, dialect)) for part in parts]
    if kind is exp.Identifier:
        return identifiers[-1]
    places = ("this", "table", "db", "catalog") if kind is exp.Column else ("this", "db", "catalog")
    made: exp.Expr = kind(**dict(zip(places, reversed(identifiers), strict=False)))
    return made
