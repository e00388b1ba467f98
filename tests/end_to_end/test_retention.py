"""The deployed maintenance deletes what is older than its contract says, and nothing else; the state tells of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from sluice.ledger import Ledger
from sluice.tables.commit import append, write_data_files
from tests.end_to_end.running import Deployment, as_csv, sluice
from tests.waiting import until

pytestmark = pytest.mark.slow

DATASET = "returned_parcels"


def aged(deployed: Deployment, database: str, rows: int) -> None:
    """Append rows that were read 41 days ago, as a commit of then left them; no test can wait for them to get old."""
    table = deployed.table(f"{database}.{DATASET}")
    read = (datetime.now(UTC) - timedelta(days=41)).replace(tzinfo=None)
    old = {"_delivery_id": ["of-then"] * rows, "_position": list(range(rows)), "_ingested_at": [read] * rows}
    given = pa.table({name: pa.array(old[name], table.schema().as_arrow().field(name).type) for name in old})
    append(table, write_data_files(table, given), summary={}, properties={})


def test_the_daily_maintenance_retires_old_rows_and_leaves_young_ones(deployed: Deployment) -> None:
    (notice,) = deployed.put_all({f"{DATASET}/kept.csv": as_csv([("K1", 10, ""), ("K2", 0, "weighs nothing")])})
    deployed.ended([notice])
    for database, rows in (("bronze", 3), ("quarantine", 2)):
        aged(deployed, database, rows)
    before = {name: deployed.rows(f"{name}.{DATASET}", f"{DATASET}/kept") for name in ("bronze", "quarantine")}
    assert all(before.values())

    answer = deployed.client("lambda").invoke(
        FunctionName=deployed.function("Sweep"), Payload=json.dumps({"maintain": True}).encode()
    )
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read())["maintained"] >= 6
    ledger = Ledger(deployed.outputs["LedgerTableName"])
    found = until(
        lambda: len(told := ledger.recorded(DATASET).retirements) == 2 and told, "both tables are in the ledger"
    )
    assert {(each.place, each.rows, each.files) for each in found or ()} == {
        (f"bronze.{DATASET}", 3, 1),
        (f"quarantine.{DATASET}", 2, 1),
    }

    deployed.quiet()
    for database in ("bronze", "quarantine"):
        assert not [row for row in deployed.rows(f"{database}.{DATASET}") if row["_delivery_id"] == "of-then"]
        assert deployed.rows(f"{database}.{DATASET}", f"{DATASET}/kept") == before[database]
    assert notice in deployed.versions(f"{DATASET}/")
    deployed.announce([notice] * 3, shuffled=1)
    deployed.quiet()
    assert deployed.rows(f"bronze.{DATASET}", f"{DATASET}/kept") == before["bronze"]
    (said,) = json.loads(sluice("status", DATASET, "--json").stdout)["datasets"]
    assert said["retired"] == {f"bronze.{DATASET}": 3, f"quarantine.{DATASET}": 2}
