"""The operators that the Open Data Contract Standard compares with, in SQL. Needs nothing but Python."""

from __future__ import annotations

#: All but those of intervals.
COMPARISONS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}
