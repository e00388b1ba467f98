"""A dataset's maintenance deletes what its retention ended, counts it once, and nothing that is in no table yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pyarrow as pa
import pytest
from moto import mock_aws
from pyiceberg.catalog import Catalog

from sluice import storage
from sluice.ingestion.commit import Lake
from sluice.ingestion.landing import Notice
from sluice.ingestion.retention import Retention
from sluice.ledger import Delivery, Ledger
from sluice.project import Project
from sluice.settings import Settings
from sluice.storage import S3Store
from sluice.tables.commit import append, write_data_files
from sluice.tables.manage import ensure_tables
from tests.sluice.ingestion.reading import column, contract
from tests.sluice.ingestion.test_commit import LocalSettings

THINGS = msgspec.structs.replace(contract(column("id")), retention_days=30)
TODAY = datetime.now(UTC)


@pytest.fixture
def kept(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retention]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        storage.client.cache_clear()
        for bucket in ("landing", "lake"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        versioning = {"Status": "Enabled"}
        boto3.client("s3").put_bucket_versioning(Bucket="landing", VersioningConfiguration=versioning)
        boto3.client("dynamodb").create_table(
            TableName="ledger",
            KeySchema=[
                {"AttributeName": "dataset", "KeyType": "HASH"},
                {"AttributeName": "entry", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("dataset", "entry")],
            BillingMode="PAY_PER_REQUEST",
        )
        ensure_tables(catalog, Project((THINGS,)), LocalSettings(folder=str(tmp_path / "tables")))
        lake = Lake(catalog, S3Store(), Settings(landing_bucket="landing", lake_bucket="lake"))
        yield Retention(THINGS, lake, Ledger("ledger"), TODAY)
        storage.client.cache_clear()


def add(kept: Retention, database: str, *days_ago: float) -> None:
    """Append one file with a row read so many days ago for each of ``days_ago``."""
    table = kept.lake.table(database, "things")
    when = [(TODAY - timedelta(days=days)).replace(tzinfo=None) for days in days_ago]
    rows = pa.table({"_delivery_id": ["d"] * len(when), "_ingested_at": pa.array(when, pa.timestamp("us"))})
    append(table, write_data_files(table, rows), summary={}, properties={})


def land(kept: Retention, key: str, status: Any, *, days_ago: float = 0) -> str:
    """Put a file into landing, and its state into the ledger; return its version."""
    version: str = boto3.client("s3").put_object(Bucket="landing", Key=key, Body=b"1234")["VersionId"]
    if status:
        notice = Notice("landing", key, version, 4)
        at = (TODAY - timedelta(days=days_ago)).timestamp()
        kept.ledger.record([Delivery("things", notice.delivery_id, status, at=at)])
    return version


def versions() -> set[str]:
    found = boto3.client("s3").list_object_versions(Bucket="landing")
    return {version["VersionId"] for version in found.get("Versions", [])}


def told(kept: Retention) -> list[tuple[str, int, int]]:
    return sorted((each.place, each.rows, each.files) for each in kept.ledger.retirements("things"))


def later(kept: Retention, days: float) -> Retention:
    """The maintenance so many days later."""
    return Retention(kept.contract, kept.lake, kept.ledger, TODAY + timedelta(days=days), kept.time_left)


def test_rows_of_both_tables_go_and_are_counted_once_however_often_it_runs(kept: Retention) -> None:
    for database in ("bronze", "quarantine"):
        add(kept, database, 31, 40)
        add(kept, database, 29, 31)
    for _ in range(2):
        kept.keep()
        assert told(kept) == [("bronze.things", 2, 1), ("quarantine.things", 2, 1)]
    assert kept.lake.table("bronze", "things").scan().to_arrow().num_rows == 2


def test_what_died_before_it_wrote_the_ledger_is_counted_by_the_next(
    kept: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(kept, "bronze", 31)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record_retirements", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            kept.keep()
    assert told(kept) == []
    kept.keep()
    assert told(kept) == [("bronze.things", 1, 1)]


def test_landing_versions_go_once_they_are_old_and_ended_and_no_others(kept: Retention) -> None:
    gone = {land(kept, "things/a.csv", "committed"), land(kept, "things/a.csv", "duplicate"),
            land(kept, "things/b.csv", "rejected")}  # fmt: skip
    on_their_way = {land(kept, "things/c.csv", None), land(kept, "things/d.csv", "staged"),
                    land(kept, "things/e.csv", "set_aside")}  # fmt: skip
    late = land(kept, "things/late.csv", "committed", days_ago=-20)  # committed weeks after it landed
    others = land(kept, "things_of_others/a.csv", "committed")
    kept.keep()
    assert versions() == {*gone, *on_their_way, late, others}
    later(kept, 31).keep()
    assert versions() == {*on_their_way, late, others}
    assert told(kept) == [("landing", 0, 3)]
    later(kept, 51).keep()
    assert versions() == {*on_their_way, others}


def test_records_kept_as_objects_go_with_the_rows_that_point_to_them(kept: Retention) -> None:
    for key in ("records/things/long-1", "records/things_of_others/long-1"):
        boto3.client("s3").put_object(Bucket="lake", Key=key, Body=b"long")

    def keys() -> list[str]:
        return [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="lake").get("Contents", [])]

    add(kept, "quarantine", 0.001)
    add(kept, "quarantine", -1)
    later(kept, 29).keep()
    assert len(keys()) == 2
    later(kept, 32).keep()
    assert keys() == ["records/things_of_others/long-1"]


def test_without_time_nothing_is_begun(kept: Retention) -> None:
    version = land(kept, "things/a.csv", "committed")
    hurried = Retention(kept.contract, kept.lake, kept.ledger, TODAY + timedelta(days=31), lambda: 5.0)
    hurried.keep()
    assert versions() == {version}


def test_an_object_that_s3_keeps_is_an_error(kept: Retention, monkeypatch: pytest.MonkeyPatch) -> None:
    land(kept, "things/a.csv", "committed")
    monkeypatch.setattr(
        storage.client("s3"), "delete_objects", lambda **_: {"Errors": [{"Key": "a", "Code": "AccessDenied"}]}
    )
    with pytest.raises(OSError, match="AccessDenied"):
        later(kept, 31).keep()
    assert told(kept) == []
