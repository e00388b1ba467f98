"""Writes ``docs/reference/checks.md``: ``python -m tests.sluice.transforms.check_page``. What it says is what compiles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from sluice.transforms.check_sql.meanings import REFUSED
from sluice.transforms.functions.signatures import Refused
from sluice.transforms.queries import FUNCTION_NAMES, RefusedQuery
from tests.folders import ROOT
from tests.sluice.transforms.check_calls import calls
from tests.sluice.transforms.checking import compiled

PAGE = ROOT / "docs" / "reference" / "checks.md"
_HEAD = """# What a check's query may say

Written by `python -m tests.sluice.transforms.check_page`; a test holds it to the code.

A check of a contract (`quality`, `type: sql`) is one SELECT of one value in Athena's SQL, of `{table}` (the table as it will be),
`{previous}` (as it is now) and tables of other contracts. It runs on DuckDB or on Spark, whichever makes the table, and
must find the same on both. So each call is taken by the types of its arguments, and composed of calls that are
[proven alike](functions.md); what is not is refused by `sluice check`, with its types and the nearest way.
See [the decision](../decisions/0021-functions-are-proven.md). Sluice's own measures (`rowCount`, `nullValues`,
`duplicateValues`, `rowCountChange`, `freshness`) are such queries, too.

## What it means

It means what it means in Athena, but for these, where both engines agree:

- **What Athena stops at is NULL**: a division by zero, whole numbers beyond their type, a CAST of what does not fit (as TRY_CAST),
  a day or time that INTERVAL or `date_add` moves out of the years 1 to 9999 (where Athena goes on).
  The check itself fails where its value is NULL, but a NULL inside of it is counted nowhere: say `IS NULL` where it is to count.
- A quotient and an average of decimals keep more digits than in Athena; a quotient of more than 38 digits is a double.
- `upper` and `lower` fold as Java does: `upper('straße')` is `STRASSE`.
- A CAST of a text to a date, number or boolean takes what Spark takes, blanks around it and `2024-1-2`, too.
- `approx_distinct` is exact. A sum of 64 bits is NULL where it does not fit. Zero has no sign. NaN is the greatest number, and equal to itself.
- `float` is computed with as `double`. A number with a point is a double, as in Athena; `DECIMAL '1.5'` is a decimal.
- `current_timestamp` is UTC, without a zone, as the columns are.
- A query that gives more than one row is a check that fails. So is one whose value is a day or time outside of the years 1 to 9999.
- What no reader of a query looks at is refused, as flags of `regexp_like`, joins and LIMIT behind parentheses, names of columns behind
  an alias. An EXISTS that names the query outside is SELECT, FROM, JOIN and WHERE alone.
- Rows that are equal in an ORDER BY have no order on either engine: order by what is unique where LIMIT or a window takes one.

## What was tried
"""


@cache
def _verdicts() -> dict[tuple[str, str], list[tuple[str, bool]]]:
    """Return by name and types each call that was tried, and whether it compiles."""
    found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for name, kind, use, call in calls():
        try:
            compiled(call, use)
            sound = True
        except (Refused, RefusedQuery):
            sound = False
        found.setdefault((name, kind), []).append((call, sound))
    return found


def _lines() -> Iterator[str]:
    verdicts = _verdicts()
    tried = [sound for each in verdicts.values() for _, sound in each]
    yield (
        f"{len(tried):,} calls and clauses are tried on all types of columns: {sum(tried):,} are alike on both engines, "
        f"{len(tried) - sum(tried):,} are refused."
    )
    yield from ("", "| What | Alike on | In part on | Refused on |", "|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in verdicts):
        of = {kind: [sound for _, sound in each] for (other, kind), each in verdicts.items() if other == name}
        whole = [kind for kind, sound in of.items() if all(sound)]
        none = [kind for kind, sound in of.items() if not any(sound)]
        part = [f"{kind} ({sum(of[kind])} of {len(of[kind])})" for kind in of if kind not in (*whole, *none)]
        if name == "two types":  # most pairs are compared nowhere
            part, none = [kind for kind in of if any(of[kind]) and not all(of[kind])], ["all others"]
            part = [f"{one} with {other}" for one, _, other in (kind.partition(", ") for kind in part) if one < other]
        cells = (name, *("; ".join(each) or "—" for each in (whole, part, none)))
        yield f"| {' | '.join(cells)} |"
    yield from ("", "| Refused on all types | Why, and the nearest way |", "|---|---|")
    for kind, why in sorted(REFUSED.items(), key=lambda each: FUNCTION_NAMES[each[0]]):
        yield f"| `{FUNCTION_NAMES[kind]}` | {why} |"


def page() -> str:
    """Return the page as it must be."""
    return "\n".join([_HEAD, *_lines(), ""])


if __name__ == "__main__":
    PAGE.write_text(page())
