"""pandas with Arrow's Parquet, which is what awswrangler reads and writes with once S3 is left out.

Money is counted in whole cents, since pandas sums Arrow decimals as Python objects.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.model.child import Work

_AXES = ["month", "country", "category"]
_HUNDRED, _CENT = pa.scalar(Decimal(100), pa.decimal128(3, 0)), pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))
_MONEY = {"unit_price": 12, "list_price": 12, "net_amount": 18, "revenue": 28, "discount_pct": 5}


def main() -> None:
    work = Work()
    for table, make in (
        ("silver.latest_products", latest_products),
        ("silver.latest_orders", latest_orders),
        ("silver.latest_lines", latest_lines),
        ("gold.sales_by_day", sales_by_day),
        ("gold.sales_by_month", sales_by_month),
    ):
        with work.table(table):
            _write(make(work), str(work.target(table) / "rows.parquet"))
    work.finish()


def latest_products(work: Work) -> pd.DataFrame:
    columns = ["product_id", "name", "category", "brand", "list_price", "currency", "updated_at"]
    return _latest(_read(work, "bronze.products", columns), ["product_id"], [])


def latest_orders(work: Work) -> pd.DataFrame:
    columns = ["order_id", "customer_id", "order_ts", "status", "currency", "country", "channel", "updated_at"]
    latest = _latest(_read(work, "bronze.orders", columns), ["order_id"], ["customer_id", "order_ts", "status"])
    latest["order_ts"] = latest["order_ts"].astype(pd.ArrowDtype(pa.date32()))
    return latest.rename(columns={"order_ts": "order_date"})


def latest_lines(work: Work) -> pd.DataFrame:
    columns = ["order_id", "line_number", "product_id", "quantity", "unit_price", "discount_pct", "currency"]
    rows = _read(work, "bronze.order_lines", [*columns, "updated_at"])
    latest = _latest(rows, ["order_id", "line_number"], ["product_id", "quantity", "unit_price", "discount_pct"])
    exact = latest["unit_price"] * (10_000 - latest["discount_pct"].fillna(0)) * latest["quantity"]
    latest.insert(7, "net_amount", (exact + 5_000) // 10_000)
    return latest


def sales_by_day(work: Work) -> pd.DataFrame:
    orders = _read(work, "silver.latest_orders", ["order_id", "order_date", "status", "country"])
    sold = orders[~orders["status"].isin(["cancelled", "returned"])].drop(columns="status")
    lines = _read(work, "silver.latest_lines", ["order_id", "product_id", "quantity", "currency", "net_amount"])
    joined = lines.merge(sold, on="order_id").merge(
        _read(work, "silver.latest_products", ["product_id", "category"]), on="product_id", how="left"
    )
    joined["category"] = joined["category"].fillna("unknown")
    grouped = joined.groupby(["order_date", "country", "category", "currency"], as_index=False)
    summed = grouped.agg(orders=("order_id", "nunique"), units=("quantity", "sum"), revenue=("net_amount", "sum"))
    return summed.sort_values("order_date")


def sales_by_month(work: Work) -> pd.DataFrame:
    days = _read(work, "gold.sales_by_day", ["order_date", "country", "category", "currency", "units", "revenue"])
    days["month"] = days["order_date"].astype(str).str.slice(0, 7)
    levels = []
    for size in range(len(_AXES) + 1):
        for axes in combinations(_AXES, size):
            level = days.groupby([*axes, "currency"], as_index=False).agg({"units": "sum", "revenue": "sum"})
            levels.append(level.assign(grouping_level=len(_AXES) - size))
    cube = pd.concat(levels)
    cube[_AXES] = cube[_AXES].fillna("all")
    cube["grouping_level"] = cube["grouping_level"].astype("int32")
    return cube[[*_AXES, "currency", "grouping_level", "units", "revenue"]].sort_values("month")


def _latest(rows: pd.DataFrame, key: list[str], ties: list[str]) -> pd.DataFrame:
    """Return the newest row of each key, ordered by it; ``ties`` decide between equals."""
    newest = rows.sort_values(["updated_at", *ties], ascending=False)
    return newest.drop_duplicates(key).sort_values(key, ignore_index=True)


def _read(work: Work, name: str, columns: list[str]) -> pd.DataFrame:
    """Return columns of a table; money in cents as whole numbers."""
    table = pq.read_table(work.sources(name), columns=columns)
    for place, column in enumerate(columns):
        if column in _MONEY:
            cents = pc.multiply(table[column], _HUNDRED).cast(pa.int64())
            table = table.set_column(place, column, cents)
    frame: pd.DataFrame = table.to_pandas(types_mapper=_types)
    return frame


def _types(kind: pa.DataType) -> Any:
    return pd.ArrowDtype(kind) if pa.types.is_date(kind) else {pa.int64(): pd.Int64Dtype()}.get(kind)


def _write(rows: pd.DataFrame, file: str) -> None:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for place, column in enumerate(table.column_names):
        if column in _MONEY:
            money = pc.multiply(table[column].cast(pa.decimal128(19, 0)), _CENT)
            table = table.set_column(place, column, money.cast(pa.decimal128(_MONEY[column], 2)))
    pq.write_table(table, file, compression="zstd")


if __name__ == "__main__":
    main()
