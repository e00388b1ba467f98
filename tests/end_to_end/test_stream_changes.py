"""Real changes of Debezium and AWS DMS through Kinesis: bronze holds each, and the rows they leave follow from it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sluice.confined import connect
from sluice.contracts import AnyContract, ColumnType, DerivedContract, LandingContract
from sluice.load import load_contracts
from sluice.project import Project
from sluice.transforms.compile import compile_project
from tests.end_to_end.running import CONTRACTS, Deployment
from tests.end_to_end.streaming import Placed, arriving, content, put, tables
from tests.real_data import real_data

pytestmark = [pytest.mark.slow, pytest.mark.real_data]

#: The data set's folders in the order in which they are sent, by dataset.
SERIES = {
    "debezium_products": (
        "debezium/table/schemaevolution",
        "debezium/table/startupmode",
        "debezium/table/watermark",
        "debezium/table/nullvalue",
        "debezium/table/nestedtype",
        "debezium/table/schema/schemaevolution",
        "debezium/table/schema/computedcolumn",
        "debezium/table/schema/include",
    ),
    "dms_products": ("aws-dms/table/schemaevolution", "aws-dms/table/startupmode", "aws-dms/table/watermark"),
    "debezium_days": ("debezium/table/computedcolumn", "debezium/table/metadatacolumn"),
    "dms_days": ("aws-dms/table/computedcolumn", "aws-dms/table/metadatacolumn"),
    "debezium_types": ("debezium/table/schema/alltype",),
}
OPERATIONS = {"c": "insert", "u": "update", "d": "delete", "r": "read"}
#: How bronze has what the source sends otherwise.
AS_SENT: dict[str, Callable[[Any], Any]] = {
    "_date": date.fromisoformat,
    "date": date.fromisoformat,
    "age": str,
    "weight": float,
    "row": lambda value: json.dumps(value, separators=(",", ":")),
}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def declared() -> dict[str, LandingContract]:
    return {contract.name: contract for contract in Project(load_contracts([CONTRACTS[1]])).arriving}


@pytest.fixture(scope="module")
def project(declared: dict[str, LandingContract], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A transform for each dataset that applies its changes, compiled as the product compiles its own."""
    folder = tmp_path_factory.mktemp("transforms") / "silver"
    folder.mkdir()
    contracts: list[AnyContract] = []
    for name in SERIES:
        bronze = declared[name]
        (folder / f"{name}.py").write_text(
            "from sluice.transforms import transform\nfrom sluice.transforms.changes import current_rows\n\n\n"
            f'@transform(changes="bronze.{name}")\ndef {name}(changes):\n'
            f"    return current_rows(changes, {list(bronze.key)})\n"
        )
        changed_at = msgspec.structs.replace(bronze.columns[0], name="_changed_at", type=ColumnType("timestamp"))
        columns = (*bronze.columns, changed_at)
        contracts += [bronze, DerivedContract(bronze.name, "silver", columns, key=bronze.key, file=bronze.file)]
    return compile_project(tuple(contracts), folder.parent)


@pytest.fixture(scope="module")
def sent(deployed: Deployment) -> dict[str, list[tuple[bytes, Placed]]]:
    """Every change, with its place on its dataset's stream, by folder."""
    root = real_data("cdc-paimon-debezium-dms")
    found = {}
    with ExitStack() as all_of_them:
        for dataset, folders in SERIES.items():
            records = {folder: _records(root / folder) for folder in folders}
            more = all_of_them.enter_context(arriving(deployed, dataset))
            places = iter(put(deployed, dataset, [record for part in records.values() for record in part]))
            found |= {folder: [(record, next(places)) for record in part] for folder, part in records.items()}
            more(sum(map(len, records.values())))
    return found


def _records(folder: Path) -> list[bytes]:
    """Return a folder's changes in the order of its files; some begin with their licence."""
    lines = [line for file in sorted(folder.glob("*.txt")) for line in file.read_bytes().splitlines()]
    return [line for line in lines if line.startswith(b"{")]


def test_bronze_holds_every_change(deployed: Deployment, sent: dict[str, list[tuple[bytes, Placed]]]) -> None:
    assert sum(map(len, sent.values())) == 46
    for dataset, folders in SERIES.items():
        found = tables(deployed, dataset)
        for folder in folders:
            held = content(found, [place for _, place in sent[folder]])
            assert held["quarantine"] == []
            expected = Counter(_operation(json.loads(record)) for record, _ in sent[folder])
            assert Counter(row["_operation"] for row in held["bronze"]) == expected, folder


def _operation(event: Row) -> str:
    event = event.get("payload", event)
    return str(event["metadata"]["operation"] if "metadata" in event else OPERATIONS[event["op"]])


@pytest.mark.parametrize(
    ("dataset", "folder"),
    [(dataset, folder) for dataset, folders in SERIES.items() for folder in folders if dataset != "debezium_types"],
)
def test_the_changes_leave_the_rows_that_they_imply(
    deployed: Deployment,
    sent: dict[str, list[tuple[bytes, Placed]]],
    project: Project,
    declared: dict[str, LandingContract],
    dataset: str,
    folder: str,
) -> None:
    wanted = {place.sequence for _, place in sent[folder]}
    bronze = deployed.table(f"bronze.{dataset}").scan().to_arrow()
    picked = bronze.filter(pc.is_in(bronze["_sequence"], pa.array(wanted)))
    assert picked.num_rows == len(wanted)

    found = _applied(project, dataset, picked)

    assert found == _expected([record for record, _ in sent[folder]], declared[dataset])
    assert found


def _applied(project: Project, dataset: str, bronze: pa.Table) -> dict[Any, Row]:
    connection = connect()
    connection.execute("CREATE SCHEMA bronze")
    connection.register("given", bronze)
    connection.execute(f"CREATE TABLE bronze.{dataset} AS FROM given")
    rows = connection.sql(project.transform(f"silver.{dataset}").sql).to_arrow_table().drop_columns(["_changed_at"])
    return {row[rows.column_names[0]]: row for row in rows.to_pylist()}


def _expected(records: list[bytes], contract: LandingContract) -> dict[Any, Row]:
    """Return the rows that the events imply, found without the product: by their own times, then as they came."""
    key = contract.column(contract.key[0]).header
    steps = []
    for arrival, record in enumerate(records):
        event = json.loads(record)
        event = event.get("payload", event)
        if "metadata" in event:
            row, time = event["data"], event["metadata"]["timestamp"]
        else:
            row, time = event["after"] or event["before"], f"{event['source']['ts_ms']:020}"
        steps.append((time, arrival, _operation(event) == "delete", row))
    found: dict[Any, Row] = {}
    for _, _, removed, row in sorted(steps, key=lambda step: step[:2]):
        found.pop(row[key], None)
        if not removed:
            sent = {c.name: (c.header, row.get(c.header)) for c in contract.columns}
            found[row[key]] = {
                name: None if value is None else AS_SENT.get(header, lambda same: same)(value)
                for name, (header, value) in sent.items()
            }
    return found


def test_a_person_reads_the_same_rows_in_the_events(
    deployed: Deployment, sent: dict[str, list[tuple[bytes, Placed]]], project: Project
) -> None:
    for dataset in ("debezium_products", "dms_products"):
        (folder,) = [name for name in SERIES[dataset] if name.count("/") == 2 and name.endswith("schemaevolution")]
        wanted = pa.array([place.sequence for _, place in sent[folder]])
        bronze = deployed.table(f"bronze.{dataset}").scan().to_arrow()
        rows = _applied(project, dataset, bronze.filter(pc.is_in(bronze["_sequence"], wanted)))
        assert sorted(rows) == [102, 103, 104, 105, 107]
        assert rows[105]["address"] == "Beijing"


def test_a_row_of_many_types_is_exact(
    deployed: Deployment, sent: dict[str, list[tuple[bytes, Placed]]], project: Project
) -> None:
    bronze = deployed.table("bronze.debezium_types").scan().to_arrow()

    (row,) = _applied(project, "debezium_types", bronze).values()

    assert row == {
        "number": 1,
        "pt": Decimal("1.1"),
        "bit1": True,
        "bigint_unsigned": Decimal(20000000000),
        "fixed": Decimal("123456789876543212345678987654321.110"),
        "big_decimal": Decimal("2222222222222222300000001111.1234567890"),
        "date_": date(2023, 3, 23),
        "datetime": datetime(2023, 3, 23, 14, 30, 5),
        "datetime6": datetime(2023, 3, 23, 14, 30, 5, 123456),
        "timestamp0": datetime(2023, 3, 23, 7, 10),
        "char_": "Paimon",
        "json_": '{"a": "b"}',
        "year_": 2023,
        "time_": "10:13:23",
    }
