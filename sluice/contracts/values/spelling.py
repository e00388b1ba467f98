"""Converts numbers, booleans and blanks from the spelling that a contract declares to the default spelling.

Only the declared spelling is read: with a decimal comma, ``1.5`` is not a number.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Spelling

_BLANKS = " \t"


def as_declared(values: pa.Array, spelling: Spelling) -> tuple[pa.Array, pa.Array | None]:
    """Return text in the default spelling, and a mask of the values that are spelled otherwise; None if none are."""
    none = pa.scalar(None, values.type)
    if spelling.trim:
        values = pc.utf8_trim(values, _BLANKS)
        values = pc.if_else(pc.equal(values, ""), none, values)
    if spelling.true:
        true, false = (pc.is_in(values, pa.array(texts, pa.string())) for texts in (spelling.true, spelling.false))
        plain = pc.if_else(true, "true", pc.if_else(false, "false", none))
    elif spelling.decimal != "." or spelling.group:
        plain = _plain_numbers(values, spelling)
    else:
        return values, None
    wrong = pc.and_(pc.is_valid(values), pc.is_null(plain))
    return plain, wrong if pc.any(wrong).as_py() else None


def _plain_numbers(values: pa.Array, spelling: Spelling) -> pa.Array:
    """Return numbers with a decimal point and without group separators, null where they are spelled otherwise."""
    mark, group = re.escape(spelling.decimal), re.escape(spelling.group)
    whole = rf"[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+" if spelling.group else "[0-9]+"
    fits = pc.fill_null(pc.match_substring_regex(values, rf"\A[+-]?(?:{whole})(?:{mark}[0-9]+)?\z"), False)
    if not pc.all(fits).as_py():
        values = pc.if_else(fits, values, pa.scalar(None, values.type))
    if spelling.group:
        values = pc.replace_substring(values, spelling.group, "")
    return pc.replace_substring(values, spelling.decimal, ".") if spelling.decimal != "." else values
