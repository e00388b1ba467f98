"""Bronze tables of any size as Parquet, the same ones each time: made by DuckDB of nothing but row numbers.

Orders lie evenly over one year and have two or three lines. Every twentieth line comes again, corrected, in the next
of twenty deliveries, and most orders come again in a later state. Every hundredth line is of a product nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from benchmarks.model.project import BRONZE, declared
from sluice.tables.schema import data_schema

_DELIVERIES, _PRODUCTS = 20, 5_000
_SETTINGS = "SET TimeZone = 'UTC'; SET preserve_insertion_order = false"
_PLACES = (
    "[('DE','EUR'),('FR','EUR'),('ES','EUR'),('IT','EUR'),('NL','EUR'),('AT','EUR'),('IE','EUR'),('US','USD'),"
    "('GB','GBP'),('SE','SEK'),('PL','PLN'),('FI','EUR')]"
)
_FACTS = """'d{delivery}' AS _delivery_id, 'generated' AS _source, row_number() OVER () AS _position,
       TIMESTAMP '2026-01-01' AS _ingested_at"""
_LINES = """
SELECT 'O' || lpad(k::VARCHAR, 9, '0') AS order_id,
       (i - (5 * k + 1) // 2 + 1)::INTEGER AS line_number,
       'P' || lpad((hash(i) % {products} + if(hash(-i) % 100 = 0, {products}, 0))::VARCHAR, 5, '0') AS product_id,
       (1 + hash(i * 100 + version) % 9)::INTEGER AS quantity,
       ((100 + hash(i) % 20000)::DECIMAL(12,0) * 0.01::DECIMAL(3,2))::DECIMAL(12,2) AS unit_price,
       if(hash(i + 7) % 10 < 6, NULL, hash(i + 8) % 31)::DECIMAL(5,2) AS discount_pct,
       {places}[1 + (hash(k + 3) % 12)::BIGINT][2] AS currency,
       {placed} + to_days(version) AS updated_at,
       {facts}
FROM (SELECT i, i * 2 // 5 AS k, version FROM ({wanted}))
"""
_ORDERS = """
SELECT 'O' || lpad(k::VARCHAR, 9, '0') AS order_id,
       'C' || lpad((hash(k + 1) % 1000000)::VARCHAR, 7, '0') AS customer_id,
       {placed} AS order_ts,
       status,
       {places}[1 + (hash(k + 3) % 12)::BIGINT][2] AS currency,
       {places}[1 + (hash(k + 3) % 12)::BIGINT][1] AS country,
       ['web', 'app', 'store'][1 + (hash(k + 4) % 3)::BIGINT] AS channel,
       ((hash(k + 5) % 1000)::DECIMAL(12,0) * 0.01::DECIMAL(3,2))::DECIMAL(12,2) AS shipping_cost,
       {placed} + to_days(version) AS updated_at,
       {facts}
FROM ({wanted})
"""
_STATES = "['shipped','shipped','shipped','shipped','shipped','shipped','paid','cancelled','returned','placed']"
_MADE_PRODUCTS = """
SELECT 'P' || lpad(p::VARCHAR, 5, '0') AS product_id,
       'SKU-' || p AS sku,
       'Product ' || p AS name,
       'category ' || (hash(p) % 20) AS category,
       'brand ' || (hash(p + 1) % 200) AS brand,
       ((hash(p + 2) % 9000)::DECIMAL(12,0) * 0.001::DECIMAL(4,3))::DECIMAL(12,3) AS weight,
       'kg' AS weight_unit,
       ((100 + hash(p * 10 + version) % 20000)::DECIMAL(12,0) * 0.01::DECIMAL(3,2))::DECIMAL(12,2) AS list_price,
       'EUR' AS currency,
       (DATE '2025-01-01' + to_months(version))::DATE AS valid_from,
       TIMESTAMP '2025-01-01' + to_months(version) AS updated_at,
       {facts}
FROM (SELECT p, v::INTEGER AS version FROM range({products}) AS a(p), range(4) AS b(v))
"""


@dataclass
class Shop:
    """A shop whose year has about ``rows`` order lines, corrections included; it goes on when deliveries follow."""

    rows: int
    folder: Path
    deliveries: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self._a_year = max(1, round(self.rows / 1.05 / 2.5))
        self._orders = 0

    def year(self) -> dict[str, list[Path]]:
        """Write the year's deliveries; return the files of each bronze table."""
        files: dict[str, list[Path]] = {name: [] for name in BRONZE}
        edges = [round(self._a_year * number / _DELIVERIES) for number in range(_DELIVERIES + 1)]
        for number, (begin, end) in enumerate(pairwise(edges)):
            earlier = edges[max(0, number - 1)]
            lines = _range(_first_line(earlier), _first_line(begin))
            again = f"SELECT i, 1 AS version FROM {lines} WHERE hash(i + 9) % 20 = 0"
            state = f"{_STATES}[1 + (hash(k) % 10)::BIGINT]"
            later = f"(SELECT k, 2 AS version, {state} AS status FROM {_range(earlier, begin, 'k')})"
            for name, file in self._deliver(begin, end, again, f"{later} WHERE status <> 'placed'").items():
                files[name].append(file)
        return files

    def change(self, share: float) -> tuple[dict[str, list[Path]], int]:
        """Write one delivery of ``share`` of the rows: nine tenths correct the newest lines, one tenth are new."""
        wanted = round(self.rows * share)
        last = _first_line(self._orders)
        version = 3 + self.deliveries
        again = f"SELECT i, {version} AS version FROM {_range(last - round(wanted * 0.9), last)}"
        end = self._orders + max(1, round(wanted * 0.1 / 2.5))
        found = self._deliver(self._orders, end, again, "(SELECT 0 AS k, 0 AS version, '' AS status) WHERE false")
        return {name: [file] for name, file in found.items() if name != "bronze.products"}, wanted

    def _deliver(self, begin: int, end: int, again: str, later: str) -> dict[str, Path]:
        """Write the orders from ``begin`` to ``end`` with their lines, and what comes ``again``."""
        lines = f"SELECT i, 0 AS version FROM {_range(_first_line(begin), _first_line(end))} UNION ALL {again}"
        orders = f"SELECT k, 0 AS version, 'placed' AS status FROM {_range(begin, end, 'k')} UNION ALL FROM {later}"
        queries = {"bronze.order_lines": (_LINES, lines), "bronze.orders": (_ORDERS, orders)}
        if not self.deliveries:
            queries["bronze.products"] = (_MADE_PRODUCTS, "")
        self.deliveries, self._orders = self.deliveries + 1, end
        microseconds = 365 * 86_400_000_000 / self._a_year
        placed = f"TIMESTAMP '2025-01-01' + to_microseconds((k * {microseconds!r})::BIGINT)"
        facts = _FACTS.format(delivery=self.deliveries)
        made = {}
        with duckdb.connect() as connection:
            connection.execute(_SETTINGS)
            for name, (query, wanted) in queries.items():
                made[name] = self.folder / f"{name}-{self.deliveries}.parquet"
                sql = query.format(places=_PLACES, placed=placed, facts=facts, wanted=wanted, products=_PRODUCTS)
                connection.execute(_copy(name, sql, made[name]))
        return made


def _copy(name: str, query: str, file: Path) -> str:
    fields = data_schema(declared().contract(name)).fields
    ids = ", ".join(f'"{field.name}": {field.field_id}' for field in fields)
    return f"COPY ({query}) TO '{file}' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{ids}}})"


def _range(begin: int, end: int, name: str = "i") -> str:
    return f"range({begin}, {end}) AS _({name})"


def _first_line(order: int) -> int:
    return (5 * order + 1) // 2
