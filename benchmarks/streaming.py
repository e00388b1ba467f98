"""The stream ingestor on one core: a batch of records checked and written as zstd Parquet, broken ones with reasons.

pydantic and jsonschema-rs, the validators that a Python team would reach for, do the same with the same rules. The
limit is pyarrow.json parsing the sound records and nothing else.
"""

from __future__ import annotations

import base64
import io
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, BinaryIO, Literal

import jsonschema_rs
import orjson
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from rich.console import Console

from benchmarks.measure import print_rates, take_turns
from sluice.contracts import Arrival, Column, LandingContract, Rules, parse_type
from sluice.ingestion.ingest_stream import ingest_records
from sluice.project import Project
from sluice.settings import Settings

_RECORDS, _BROKEN = 10_000, 0.1
_BATCHES = 10
_TYPES = ("page_view", "search", "cart", "purchase")
_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
_CONTRACT = LandingContract(
    name="clicks",
    database="bronze",
    columns=(
        Column("event_id", parse_type("string"), required=True, header="event_id",
               rules=Rules(pattern="^[0-9a-f]{32}$")),
        Column("session_id", parse_type("string"), required=True, header="session_id"),
        Column("event_type", parse_type("string"), required=True, header="event_type", rules=Rules(allowed=_TYPES)),
        Column("event_time", parse_type("timestamp"), required=True, header="event_time"),
        Column("url", parse_type("string"), header="url"),
        Column("product_id", parse_type("string"), header="product_id"),
        Column("quantity", parse_type("int"), header="quantity", rules=Rules(minimum="1")),
        Column("unit_price", parse_type("decimal(12,2)"), header="unit_price", rules=Rules(minimum="0")),
        Column("user_agent", parse_type("string"), header="user_agent"),
    ),
    arrival=Arrival(format="json", stream=True),
)  # fmt: skip
_ROWS = pa.schema(
    [
        ("event_id", pa.string()), ("session_id", pa.string()), ("event_type", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")), ("url", pa.string()), ("product_id", pa.string()),
        ("quantity", pa.int32()), ("unit_price", pa.decimal128(12, 2)), ("user_agent", pa.string()),
    ]
)  # fmt: skip
_REJECTED = pa.schema([("record", pa.binary()), ("reasons", pa.list_(pa.string()))])


class _Click(BaseModel):
    event_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    session_id: str
    event_type: Literal["page_view", "search", "cart", "purchase"]
    event_time: datetime
    url: str | None = None
    product_id: str | None = None
    quantity: Annotated[int, Field(ge=1)] | None = None
    unit_price: Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)] | None = None
    user_agent: str | None = None


_SCHEMA = {
    "type": "object",
    "required": ["event_id", "session_id", "event_type", "event_time"],
    "properties": {
        "event_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "session_id": {"type": "string"},
        "event_type": {"enum": list(_TYPES)},
        "event_time": {"type": "string", "format": "date-time"},
        "url": {"type": ["string", "null"]},
        "product_id": {"type": ["string", "null"]},
        "quantity": {"type": ["integer", "null"], "minimum": 1},
        "unit_price": {"type": ["number", "null"], "minimum": 0},
        "user_agent": {"type": ["string", "null"]},
    },
}


class _Memory:
    """Takes what the handler puts, and forgets it."""

    def put(self, address: str, body: bytes | BinaryIO) -> None:
        """Forget an object."""

    def get_bytes(self, address: str) -> bytes:
        raise NotImplementedError

    def list(self, prefix: str) -> list[str]:
        raise NotImplementedError

    def delete(self, addresses: Iterable[str]) -> None:
        raise NotImplementedError


def compare(*, rounds: int, console: Console) -> None:
    """Print records a second of each, and how long the handler takes to import."""
    records = list(_records())
    event = [_lambda_record(data, number) for number, data in enumerate(records)]
    sound = b"\n".join(record for record in records if _is_sound(record))
    project, settings, store = Project((_CONTRACT,)), Settings(lake_bucket="lake"), _Memory()

    def sluice() -> None:
        (unit,) = ingest_records(event, project, settings, store)
        assert len(unit.quarantine) == 1

    contestants = {
        "Sluice's handler": sluice,
        "pydantic": lambda: _write(*_with_pydantic(event)),
        "jsonschema-rs": lambda: _write(*_with_jsonschema(event)),
        "pyarrow.json, parse only": lambda: _bare(sound),
    }
    with _one_core():
        results = take_turns({name: _repeated(run) for name, run in contestants.items()}, rounds)
    size = sum(map(len, records)) / len(records)
    print_rates(f"{_RECORDS:,} stream records of {size:.0f} bytes, {_BROKEN:.0%} broken, on one core", results,
                rows=_RECORDS * _BATCHES, base="pyarrow.json, parse only", console=console)  # fmt: skip
    console.print(f"cold import of the handler: {_import_seconds() * 1000:.0f} ms (median of 5)")


def _records() -> Iterator[bytes]:
    chance = random.Random(1)
    for number in range(_RECORDS):
        click: dict[str, Any] = {
            "event_id": f"{chance.getrandbits(128):032x}",
            "session_id": f"s{chance.randrange(10**8):08d}",
            "event_type": chance.choice(_TYPES),
            "event_time": f"2026-01-01T{number % 24:02d}:{number % 60:02d}:00.{number % 1000:03d}Z",
            "url": f"https://shop.example/products/{chance.randrange(10**9)}?campaign={'spring' * 6}",
            "product_id": f"P{chance.randrange(10**5):05d}",
            "quantity": chance.randint(1, 9),
            "unit_price": chance.randrange(10**6) / 100,
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari",
        }
        if number % round(1 / _BROKEN):
            yield orjson.dumps(click)
            continue
        kind = number // round(1 / _BROKEN) % 4
        if kind == 0:
            yield orjson.dumps(click)[:200]
        else:
            yield orjson.dumps(click | ({"quantity": "many"}, {"event_type": "dance"}, {"unit_price": -1})[kind - 1])


def _is_sound(record: bytes) -> bool:
    return record.endswith(b"}") and not re.search(rb'"many"|"dance"|-1[,}]', record)


def _lambda_record(data: bytes, number: int) -> dict[str, Any]:
    kinesis = {
        "sequenceNumber": f"{49 * 10**54 + number}", "data": base64.b64encode(data).decode(),
        "approximateArrivalTimestamp": 1.7e9 + number / 1000,
    }  # fmt: skip
    return {"kinesis": kinesis, "eventSourceARN": _ARN, "eventID": f"shardId-000000000000:{number}"}


def _with_pydantic(event: list[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    validate = TypeAdapter(_Click).validate_json
    rows, rejected = [], []
    for record in event:
        data = base64.b64decode(record["kinesis"]["data"])
        try:
            rows.append(validate(data).model_dump())
        except ValidationError as error:
            rejected.append({"record": data, "reasons": [found["msg"] for found in error.errors()]})
    return pa.Table.from_pylist(rows, _ROWS), pa.Table.from_pylist(rejected, _REJECTED)


def _with_jsonschema(event: list[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    validator = jsonschema_rs.validator_for(_SCHEMA, validate_formats=True)
    rows, rejected = [], []
    for record in event:
        data = base64.b64decode(record["kinesis"]["data"])
        try:
            row = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            rejected.append({"record": data, "reasons": [str(error)]})
            continue
        if validator.is_valid(row):
            row["event_time"] = datetime.fromisoformat(row["event_time"])
            row["unit_price"] = Decimal(str(row["unit_price"]))
            rows.append(row)
        else:
            rejected.append({"record": data, "reasons": [error.message for error in validator.iter_errors(row)]})
    return pa.Table.from_pylist(rows, _ROWS), pa.Table.from_pylist(rejected, _REJECTED)


def _write(rows: pa.Table, rejected: pa.Table) -> None:
    for table in (rows, rejected):
        pq.write_table(table, io.BytesIO(), compression="zstd")


def _bare(data: bytes) -> pa.Table:
    options = pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1)
    return pyarrow.json.read_json(pa.BufferReader(data), options)


def _repeated(run: Callable[[], object]) -> Callable[[], None]:
    def several() -> None:
        for _ in range(_BATCHES):
            run()

    return several


@contextmanager
def _one_core() -> Iterator[None]:
    """Hold this process to one core, Arrow's threads with it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _import_seconds() -> float:
    """Return what importing the handler adds to starting Python, without NumPy: the functions' layer has none."""

    def seconds(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - began

    pairs = [
        (seconds("import sys; sys.modules['numpy'] = None; import lambdas.ingest_stream.handler"), seconds("pass"))
        for _ in range(5)
    ]
    return statistics.median(with_it - without for with_it, without in pairs)


def main() -> None:
    """Run this comparison alone."""
    compare(rounds=5, console=Console(width=130))


if __name__ == "__main__":
    main()
