"""Whatever the check accepts is committed and read back equal, in every format, type and way in.

What it refuses is in quarantine, and the counts add up. Values are the awkward ones of each type and random ones.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from sluice.contracts import LandingContract
from sluice.ingestion.changes.read import check_changes
from sluice.ingestion.commit import Lake, drain
from sluice.ingestion.commit_stream import drain_stream
from sluice.ingestion.ingest import stage_source
from sluice.ingestion.ingest_stream import ingest_records
from sluice.ingestion.stage import UnitWriter
from sluice.ledger import Delivery
from sluice.project import Project
from sluice.storage import LocalStore
from sluice.tables.manage import ensure_tables
from sluice.tables.schema import arrow_with_field_ids
from tests.sluice.ingestion.changes.changing import debezium, dms
from tests.sluice.ingestion.reading import column, contract, read, source
from tests.sluice.ingestion.test_commit import NOW, LocalSettings
from tests.sluice.ingestion.test_stream import record

#: Every type of a contract, and every way in which a value of it may be spelled.
COLUMNS = (
    column("id", required=True),
    column("text"),
    column("small", "int"),
    column("large", "bigint"),
    column("single", "float"),
    column("twice", "double"),
    column("truth", "boolean"),
    column("day", "date"),
    column("day_written", "date", fmt="dd/MM/yyyy"),
    column("moment", "timestamp"),
    column("moment_written", "timestamp", fmt="dd MMM yyyy HH:mm:ss"),
    *(column(f"since_{unit}", "timestamp", fmt=f"epoch_{unit}") for unit in ("seconds", "millis", "micros", "nanos")),
    column("bytes", "binary"),
    column("money", "decimal(5,2)"),
    column("whole", "decimal(38,0)"),
    column("tiny", "decimal(38,38)"),
    column("quantity", "decimal(18,4)"),
)
NAMES = [c.name for c in COLUMNS[1:]]
#: Text that is long for Iceberg's statistics, which cut it after 16 characters and add one to the last.
LONG = [
    "x" * 15 + last + "y" for last in ("\ud7ff", "\U0010ffff", "\x7f", "\uffff", "\u07ff", "z", "\ue000", "\U0001f600")
] + ["\U0010ffff" * 20, "\ud7ff" * 20, "a" * 5000]
TEXTS = ["", " ", "0", "null", "NULL", "é", "\u202e", "\ufeff", "a,b;c\t\"'", "l\nb", *LONG]
NUMBERS = [
    "0", "-0", "1", "-1", "1.5", "1.239", "999.99", "999.995", "1000", "-999.99", "1e2", "1E-3", "1e400", "-1e400",
    "NaN", "nan", "inf", "-Infinity", "0x10", "1_000", "1,5", ".5", "5.", "+3", "00012", "-", "e5", "2147483647",
    "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "9" * 38, "9" * 39, "-" + "9" * 38, "0." + "9" * 38, "0." + "0" * 37 + "1", "0." + "0" * 38 + "1", "3.5e38",
    "1e-46", "5e-324", "1.7976931348623157e308", "true", "false", "TRUE", "yes",
]  # fmt: skip
DATES = [
    "0000-06-01", "0001-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "2024-02-29", "2023-02-29", "2024-13-01",
    "1582-10-10", "1970-01-01", "1-1-1", "01/01/0001", "31/12/9999", "31/12/99", "01/01/0000", "29/02/2023", "1/1/2024",
    "01/01/10000", "31 Dec 9999 23:59:59", "01 Jan 0001 00:00:00", "01 Jan 0000 00:00:00", "01 Jan 24 00:00:00",
    "2024-01-01T00:00:00", "2024-01-01 00:00:00.123456", "2024-01-01T00:00:00.1234567Z", "2024-01-01T24:00:00",
    "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00-05:00", "9999-12-31T23:59:59.999999", "0000-01-01T00:00:00",
    "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+14:00", "2024-01-01T00:00:60", "2024-01-01T12:00:00+0530",
    "2024-01-01T12:00:00+25:00", "-62135596800", "-62135596801", "253402300799", "253402300800", "9223372036854775807",
    "-62135596800000", "-62135596800001", "253402300799999", "253402300800000", "-62135596800000000",
    "-62135596800000001", "253402300799999999", "253402300800000000", "99999999999999999999",
]  # fmt: skip


def spelled() -> st.SearchStrategy[str]:
    """Text of a value, as delimited files and JSON strings have it."""
    days = st.dates().map(date.isoformat)
    moments = st.datetimes().map(datetime.isoformat)
    zoned = st.builds(lambda at, zone: at + zone, moments, st.sampled_from(["Z", "+14:00", "-12:00", "+00:01"]))
    decimals = st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str)
    letters = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=24)
    return st.one_of(
        *map(st.sampled_from, (TEXTS, NUMBERS, DATES)), days, moments, zoned, decimals, letters,
        st.integers(-(2**70), 2**70).map(str),
    )  # fmt: skip


def said_in_json() -> st.SearchStrategy[Any]:
    """A value as JSON has it."""
    floats = st.floats(allow_nan=False, allow_infinity=False)
    nested = st.sampled_from([[], {}, [1], {"a": None}])
    return st.one_of(spelled(), st.none(), st.booleans(), floats, st.integers(-(2**70), 2**70), nested)


CELLS = st.lists(st.dictionaries(st.sampled_from(NAMES), said_in_json(), max_size=6), min_size=1, max_size=8)
LINES = st.lists(st.dictionaries(st.sampled_from(NAMES), spelled(), max_size=6), min_size=1, max_size=8)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["id", *NAMES])
    writer.writerows([f"r{n}", *(row.get(name, "") for name in NAMES)] for n, row in enumerate(rows))
    return out.getvalue().encode()


def objects(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", **row} for n, row in enumerate(rows)]


def as_ndjson(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, objects(rows))).encode()


def as_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(objects(rows)).encode()


_I32, _I64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
_NEAR = st.sampled_from([-719_163, -719_162, -719_161, 0, 2_932_896, 2_932_897])
_DAYS = st.one_of(_I32, _NEAR)


def _instants(per_second: int) -> st.SearchStrategy[int]:
    edges = [edge * per_second + more for edge in (-62_135_596_800, 253_402_300_800) for more in (-1, 0, 1)]
    return st.one_of(_I64, st.sampled_from([e for e in edges if -(2**63) <= e < 2**63] or [0]))


def _decimal(unscaled: int) -> bytes:
    return unscaled.to_bytes(16, "little", signed=True)


def _viewed(values: list[int | None], storage: pa.DataType, kind: pa.DataType) -> pa.Array:
    return pa.array(values, storage).view(kind)


def typed_column(rows: int) -> st.SearchStrategy[pa.Array]:
    """A column as a Parquet file may have it, whatever its numbers mean."""

    def of(values: st.SearchStrategy[Any], make: Any) -> st.SearchStrategy[pa.Array]:
        return st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows).map(make)

    temporal = [
        of(_instants(per), lambda v, unit=unit, zone=zone: _viewed(v, pa.int64(), pa.timestamp(unit, zone)))
        for unit, per in (("ms", 10**3), ("us", 10**6), ("ns", 10**9))
        for zone in (None, "UTC", "Europe/Berlin")
    ]
    plain = [
        of(spelled(), lambda v: pa.array(v, pa.string())),
        of(st.binary(max_size=20), lambda v: pa.array(v, pa.binary())),
        of(st.sampled_from([b"\xff" * 17, b"\xff" * 16, b"a" * 15 + b"\xff\xff"]), lambda v: pa.array(v, pa.binary())),
        of(_I32, lambda v: pa.array(v, pa.int32())),
        of(_I64, lambda v: pa.array(v, pa.int64())),
        of(st.integers(0, 2**64 - 1), lambda v: pa.array(v, pa.uint64())),
        of(st.floats(), lambda v: pa.array(v, pa.float64())),
        of(st.floats(width=32), lambda v: pa.array(v, pa.float32())),
        of(st.booleans(), lambda v: pa.array(v, pa.bool_())),
        of(_DAYS, lambda v: _viewed(v, pa.int32(), pa.date32())),
    ]
    digits = [
        of(
            st.integers(1 - 10**38, 10**38 - 1),
            lambda v, scale=scale: pa.array(
                [None if n is None else Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale)) for n in v],
                pa.decimal128(38, scale),
            ),
        )
        for scale in (0, 2, 38)
    ]
    return st.one_of(*plain, *temporal, *digits)


@st.composite
def parquet_files(draw: Any) -> bytes:
    rows = draw(st.integers(1, 6))
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    columns = {name: draw(typed_column(rows)) for name in chosen}
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [f"r{n}" for n in range(rows)], **columns}), out)
    return out.getvalue()


@contextmanager
def world(declared: LandingContract) -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder:
        catalog = SqlCatalog("local", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/lake")
        for database in ("bronze", "quarantine"):
            catalog.create_namespace(database)
        there = LocalSettings(folder=str(Path(folder) / "lake"))
        ensure_tables(catalog, Project((declared,)), there)
        yield Lake(catalog, LocalStore(), there)


def read_back(table: Table) -> list[dict[str, Any]]:
    """Return the rows as a query reads them: Parquet files by name, through Arrow's data set, computed by DuckDB."""
    kept = pads.ParquetFileFormat()
    paths = [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]
    if not paths:
        return []
    rows = pads.dataset(paths, schema=table.schema().as_arrow(), format=kept)
    connection = duckdb.connect()
    connection.register("rows", rows)
    answer = connection.execute("SELECT * FROM rows ORDER BY ALL")
    names = [described[0] for described in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: {c.name: row[c.name] for c in COLUMNS} for row in rows}


def refuse_aside(entries: Any, ledger: list[Delivery]) -> None:
    ledger += entries
    assert [d.error for d in ledger if d.status == "set_aside"] == []


def deliver(data: bytes, declared: LandingContract, *, adopt: bool) -> None:
    """Stage, commit and read back one file."""
    accepted, rejected = read(data, declared)
    with world(declared) as lake:
        table = lake.table("bronze", "things")
        schema = arrow_with_field_ids(table.schema()) if adopt else None
        folder = f"{table.location().removeprefix('file://')}/data/" if adopt else None
        writer = UnitWriter(declared, lake.store, lake.settings.lake, now=NOW, data_folder=folder, data_schema=schema)
        stage_source(source(data), declared, writer.delivery("d", "s3://x/d", version_id="v", size=len(data)))
        writer.finish()
        ledger: list[Delivery] = []
        drain(declared, lake, record=lambda found: refuse_aside(found, ledger), announce=lambda _: None)
        assert by_id(read_back(lake.table("bronze", "things"))) == by_id(accepted.to_pylist())
        kept = read_back(lake.table("quarantine", "things"))
        assert sorted((r["_position"], bytes(r["record"])) for r in kept) == [(r.position, r.raw) for r in rejected]
        (ended,) = ledger
        assert (ended.status, ended.accepted, ended.quarantined) == ("committed", accepted.num_rows, len(rejected))
    for row in accepted.to_pylist():
        for at in (value for value in row.values() if isinstance(value, date)):
            assert 1 <= at.year <= 9999


def declared_as(file_format: str, **arrival: Any) -> LandingContract:
    return contract(*COLUMNS, format=file_format, **arrival)


FORMATS = {"csv": (LINES, as_csv), "ndjson": (CELLS, as_ndjson), "json": (CELLS, as_json)}

#: A failing case is not made smaller: each look costs a table.
PHASES = (Phase.explicit, Phase.generate)


def law(examples: int, kind: str) -> None:
    """Try so many files of a format, or batches of a stream."""

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, phases=PHASES)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        if kind in STREAMS:
            deliver_stream(data.draw(CELLS), kind)
            return
        adopt = data.draw(st.booleans())
        if kind == "parquet":
            deliver(data.draw(parquet_files()), declared_as(kind), adopt=adopt)
            return
        rows, write = FORMATS[kind]
        deliver(write(data.draw(rows)), declared_as(kind), adopt=adopt)

    holds()


STREAMS = ("stream json", "debezium", "dms")


def deliver_stream(rows: list[dict[str, Any]], kind: str) -> None:
    """Put records, commit and read them back."""
    declared = declared_as(kind.removeprefix("stream "), stream=True, event_time="moment", lateness_seconds=60)
    changes: dict[str, Any] = {
        "stream json": lambda row: row,
        "debezium": lambda row: debezium("c", after=row),
        "dms": lambda row: dms("insert", row),
    }
    records = [json.dumps(changes[kind](row)).encode() for row in objects(rows)]
    with world(declared) as lake:
        sent = [record(data, number) for number, data in enumerate(records)]
        ingest_records(sent, Project((declared,)), lake.settings, lake.store)
        drain_stream(declared, lake, record=lambda *_: None, announce=lambda _: None)
        found = by_id(read_back(lake.table("bronze", "things")))
        kept = read_back(lake.table("quarantine", "things"))
        assert len(found) + len(kept) == len(records)
        assert {bytes(row["record"]) for row in kept} == {
            records[n] for n in range(len(records)) if f"r{n}" not in found
        }
        if kind == "stream json":
            accepted, _ = read(b"\n".join(records), declared_as("ndjson"))
            assert found == by_id(accepted.to_pylist())
        else:
            checked, _ = check_changes(records, declared)
            assert found == by_id([row for part in checked for row in part.accepted.to_pylist()])


@pytest.mark.parametrize("kind", [*FORMATS, "parquet", *STREAMS])
@pytest.mark.slow
def test_what_is_accepted_is_committed_and_read_back_equal(kind: str) -> None:
    law(2, kind)


@pytest.mark.proof
@pytest.mark.parametrize("kind", [*FORMATS, "parquet", *STREAMS])
def test_what_is_accepted_is_committed_and_read_back_equal_many_times(kind: str) -> None:
    law(200, kind)


def every_awkward_value() -> list[dict[str, str]]:
    values = [*TEXTS, *NUMBERS, *DATES]
    return [{name: value} for name in NAMES for value in values]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*FORMATS])
def test_every_awkward_value_of_every_type_is_committed_and_read_back_equal(kind: str) -> None:
    deliver(FORMATS[kind][1](every_awkward_value()), declared_as(kind), adopt=kind == "csv")


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.slow
def test_every_awkward_value_of_every_type_that_comes_by_stream_is_read_back_equal(kind: str) -> None:
    deliver_stream(list(every_awkward_value()), kind)


#: All of them at once are in every format above; here each is the greatest of its file, a share of them always.
@pytest.mark.parametrize(
    "text", [pytest.param(text, marks=() if n % 4 == 0 else pytest.mark.proof) for n, text in enumerate(LONG)]
)
def test_text_that_has_no_next_one_is_committed(text: str) -> None:
    deliver(as_csv([{"text": text}]), declared_as("csv"), adopt=False)
