"""Numbers with a point that a statement stores as they are written: each is read in the type of its column.

Athena's page of types has a number with a point as a double, which goes into no column of type real or decimal. Yet
``INSERT INTO … VALUES (1.5)`` into a float is what PyAthena sends, and its tests run so against AWS:
https://github.com/laughingman7743/PyAthena/blob/master/tests/pyathena/sqlalchemy/test_base.py
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from sqlglot import exp

from localaws.athena.parser import decimal_literal
from localaws.athena.typing import DType


def in_type_of(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """Return a number with a point, perhaps after a minus, as a literal of a real or decimal column; others as is."""
    number = value.this if isinstance(value, exp.Neg) else value
    plain = isinstance(number, exp.Literal) and not number.is_string and "." in number.name
    if not plain or "e" in number.name.lower():
        return value
    sign = "-" if isinstance(value, exp.Neg) else ""
    text = exp.Literal.string(sign + number.name)
    if kind.this == DType.FLOAT:
        return exp.Cast(this=text, to=exp.DataType(this=DType.FLOAT))
    if kind.this == DType.DECIMAL:
        return decimal_literal(None, text, exp.DataType(this=DType.DECIMAL))
    return value


def stored_in(query: exp.Query, kinds: Sequence[exp.DataType]) -> exp.Query:
    """Return the query with the numbers of its VALUES, or of its own SELECT list, read for columns of these types."""
    tree = query.copy()
    source = tree.args.get("from_")
    values = source.this if source is not None and isinstance(source.this, exp.Values) else None
    if values is not None and isinstance(tree, exp.Select) and tree.is_star:
        for row in list(values.expressions):
            _read(row.expressions if isinstance(row, exp.Tuple) else [row], kinds)
    elif isinstance(tree, exp.Select):
        _read([each.this if isinstance(each, exp.Alias) else each for each in tree.expressions], kinds)
    return tree


def _read(values: list[exp.Expr], kinds: Sequence[exp.DataType]) -> None:
    """Read the values up to the first star, behind which a place does not say the column."""
    for value, kind in zip(takewhile(lambda each: not each.is_star, values), kinds, strict=False):
        read = in_type_of(value, kind)
        if read is not value:
            value.replace(read)
