"""Writes the table of verdicts and its page: ``python -m tests.sluice.transforms.proving [ROWS] [SEED]``."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from sluice.refresh.spark.alike import SETTINGS
from sluice.transforms.functions.recorded import ALIASES
from sluice.transforms.functions.signatures import Signature
from sluice.transforms.functions.tables import PROVEN, every_signature
from tests.folders import ROOT
from tests.local_spark import LOCAL, QUICK
from tests.sluice.transforms.differential import Both, calls_of, compared, values
from tests.sluice.transforms.shapes import SHAPES, outcomes, told_lines

PAGE = ROOT / "docs" / "reference" / "functions.md"
#: What most transforms are made of, first on the page.
COMMON = (
    "==", "!=", "<", "and", "not", "+", "-", "*", "/", "%", "when", "coalesce", "isin", "between", "is_null", "cast",
    "try_cast", "greatest", "least", "nullif", "lower", "upper", "trim", "length", "substring", "concat", "concat_ws",
    "lpad", "split", "regexp_replace", "regexp_extract", "rlike", "like", "contains", "startswith", "translate",
    "round", "floor", "abs", "year", "month", "date_add", "datediff", "date_format", "date_trunc", "to_date",
    "add_months", "explode", "size", "array_contains", "collect_list", "count", "sum", "avg", "max", "row_number",
    "lag", "md5", "hash", "get_json_object",
)  # fmt: skip
_WRITTEN = {"spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
            "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}  # fmt: skip
#: Rows of whole queries: joins multiply them.
FEW = 120
_DIFFER = "the engines differ"


@contextmanager
def both_engines(rows: int, seed: int, made: Callable[[int, int], pa.Table] = values) -> Iterator[Both]:
    """Yield both engines on so many generated rows, which ``made`` makes of a seed and their number."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]")
    for name, setting in (SETTINGS | LOCAL | QUICK | _WRITTEN).items():
        builder = builder.config(name, setting)
    spark: Any = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Both(spark, Path(folder), made(seed, rows))
    finally:
        spark.stop()


def reason(each: Signature, found: Mapping[str, str]) -> str:
    """Return why a signature is refused; an empty text for one on which the engines agree."""
    if each.why:
        return each.why
    if not each.calls or each.key not in found:
        return "it was never tried on both engines"
    return _DIFFER if found[each.key] else ""


def table(found: Mapping[str, str], queries: Mapping[str, tuple[str, str]]) -> str:
    """Return the table of verdicts as it is written; a query that is not refused must be alike."""
    rows = []
    for each in every_signature():
        why = reason(each, found)
        rows.append({"signature": each.key} | ({"refused": why} if why else {}))
    for name, (why, differs) in queries.items():
        rows.append({"query": name} | ({"refused": why} if why else {}) | ({"WRONG": differs} if differs else {}))
    return "[\n" + ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def page(verdicts: Mapping[str, str], queries: Mapping[str, str]) -> str:
    """Return the page that tells the verdicts, by function and by query."""
    by_name: dict[str, list[Signature]] = {}
    for each in every_signature():
        by_name.setdefault(each.name, []).append(each)
    proven = [name for name, found in by_name.items() if any(not verdicts[each.key] for each in found)]
    count = sum(not why for why in verdicts.values())
    named = {*proven} | {other for name in proven for other in other_names(by_name[name])}
    lines = [
        "# Functions, and on which types both engines are proven to agree",
        "",
        "Written by `python -m tests.sluice.transforms.proving` from `sluice/transforms/proven.json`; see",
        "[the decision](../decisions/0021-functions-are-proven.md). `sluice check` refuses a call that is not proven here.",
        "",
        f"Tried are {len(verdicts)} signatures of {len(by_name)} functions and operators; proven are {count} of "
        f"{len(proven)}, refused {len(verdicts) - count}.",
        f"{len(queries)} whole queries are tried, too: {sum(not why for why in queries.values())} are alike, the others refused.",
        f"With the other names that PySpark has for them, each tried by its name, {len(named)} names are proven.",
        "`T…` may come any number of times, `→int` is what a cast makes.",
        "",
        "## The most common",
        "",
        "| Function | Proven on | Refused on |",
        "|---|---|---|",
        *(_row(name, by_name[name], verdicts) for name in COMMON if name in by_name),
        "",
        "## All others",
        "",
        "| Function | Proven on | Refused on |",
        "|---|---|---|",
        *(_row(name, found, verdicts) for name, found in sorted(by_name.items()) if name not in COMMON),
        "",
        *told_lines(queries),
    ]
    return "\n".join(lines)


def other_names(found: list[Signature]) -> set[str]:
    """Return the other names of a function under which its calls are tried."""
    texts = " ".join(call for each in found for call, _ in calls_of(each))
    return {other for other, of in ALIASES.items() if of == found[0].name and f"F.{other}(" in texts}


def _row(name: str, found: list[Signature], verdicts: Mapping[str, str]) -> str:
    proven = [_types(each) for each in found if not verdicts[each.key]]
    refused: dict[str, list[str]] = {}
    for each in found:
        if why := verdicts[each.key]:
            refused.setdefault(why + (f"; {each.instead}" if each.instead else ""), []).append(_types(each))
    told = "; ".join(f"{', '.join(types)}: {why}" for why, types in refused.items())
    names = ", ".join(f"`{each}`" for each in (name, *sorted(other_names(found))))
    cells = (names, "; ".join(proven) or "—", told or "—")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _types(each: Signature) -> str:
    return ", ".join(each.arguments) or "(nothing)"


def main() -> None:
    rows, seed = (int(part) for part in [*sys.argv[1:], "2000", "1"][:2])
    with both_engines(rows, seed) as both:
        found = compared(both, every_signature())
        told = {each.key: reason(each, found) for each in every_signature()}
        both.give(values(seed, FEW))
        queries = outcomes(both, SHAPES, told)
    PROVEN.write_text(table(found, queries))
    PAGE.write_text(page(*written()))
    for key, difference in [*found.items(), *((name, differs) for name, (_, differs) in queries.items())]:
        if difference:
            sys.stdout.write(f"{key}: {difference}\n")


def written() -> tuple[dict[str, str], dict[str, str]]:
    """Return the table's verdicts: by signature, and by query."""
    rows = json.loads(PROVEN.read_text())
    return (
        {each["signature"]: each.get("refused", "") for each in rows if "signature" in each},
        {each["query"]: each.get("refused", "") for each in rows if "query" in each},
    )


if __name__ == "__main__":
    main()
