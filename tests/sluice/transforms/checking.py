"""Runs calls of checks on both engines, as the audits do: through the same walls, in the same settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pyarrow as pa

from sluice.confined import only_query
from sluice.refresh.spark.confined import declared
from sluice.transforms.check_sql.spelled import OWN, Spelled, spelled
from sluice.transforms.functions.signatures import Refused
from sluice.transforms.functions.spark_types import spark_type
from sluice.transforms.queries import RefusedQuery, declared_query, parsed_query
from tests.sluice.transforms.check_calls import COLUMNS, as_query
from tests.sluice.transforms.differential import Both, cause, listed, plain, values

TYPES = {"row": "int", "g": "int"} | {
    f"{name}_{side}": spark_type(kind) for kind, name in COLUMNS.items() for side in "ab"
}
_TOGETHER = 25
_SELECTED = re.compile(
    r"SELECT (?P<row>.*?) AS `row`, (?P<value>.*) AS `x` FROM (?P<rest>sluice_given AS .*)", re.DOTALL
)


class Outcome(NamedTuple):
    """What became of a call: why it is refused, or how the engines differ; both empty where they are alike."""

    refused: str
    differs: str


def rows(seed: int, count: int) -> pa.Table:
    """Return generated rows with two columns of each type that a contract has."""
    made = values(seed, count)
    for side in "ab":
        doubles = made.column(f"double_{side}").to_pylist()
        floats = [None if value is None or abs(value) > 1e38 else value for value in doubles]
        texts = made.column(f"string_{side}")
        made = made.append_column(f"float_{side}", pa.array(floats, pa.float32()))
        made = made.append_column(f"binary_{side}", texts.cast(pa.binary()))
    return made.select(list(TYPES))


def compiled(call: str, use: str) -> Spelled:
    """Return a call as ``sluice check`` compiles it; ``Refused`` or ``RefusedQuery`` with the reason."""
    if use == "check":
        return declared_query(call, ()).spelled({"table": TYPES, "previous": TYPES})
    tree, _ = parsed_query(as_query(call, use), ())
    made = spelled(tree, {f"{OWN}.{name}": TYPES for name in ("sluice_audited", "sluice_previous")})
    return Spelled(*(text.replace("{sluice_audited}", "{table}") for text in made))


def outcomes(
    both: Both,
    calls: Iterable[tuple[str, str]],
    *,
    spoiled: Callable[[str], str] = str,
    together: int = _TOGETHER,
) -> dict[tuple[str, str], Outcome]:
    """Return what became of each call with its use; ``spoiled`` makes DuckDB's SQL wrong, to see that it is found.

    So many as are asked ``together`` are one query on Spark, which plans many nested ones in one for minutes.
    """
    both.frame.createOrReplaceTempView("sluice_given")
    found: dict[tuple[str, str], Outcome] = {}
    sound: dict[tuple[str, str], Spelled] = {}
    for call, use in calls:
        try:
            sound[call, use] = compiled(call, use)
        except (Refused, RefusedQuery) as refused:
            found[call, use] = Outcome(str(refused), "")
    spark: dict[tuple[str, str], Any] = {}
    for use in dict.fromkeys(use for _, use in sound):
        of = [each for each in sound if each[1] == use]
        for start in range(0, len(of), together):
            _on_spark(both, of[start : start + together], sound, spark)
    for each, made in sound.items():
        found[each] = Outcome("", _difference(both, each[1], spoiled(made.duckdb), spark[each]))
    return found


def _together(queries: list[str]) -> str:
    """Return one query of the values of all, which are of the same rows."""
    split = [_SELECTED.fullmatch(query) for query in queries]
    values = ", ".join(f"{each['value']} AS `x{place}`" for place, each in enumerate(split) if each)
    assert split[0]
    assert all(split), queries
    return f"SELECT {split[0]['row']} AS `row`, {values} FROM {split[0]['rest']}"


def _beside(queries: list[str]) -> str:
    """Return one query of the value of each."""
    if len(queries) > 1 and any(query.startswith("WITH") for query in queries):
        return ""  # a WITH stands at the top alone: the walls refuse it here, and each query runs alone
    if queries[0].startswith("WITH"):
        return queries[0].replace("SELECT try_subtract", "SELECT 1 AS `row`, try_subtract").replace("`_col_0`", "`x0`")
    parts = ", ".join(f"({query}) AS q{place} (x{place})" for place, query in enumerate(queries))
    return f"SELECT 1 AS `row`, {', '.join(f'x{place}' for place, _ in enumerate(queries))} FROM {parts}"


def _on_spark(both: Both, part: list[Any], sound: dict[Any, Spelled], found: dict[Any, Any]) -> None:
    """Compute calls in one query; where it fails, in halves, until the one that fails is alone."""
    sql = [sound[each].spark.replace("{table}", "sluice_given").replace("{previous}", "sluice_given") for each in part]
    whole = _beside(sql) if part[0][1] == "check" else _together(sql)
    try:
        frame = declared(both.spark, whole, ["sluice_given"])
        kinds = {each.name: each.dataType.simpleString() for each in frame.schema.fields}
        table = both.read(frame)
    except Exception as error:
        if len(part) == 1:
            found[part[0]] = f"Spark fails: {cause(error)}"
            return
        half = len(part) // 2
        _on_spark(both, part[:half], sound, found)
        _on_spark(both, part[half:], sound, found)
        return
    numbers = table.column("row").to_pylist()
    for place, each in enumerate(part):
        got = zip(numbers, map(plain, listed(table.column(f"x{place}"))), strict=True)
        found[each] = (kinds[f"x{place}"], sorted(got, key=repr))


def _difference(both: Both, use: str, sql: str, expected: Any) -> str:
    if isinstance(expected, str):
        return expected
    kind, wanted = expected
    query = sql.replace("{table}", "t.given").replace("{previous}", "t.given")
    try:
        only_query(both.duckdb, query, ["t.given"])
        made = both.duckdb.sql(query)
        own = spark_type(str(made.types[-1]))
        table = made.to_arrow_table()
        numbers = [1] * table.num_rows if use == "check" else table.column(0).to_pylist()
        got = sorted(zip(numbers, map(plain, listed(table.columns[-1])), strict=True), key=repr)
    except Exception as error:
        return f"DuckDB fails: {str(error)[:200]}"
    if own != kind.replace("timestamp_ntz", "timestamp").replace("timestamp", "timestamp_ntz"):
        return f"the type on Spark is {kind}, on DuckDB {own}"
    for one, other in zip(wanted, got, strict=False):
        if one != other:
            return f"row {one[0]}: Spark {str(one[1])[:80]}, DuckDB {str(other[1])[:80]} (row {other[0]})"
    return "" if len(wanted) == len(got) else f"Spark has {len(wanted)} rows, DuckDB {len(got)}"
