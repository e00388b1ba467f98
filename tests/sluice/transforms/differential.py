# ruff: noqa: RUF001 (letters that look like others are the point)
"""Every signature on both engines, over generated values: equal in value and type, or how they differ."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sluice.confined import connect
from sluice.transforms.changes import latest_sent
from sluice.transforms.functions.recorded import ALIASES
from sluice.transforms.functions.signatures import Signature
from sluice.transforms.functions.spark_types import spark_type
from sluice.transforms.functions.tables import every_signature
from tests.awkward import BIRTHS, DOUBLES, MOMENTS, TEXTS

TYPES = {
    "string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "double": pa.float64(),
    "decimal(12,2)": pa.decimal128(12, 2), "boolean": pa.bool_(), "date": pa.date32(), "timestamp_ntz": pa.timestamp("us"),
    "array<string>": pa.list_(pa.string()), "array<int>": pa.list_(pa.int32()), "array<bigint>": pa.list_(pa.int64()),
    "array<date>": pa.list_(pa.date32()), "decimal(18,6)": pa.decimal128(18, 6), "decimal(7,0)": pa.decimal128(7, 0),
}  # fmt: skip
_TEXTS = (
    *TEXTS, "ab", "aab", "abab", "aaa", "a-b", "a1", "b22", ",", "a,,b,", "aa,bb", "a\nb", "ab\n", "ab\r\n", "\u2028", "ab\u0085",
    "12", " 12 ", "+7", "-7.9", "1.", ".5", "-", "99999999999999999999", "2147483648", "-2147483648", "1e400", "0x1F",
    "12d", "NaN", "Infinity", "2024-02-30", "2024-2-3", "2024", "2024-02", "2024-02-29T10", " 2024-02-29 ", "0001-01-01",
    "+2024-01-01", "true", "T", " yes ", "No", "0", "1", "{\"a\":1}", "ǅ", "ŉ", "ΑΣ", "x" * 5_000, "%a_", "\\%", "a\\_b",
    "𝔘a", "e\u0301e", "\t7\n", "1,000", "--1", "1.5.2", "٣", "\x0b1", "\x1c2", "İı",
)  # fmt: skip
_WHOLE = (0, 1, -1, 2, 3, 7, -7, 28, 31, 100, 999, -1000)
_MORE_MOMENTS = (
    datetime(1, 1, 1), datetime(1582, 10, 4, 12), datetime(1582, 10, 15), datetime(9999, 12, 31, 23, 59, 59, 999_999),
    datetime(1883, 11, 18, 17), datetime(1893, 3, 31, 23, 30), datetime(2024, 12, 30), datetime(2021, 1, 3, 23),
    datetime(1969, 12, 31, 23, 59, 59, 1), datetime(1945, 5, 24, 1), datetime(2040, 7, 1),
)  # fmt: skip
_DAYS = (
    *BIRTHS, date(2024, 1, 31), date(2023, 2, 28), date(2024, 12, 30), date(2021, 1, 3), date(1970, 1, 1),
    date(1969, 12, 31), date(2020, 12, 31), date(2000, 1, 2), date(1900, 2, 28),
)  # fmt: skip


class Difference(NamedTuple):
    """A call whose engines differ: how it is used, and what each made of which row."""

    call: str
    use: str
    told: str


def value(kind: str, rng: random.Random) -> Any:
    """Return one value of a type: often null or an awkward one."""
    if rng.random() < 0.08:
        return None
    often = rng.random() < 0.6
    if kind == "string":
        made = rng.choice(_TEXTS) if often else "".join(rng.choices("aabc,|-. 12ßéÄİΣ𝔘\n$", k=rng.randint(0, 9)))
        return made.replace("𝔘", "") if "Σ" in made else made  # a run on DuckDB fails for both: see sluice/macros.py
    if kind in ("int", "bigint"):
        most = 2**31 - 1 if kind == "int" else 2**63 - 1
        return rng.choice((*_WHOLE, most, -most - 1, most - 1)) if often else rng.randint(-most - 1, most)
    if kind == "double":
        more = (
            1.5,
            2.5,
            -2.5,
            0.5,
            1e16,
            1e300,
            2147483648.5,
            -1e19,
            9.223372036854775e18,
            2.0**63,
            0.49999999999999994,
        )
        return rng.choice((*DOUBLES, *more)) if often else rng.uniform(-1e6, 1e6)
    if kind.startswith("decimal"):
        precision, scale = (int(part) for part in kind[8:-1].split(","))
        most = 10**precision - 1
        small = rng.choice((0, 1, -1, 5, 50, 150, 250, -50, 49, most, -most, 333, 10**scale, -3 * 10**scale))
        return Decimal(small if often else rng.randint(-most, most)).scaleb(-scale)
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "date":
        return rng.choice(_DAYS) if often else date(1, 1, 1) + timedelta(days=rng.randint(0, 3_652_058))
    if kind == "timestamp_ntz":
        more = datetime(1, 1, 1) + timedelta(
            days=rng.randint(0, 3_652_058), microseconds=rng.randint(0, 86_399_999_999)
        )
        return rng.choice((*MOMENTS, *_MORE_MOMENTS)) if often else more
    return [value(kind[6:-1], rng) for _ in range(rng.choice((0, 1, 1, 2, 3, 5)))]


def values(seed: int, count: int) -> pa.Table:
    """Return rows with two columns of each type, one to group by, and their number."""
    rng = random.Random(seed)
    columns: dict[str, pa.Array] = {
        "row": pa.array(range(count), pa.int32()),
        "g": pa.array([rng.randint(0, max(1, count // 6)) for _ in range(count)], pa.int32()),
    }
    for kind, arrow in TYPES.items():
        for side in "ab":
            columns[f"{slug(kind)}_{side}"] = pa.array([value(kind, rng) for _ in range(count)], arrow)
    return pa.table(columns)


def slug(kind: str) -> str:
    """Return a column's name for a type."""
    return "decimal" if kind == "decimal(12,2)" else "".join(c if c.isalnum() else "_" for c in kind).strip("_")


_MADE = {
    "struct": "F.struct(F.col('string_{side}').alias('s'), F.col('int_{side}').alias('n'))",
    "timestamp_ltz": "F.col('timestamp_ntz_{side}').cast('timestamp_ltz')",
    "array": "F.col('array_int_{side}')",
    **{
        f"map<string,{kind}>": f"F.create_map(F.lit('a'), F.col('{kind}_{{side}}'), F.lit('b'), F.col('{kind}_b'))"
        for kind in ("string", "int", "bigint", "date")
    },
}


def column(kind: str, side: str) -> str:
    """Return the PySpark text of a column of a type."""
    return _MADE.get(kind, f"F.col('{slug(kind)}_{{side}}')").format(side=side)


def calls_of(each: Signature) -> list[tuple[str, str]]:
    """Return the calls that try a signature, each with its use."""
    found: list[tuple[str, str]] = []
    for text in each.calls:
        seen: dict[str, int] = {}
        filled = text.replace("{{", "{").replace("}}", "}") if "{{" in text else text
        for place, kind in enumerate(each.arguments):
            kind = kind.removesuffix("…").removeprefix("→")
            side = "ab"[min(seen.get(kind, 0), 1)]
            seen[kind] = seen.get(kind, 0) + 1
            filled = filled.replace(f"{{{place}}}", _as_text(column(kind, side), text))
        if each.arguments and each.arguments[-1].endswith("…"):
            filled = filled.replace("{1}", column(each.arguments[-1].removesuffix("…"), "b"))
        filled = filled.replace("{string}", column("string", "a")).replace("{int}", column("int", "a"))
        uses = {"value": ["row"], "rows": ["row"], "aggregate": ["groups", "nothing", "whole", "frame"],
                "grouped": ["groups", "nothing"], "window": ["window"]}[each.kind]  # fmt: skip
        found += [(filled, use) for use in uses]
        if "decimal_a" in filled and "decimal" in each.arguments and "max" not in each.name:
            more = filled.replace("decimal_a", "decimal_18_6_a").replace("decimal_b", "decimal_7_0_b")
            found += [(more, use) for use in uses]
    return list(dict.fromkeys([*found, *aliased(each.name, found)]))


def aliased(name: str, calls: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the first call of a function under each other name that PySpark has for it."""
    from pyspark.sql import functions

    called = next((each for each in calls if f"F.{name}(" in each[0]), None)
    tried = " ".join(call for call, _ in calls)
    others = [other for other, of in ALIASES.items() if of == name and hasattr(functions, other)]
    others = [other for other in others if f"F.{other}(" not in tried]
    return [(called[0].replace(f"F.{name}(", f"F.{other}("), called[1]) for other in others] if called else []


def _as_text(made: str, call: str) -> str:
    return made.removeprefix("F.col('").removesuffix("')") if call.startswith("F.expr(") else made


def compiled(calls: list[tuple[str, str]], told: dict[str, str]) -> list[tuple[str, str]]:
    """Return for each call the SQL that would go to a function, and why it is refused."""
    tables = {"t.given": {"row": "int", "g": "int"} | {f"{slug(k)}_{s}": k for k in TYPES for s in "ab"}}
    asked = json.dumps({"calls": calls, "tables": tables, "told": told})
    done = subprocess.run(
        [sys.executable, "-m", "tests.sluice.transforms.compiled_calls"], input=asked, capture_output=True, text=True,
        check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    return [(sql, why) for sql, why in json.loads(done.stdout)]


def plain(made: Any) -> Any:
    """Return a value such that two are equal only if the engines' are: doubles by their bits, all NaN alike."""
    if isinstance(made, float):
        return "nan" if math.isnan(made) else struct.pack(">d", made)
    if isinstance(made, list):
        return tuple(map(plain, made))
    if isinstance(made, dict):
        return tuple((name, plain(of)) for name, of in made.items())
    return (type(made).__name__, made)


class Both:
    """Spark and DuckDB on the same rows."""

    def __init__(self, spark: Any, folder: Path, rows: pa.Table) -> None:
        from pyspark.sql import Window
        from pyspark.sql import functions as F

        self.folder, self.spark, self.names, self.made = (
            folder,
            spark,
            {"F": F, "Window": Window, "latest_sent": latest_sent},
            0,
        )
        self.duckdb = connect()
        self.duckdb.execute("CREATE SCHEMA t")
        self.give(rows)

    def give(self, rows: pa.Table) -> None:
        """Take other rows from now on."""
        self.made += 1
        path = self.folder / f"values{self.made}.parquet"  # Spark remembers what it cached of a path
        pq.write_table(rows, path)
        self.frame = self.spark.read.parquet(str(path)).cache()
        self.duckdb.register("rows", rows)
        self.duckdb.execute("CREATE OR REPLACE TABLE t.given AS FROM rows")

    def differences(
        self, calls: list[tuple[str, str]], told: dict[str, str], *, spoiled: Callable[[str], str] = str
    ) -> list[Difference]:
        """Return the calls whose engines differ; ``spoiled`` makes DuckDB's SQL wrong, to see that it is found."""
        spark = self._on_spark(calls)
        found: list[Difference] = []
        for (call, use), (sql, why), expected in zip(calls, compiled(calls, told), spark, strict=True):
            if why or not sql:
                found.append(Difference(call, use, f"is refused: {why}"))
            elif difference := self._difference(spoiled(sql), expected):
                found.append(Difference(call, use, difference))
        return found

    def _difference(self, sql: str, expected: tuple[str, list[Any]] | str) -> str:
        if isinstance(expected, str):
            return f"Spark fails: {expected}"
        kind, rows = expected
        try:
            made = self.duckdb.sql(sql)
            own = spark_type(str(made.types[1]))
            got = sorted(((row, plain(x)) for row, x in self._pairs(made)), key=repr)
        except Exception as error:
            return f"DuckDB fails: {str(error)[:200]}"
        if not same_type(own, kind):
            return f"the type on Spark is {kind}, on DuckDB {own}"
        for one, other in zip(rows, got, strict=False):
            if one != other:
                return f"row {one[0]}: Spark {str(one[1])[:80]}, DuckDB {str(other[1])[:80]} (row {other[0]})"
        return "" if len(rows) == len(got) else f"Spark has {len(rows)} rows, DuckDB {len(got)}"

    def _pairs(self, made: Any) -> list[tuple[int, Any]]:
        table = made.to_arrow_table()
        return list(
            zip([-1 if r is None else r for r in table.column(0).to_pylist()], listed(table.column(1)), strict=True)
        )

    def _on_spark(self, calls: list[tuple[str, str]]) -> list[tuple[str, list[Any]] | str]:
        found: dict[tuple[str, str], Any] = {}
        alone = [each for each in calls if "explode" in each[0]]
        for use in dict.fromkeys(use for _, use in calls):
            part = [each for each in calls if each[1] == use and each not in alone]
            for start in range(0, len(part), 40):
                self._many(part[start : start + 40], use, found)
        for each in alone:
            self._many([each], each[1], found)
        return [found[each] for each in calls]

    def _many(self, part: list[tuple[str, str]], use: str, found: dict[tuple[str, str], Any]) -> None:
        """Compute calls in one job; where it fails, in halves, until the one that fails is alone."""
        from tests.sluice.transforms.compiled_calls import used

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of a name that PySpark calls deprecated, and has
                made = used(self.frame, {f"x{place}": call for place, (call, _) in enumerate(part)}, use, self.names)
            kinds = {each.name: each.dataType.simpleString() for each in made.schema.fields}
            table = self.read(made)
        except Exception as error:
            if len(part) == 1:
                found[part[0]] = cause(error)
                return
            half = len(part) // 2
            self._many(part[:half], use, found)
            self._many(part[half:], use, found)
            return
        rows = [-1 if row is None else row for row in table.column("row").to_pylist()]
        for place, each in enumerate(part):
            name = f"x{place}"
            got = zip(rows, map(plain, listed(table.column(name))), strict=True)
            found[each] = (kinds[name], sorted(got, key=repr))

    def read(self, made: Any) -> pa.Table:
        """Return the rows of a DataFrame of Spark."""
        self.made += 1
        path = self.folder / f"made{self.made}"
        made.coalesce(1).write.parquet(str(path))
        return pa.concat_tables([pq.read_table(each) for each in path.glob("*.parquet")])


def listed(column: pa.ChunkedArray) -> list[Any]:
    """Return a column's values, days and times as numbers."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
    if pa.types.is_date(column.type):
        return column.cast(pa.int32()).to_pylist()
    return column.to_pylist()


def cause(error: Exception) -> str:
    """Return the line that says why Spark failed."""
    lines = [line for line in str(error).splitlines() if "Caused by" in line or "Exception:" in line]
    return (lines or [str(error)])[-1][:200]


def same_type(duckdb: str, spark: str) -> bool:
    """Return whether DuckDB's type of a column is Spark's."""
    # A session whose timestamps have no zone calls one with a zone `timestamp`.
    own = spark.replace("timestamp_ntz", "#").replace("timestamp", "timestamp_ltz").replace("#", "timestamp_ntz")
    same = duckdb.startswith("struct(") and own.startswith("struct<")
    return (
        duckdb == own
        or same
        or (duckdb.startswith("map(") and spark_type(duckdb.replace("(", "<").replace(")", ">")) == own)
    )


def compared(both: Both, every: Iterable[Signature]) -> dict[str, str]:
    """Return by signature how the engines differ on it; an empty text where they do not."""
    tried = [each for each in every if each.sql and not each.why and each.calls]
    told = {each.key: "" for each in every_signature() if each.sql and not each.why}  # calls use others, too
    calls = {each.key: calls_of(each) for each in tried}
    flat = list(dict.fromkeys(call for found in calls.values() for call in found))
    differing = {(each.call, each.use): each.told for each in both.differences(flat, told)}
    verdicts = {}
    for each in tried:
        wrong = [f"{call} ({use}): {differing[call, use]}" for call, use in calls[each.key] if (call, use) in differing]
        verdicts[each.key] = wrong[0] if wrong else ""
    return verdicts
