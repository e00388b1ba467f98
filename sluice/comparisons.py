"""The comparison operators of the Open Data Contract Standard in SQL. Imports the standard library only."""

from __future__ import annotations

#: SQL operator by ODCS operator; ``mustBeBetween`` and ``mustNotBeBetween`` have none.
COMPARISONS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}
