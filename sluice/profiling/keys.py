"""Chooses which columns may be a dataset's key: those with a value in every record, and none twice."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sluice.profiling.studies import Studied

_NAMED = re.compile(r"(?:^|_)(?:id|uuid|guid|key|code|number|no|nr|sku|isbn|iban|email|email_address)$")
_MAY_BE = ("string", "int", "bigint", "date", "timestamp")
#: In so many records not even one value twice is no chance.
_ENOUGH = 20
#: Letters of a text that is still a name and not a sentence.
_LONGEST = 100


def unique_columns(columns: Sequence[Studied]) -> list[Studied]:
    """Return the columns whose values are all there and all different, and of a type that can be a key."""
    return [c for c in columns if c.measures.unique and c.guess is not None and _can_be(c)]


def proposed_key(columns: Sequence[Studied]) -> Studied | None:
    """Return the column to propose as the key, None when nothing speaks for one.

    What is unique by chance is not proposed: a column must be named as keys are, or be the first.
    """
    unique = unique_columns(columns)
    named = [column for column in unique if _NAMED.search(column.name)]
    if named:
        return named[0]
    first = columns[0] if columns else None
    return first if first in unique and first is not None and first.measures.rows >= _ENOUGH else None


def _can_be(column: Studied) -> bool:
    kind = column.column.type
    if column.column.format == "json" or not (kind.name in _MAY_BE or (kind.name == "decimal" and not kind.scale)):
        return False
    return (column.measures.longest or 0) <= _LONGEST
