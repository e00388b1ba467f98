"""What an earlier commit wrote is read as it was meant: ledger, tokens, staged units, snapshots of derived tables.

``deployed_state.json`` was taken from a deployment of commit 7cbf2bf (bucket names shortened). Whoever renames a field
of what is stored reads the old name, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from moto import mock_aws
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from sluice import storage
from sluice.compiled import Backfill
from sluice.ingestion.commit_stream import Held, held_by
from sluice.ingestion.stage import decode_unit
from sluice.ledger import Ledger
from sluice.refresh.record import Made
from sluice.refresh.tables import described_run, made_from
from sluice.tables.tokens import PROPERTY, read_tokens

STATE: dict[str, Any] = json.loads(Path(__file__).with_name("deployed_state.json").read_text())


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger with the items that were stored."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        storage.client.cache_clear()
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "dataset", "KeyType": "HASH"},
                {"AttributeName": "entry", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "dataset", "AttributeType": "S"},
                {"AttributeName": "entry", "AttributeType": "S"},
            ],
        )
        for item in STATE["ledger"]:
            dynamodb.put_item(TableName="ledger", Item=item)
        yield Ledger("ledger")
        storage.client.cache_clear()


def stored(catalog: Catalog, name: str, **replaced: str) -> Table:
    """Return a table whose properties and newest snapshot say what the stored one's did."""
    kept = STATE["tables"][name]
    table = catalog.create_table(name, pa.schema([("id", pa.int64())]), properties=kept["properties"] | replaced)
    table.append(pa.table({"id": [1]}), snapshot_properties=kept["summary"])
    return catalog.load_table(name)


def test_a_stored_ledger_is_read(ledger: Ledger) -> None:
    (committed,) = ledger.deliveries("ad_spend")
    assert (committed.status, committed.accepted, committed.quarantined) == ("committed", 243, 10)
    assert committed.reasons == {"unparseable": 5, "out_of_range": 3, "missing_required": 2}
    assert ledger.known([("ad_spend", committed.delivery_id)]) == {committed.delivery_id: committed}
    (staged,) = ledger.deliveries("order_lines")
    assert (staged.status, staged.size) == ("staged", 42975)
    (shard,) = ledger.shards("clickstream")
    assert (shard.shard, shard.accepted, shard.quarantined) == ("clickstream/shardId-000000000000", 2940, 60)
    (run,) = ledger.runs()
    assert (run["table"], run["engine"], run["rows"], run["status"]) == (
        "silver.exchange_rates", "duckdb", 320, "published"
    )  # fmt: skip
    (request,) = ledger.backfills()
    assert request == Backfill("gold.daily_sales", "day", "2025-01-03", "2025-01-05", "2026-11-26T04:55:00+00:00")


def test_stored_tokens_say_which_deliveries_a_table_holds(catalog: Catalog, tmp_path: Path) -> None:
    segment = STATE["tables"]["bronze.orders"]["segment"]
    file = tmp_path / "segment.json"
    file.write_text(json.dumps(segment))
    (kept,) = json.loads(STATE["tables"]["bronze.orders"]["properties"][PROPERTY])
    table = stored(catalog, "bronze.orders", **{PROPERTY: json.dumps([kept | {"path": f"file://{file}"}])})
    log = read_tokens(table)
    assert all(token["delivery_id"] in log for token in segment)
    assert log.tokens[segment[0]["delivery_id"]].rows == segment[0]["rows"] > 0


def test_a_stream_goes_on_after_the_record_that_was_stored(catalog: Catalog) -> None:
    held = held_by(stored(catalog, "bronze.clickstream"))
    assert held == {
        "clickstream/shardId-000000000000": Held(
            2940, "49000000000000000000000000000000000000000000000000003003", 1795668719.569
        )
    }


@pytest.mark.parametrize("unit", STATE["units"], ids=lambda unit: str(unit["dataset"]))
def test_a_staged_unit_is_committed_by_the_code_that_comes_after(unit: dict[str, Any]) -> None:
    read = decode_unit(json.dumps(unit))
    assert (read.dataset, read.attempt, list(read.rows), read.records) == (
        unit["dataset"], unit["attempt"], unit["rows"], unit["records"]
    )  # fmt: skip
    assert [each.delivery_id for each in read.deliveries] == [
        each["delivery_id"] for each in unit.get("deliveries", [])
    ]


def test_a_derived_snapshot_says_what_it_was_made_from_and_how(catalog: Catalog) -> None:
    table = stored(catalog, "silver.orders")
    inputs = json.loads(STATE["tables"]["silver.orders"]["summary"]["sluice.inputs"])
    assert made_from(table) == Made("9f0784da0ecdb1d86bd7a2f08a54b130", inputs, "2583d2ef01f62fa7924a476f26c9f6a7")
    run = described_run(table, "silver.orders")
    assert run.incremental
    assert run.reason == "changes of bronze.orders"
