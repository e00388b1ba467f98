"""Rows for transforms, and the two engines that run them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from sluice.confined import connect
from sluice.contracts import Column, Contract
from sluice.contracts.values.convert import arrow_type
from sluice.project import Project
from sluice.tables.arrow import KEY_SEPARATOR, data_arrow
from sluice.transforms.discover import DiscoveredTransform, discover

ROOT = Path(__file__).resolve().parents[2]
TRANSFORMS = discover(ROOT / "glue_jobs")
_EDGE_NULLS, _NULLS = 0.6, 0.15


def inputs_of(item: DiscoveredTransform, project: Project, seed: int, *, edge: bool = False) -> dict[str, pa.Table]:
    """Return rows for each input; those of derived tables are unique by key, as such tables are."""
    found = {}
    for name, table in item.inputs.items():
        contract = project.contract(table)
        rows = rows_of(contract, seed, edge=edge)
        found[name] = first_of_key(rows, contract.key) if contract.derived else rows
    return found


def rows_of(contract: Contract, seed: int, count: int = 400, *, edge: bool = False) -> pa.Table:
    """Return rows with repeated keys, ties, nulls where allowed and awkward values; with ``edge`` more of all that."""
    rng = random.Random(f"{seed}{contract.table}{'edge' * edge}")
    columns = [
        pa.array([_value(c, contract, rng, edge=edge) for _ in range(count)], arrow_type(c.type))
        for c in contract.columns
    ]
    table = pa.table(columns, names=[c.name for c in contract.columns])
    for field in data_arrow(contract):
        if field.name not in table.column_names:
            values = [_added(field.name, contract, table, row, rng) for row in range(count)]
            table = table.append_column(field, pa.array(values, field.type))
    return table


def _added(name: str, contract: Contract, table: pa.Table, row: int, rng: random.Random) -> Any:
    """Return what Sluice might have put into one of its own columns."""
    match name:
        case "_late":
            return rng.choice([True, False, None])
        case "_operation":
            kinds = ["insert", "update", "update", "delete", "read", "tombstone", "transaction"]
            return "truncate" if row == 50 else rng.choice(kinds)
        case "_log_position":
            return f"2.{row // 3:020d}"  # some are equal: then the order in the shard counts
        case "_sequence":
            return f"{row:056d}"
        case "_position":
            return 0
        case "_changed_at":
            return datetime(2025, 3, 30) + timedelta(minutes=rng.randint(0, 300))
        case "_previous_key" if table["_operation"][row].as_py() == "update" and rng.random() < 0.2:
            return KEY_SEPARATOR.join(str(_value(contract.column(key), contract, rng)) for key in contract.key)
        case "_unavailable" if table["_operation"][row].as_py() == "update" and rng.random() < 0.3:
            return ",".join(rng.sample([c.name for c in contract.columns if c.name not in contract.key], 2))
    return None


_DIGITS = {"C": 7, "P": 5, "O": 9}
_RATES = ("eur_rate", "eur_per_unit")


_TEXTS = (
    " Mixed Case ",
    "żółć",
    "O'Neil",
    "İstanbul",
    "+44 (0)20-1",
    "",
    "a@b.c",
    "李",
    "Köln|Cologne|köln ",
    "KOLN",
    "kolnn",
)
_PHONES = (
    "+44 (0)20 7946-0958",
    "0049 30 1234567",
    "030/1234",
    "++49",
    "+0049 123",
    "",
    "٣٤٥",
    "00",
    "+1234567890123456",
)
_EMAILS = (" A@B.example", "a..b@c.de", "ż@b.pl", "a@b", "A.B+c@sub.Shop.example", "a@-b.de", "İ@x.de", "")
_COUNTRIES = ("DE", "de ", "Köln", "NA", "na", "GB", "g.b.", "", "ZZ", "İstanbul")


def _value(column: Column, contract: Contract, rng: random.Random, *, edge: bool = False) -> Any:
    needed = contract.must_be_present(column)
    if not needed and rng.random() < (_EDGE_NULLS if edge else _NULLS):
        return None
    if column.rules.minimum is not None and column.type.name == "decimal":
        least = Decimal(column.rules.minimum).quantize(Decimal(1).scaleb(-column.type.scale))
        return max(least, _of_type(column, contract, rng, edge=edge))
    return _of_type(column, contract, rng, edge=edge)


def _of_type(column: Column, contract: Contract, rng: random.Random, *, edge: bool) -> Any:
    letter = column.name[0].upper()
    if column.name.endswith("_id") and letter in _DIGITS:
        return f"{letter}{rng.randint(1, 40):0{_DIGITS[letter]}d}"
    if column.name == "event_id":
        return f"{rng.randint(1, 40):032x}"
    if column.rules.allowed:
        return rng.choice(column.rules.allowed)
    kind = column.type.name
    if kind == "decimal" and edge:
        precision, scale = column.type.precision, column.type.scale
        # A rate is at most what the least allowed price of a euro comes to.
        most = Decimal(100) if column.name in _RATES else Decimal(10**precision - 1).scaleb(-scale)
        unit = Decimal(1).scaleb(-scale)
        return rng.choice([most, unit, most - unit, Decimal(3), Decimal("0.5"), Decimal(7).scaleb(-min(scale, 2))])
    if kind == "decimal":
        digits = rng.choice([0, 1, 5, 10 ** rng.randint(1, 6), 99_999])
        return Decimal(digits).scaleb(-column.type.scale) % 100
    if kind in ("int", "bigint"):
        return rng.choice([1, 2, 3] if edge else [1, 2, 3, 2_000_000])
    if kind == "double":
        return rng.choice([0.0, -0.0, 1e-300, 52.5])
    if kind == "boolean":
        return rng.random() < 0.3
    if kind == "date":
        return date(2025, 3, 29) + timedelta(days=rng.randint(0, 3))
    if kind == "timestamp":
        # Around the change to summer time, with ties.
        return datetime(2025, 3, 30, 0, 59, 59, 999_999) + timedelta(minutes=30 * rng.randint(0, 6))
    match column.name:
        case "country" if contract.name in ("customers", "customer_changes") and not contract.derived:
            return rng.choice(_COUNTRIES)
        case "country":
            return "DE"
        case "country_code":
            return rng.choice(("DE", "NA", "GB"))
        case "currency":
            return rng.choice(("EUR", "USD", "SEK"))
        case "phone":
            return rng.choice(_PHONES)
        case "email":
            return rng.choice(_EMAILS)
        case "utm_code" | "session_id":
            return rng.choice(("a", "B ", "b", "ż", "", "c"))
    return rng.choice(_TEXTS)


def on_duckdb(project: Project, item: DiscoveredTransform, inputs: Mapping[str, pa.Table]) -> pa.Table:
    connection = connect()
    for name, table in inputs.items():
        source = item.inputs[name]
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {source.split('.')[0]}")
        connection.register(f"in_{name}", table)
        connection.execute(f"CREATE TABLE {source} AS FROM in_{name}")
    return connection.sql(project.transform(item.table).sql).to_arrow_table()


def ordered(table: pa.Table, contract: Contract) -> list[tuple[Any, ...]]:
    plain = pa.schema((c.name, arrow_type(c.type)) for c in contract.columns)
    rows = [tuple(row.values()) for row in table.select(plain.names).cast(plain).to_pylist()]
    return sorted(rows, key=repr)


def first_of_key(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    seen: dict[tuple[Any, ...], int] = {}
    for index, row in enumerate(table.select(list(key)).to_pylist()):
        seen.setdefault(tuple(row.values()), index)
    return table.take(pa.array(sorted(seen.values()), pa.int64()))
