"""Ingestion of one CSV file of order lines, in process on local files.

Sluice reads, checks every rule of the contract, keeps each rejected record with its reasons, writes Parquet and commits
to Iceberg. DuckDB, the limit, reads with its rejects table, applies the same rules as SQL and writes Parquet. pandas
does the same with awswrangler's engine (Arrow Parquet). The last contestant only reads the bytes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pandas as pd
from rich.console import Console

from benchmarks.lake import LocalLake
from benchmarks.measure import print_rates, take_turns

_COLUMNS = (
    "{'order_id':'VARCHAR','line_number':'INTEGER','product_id':'VARCHAR','quantity':'INTEGER',"
    "'unit_price':'DECIMAL(12,2)','discount_pct':'DECIMAL(5,2)','currency':'VARCHAR','updated_at':'TIMESTAMP'}"
)
_RULES = """
order_id IS NOT NULL AND regexp_matches(order_id, '^O[0-9]{9}$') AND line_number >= 1
AND product_id IS NOT NULL AND regexp_matches(product_id, '^P[0-9]{5}$') AND quantity >= 1 AND unit_price >= 0
AND (discount_pct IS NULL OR discount_pct BETWEEN 0 AND 100)
AND currency IN ('EUR','USD','GBP','SEK','PLN') AND updated_at IS NOT NULL
"""


def compare(csv: Path, rows: int, scratch: Path, *, contracts: Path, rounds: int, console: Console) -> None:
    """Print the comparison."""
    # An empty lake for each round, made before the clock runs.
    fresh = [LocalLake(scratch / f"lake{number}", contracts) for number in range(rounds)]
    lakes: list[LocalLake] = []

    def sluice() -> None:
        lakes.append(fresh[len(lakes)])
        lakes[-1].ingest("order_lines", csv)

    def with_duckdb() -> None:
        target = scratch / "duckdb.parquet"
        with duckdb.connect() as connection:
            connection.execute("SET threads = 2")
            source = f"read_csv('{csv}', header=true, columns={_COLUMNS}, store_rejects=true)"
            connection.execute(
                f"COPY (SELECT * FROM {source} WHERE {_RULES}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            )

    def with_pandas() -> None:
        frame = pd.read_csv(csv, dtype=str, on_bad_lines="skip", engine="c")
        for name in ("line_number", "quantity", "unit_price", "discount_pct"):
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
        frame["updated_at"] = pd.to_datetime(frame["updated_at"], errors="coerce", utc=True)
        good = (
            frame["order_id"].str.match("^O[0-9]{9}$", na=False)
            & frame["product_id"].str.match("^P[0-9]{5}$", na=False)
            & (frame["line_number"] >= 1)
            & (frame["quantity"] >= 1)
            & (frame["unit_price"] >= 0)
            & frame["currency"].isin(["EUR", "USD", "GBP", "SEK", "PLN"])
            & frame["updated_at"].notna()
        )
        frame[good].to_parquet(scratch / "pandas.parquet", compression="zstd", index=False)

    def bytes_only() -> None:
        with csv.open("rb") as stream:
            while stream.read(1 << 20):
                pass

    contestants = {"Sluice": sluice, "DuckDB": with_duckdb, "pandas": with_pandas, "reading the bytes": bytes_only}
    results = take_turns(contestants, rounds)
    print_rates(f"ingestion of {rows:,} order lines ({csv.stat().st_size / 1e6:,.0f} MB)", results, rows=rows,
                base="DuckDB", console=console)  # fmt: skip
    (delivery,) = lakes[-1].deliveries
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT count(*) FROM '{scratch / 'duckdb.parquet'}'").fetchone()
    console.print(
        f"accepted {delivery.accepted:,}, quarantined {delivery.quarantined:,}: {delivery.reasons}; "
        f"DuckDB kept {found[0] if found else None:,}"
    )
    for number in range(len(lakes)):
        shutil.rmtree(scratch / f"lake{number}")
