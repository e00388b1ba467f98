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

pytestmark = pytest.mark.slow

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
    return sorted((each.place, each.rows, each.files) for each in kept.ledger.recorded("things").retirements)


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


def keep_record(kept: Retention, key: str) -> None:
    """Put a record that is kept as an object into the lake, or what else is there."""
    boto3.client("s3").put_object(Bucket="lake", Key=key, Body=b"long")


def lake_keys() -> list[str]:
    return [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket="lake").get("Contents", [])]


@pytest.mark.parametrize("missing", ["lower_bounds", "null_value_counts"])
def test_records_stay_where_a_file_of_quarantine_does_not_tell_how_old_its_rows_are(
    kept: Retention, missing: str
) -> None:
    keep_record(kept, "records/things/long-1")
    table = kept.lake.table("quarantine", "things")
    when = pa.array([TODAY.replace(tzinfo=None), (TODAY + timedelta(days=20)).replace(tzinfo=None)], pa.timestamp("us"))
    files = write_data_files(table, pa.table({"_delivery_id": ["d", "d"], "_ingested_at": when}))
    getattr(files[0], missing).clear()
    append(table, files, summary={}, properties={})
    later(kept, 31.5).keep()
    assert lake_keys() == ["records/things/long-1"]
    later(kept, 52).keep()
    assert lake_keys() == []


def test_a_record_that_was_kept_just_before_the_oldest_row_was_read_stays(kept: Retention) -> None:
    keep_record(kept, "records/things/long-1")
    add(kept, "quarantine", -0.1, -1)  # its row was read hours after it was kept
    later(kept, 30.5).keep()
    assert lake_keys() == ["records/things/long-1"]
    later(kept, 32).keep()
    assert lake_keys() == []


@pytest.mark.parametrize("unit", ["staging/things/a1-quarantine-1.parquet", "set-aside/things/a1-5.json"])
def test_records_stay_that_a_unit_may_point_to_which_is_in_no_table_yet(kept: Retention, unit: str) -> None:
    keep_record(kept, "records/things/long-1")
    keep_record(kept, unit)
    later(kept, 80).keep()
    assert lake_keys() == ["records/things/long-1", unit]
    boto3.client("s3").delete_object(Bucket="lake", Key=unit)
    keep_record(kept, unit.replace("/things/", "/things_of_others/"))
    later(kept, 80).keep()
    assert "records/things/long-1" not in lake_keys()


def test_a_retirement_is_announced_also_when_the_call_before_died_untold_and_nothing_else_is(
    kept: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_of: dict[str, int] = {}
    announcing = Retention(THINGS, kept.lake, kept.ledger, TODAY, announce=told_of.update)
    add(kept, "bronze", 29)
    announcing.keep()
    assert told_of == {}
    add(kept, "bronze", 31)
    kept.retire_rows("bronze")
    announcing.keep()
    snapshot = kept.lake.table("bronze", "things").current_snapshot()
    assert snapshot is not None
    assert told_of == {"bronze.things": snapshot.snapshot_id}


def test_an_object_that_s3_keeps_is_an_error_once_all_others_are_gone_and_counted(
    kept: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, goes = land(kept, "things/a.csv", "committed"), land(kept, "things/b.csv", "committed")
    keep_record(kept, "records/things/long-1")
    real = storage.client("s3").delete_objects

    def some(Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        held = [each for each in Delete["Objects"] if each["Key"] in ("things/a.csv", "records/things/long-1")]
        if others := [each for each in Delete["Objects"] if each not in held]:
            real(Bucket=Bucket, Delete={"Objects": others})
        return {"Errors": [each | {"Code": "AccessDenied"} for each in held]}

    monkeypatch.setattr(storage.client("s3"), "delete_objects", some)
    for _ in range(2):
        with pytest.raises(OSError, match=r"S3 kept 2 objects .*s3://lake/records/things/long-1: AccessDenied"):
            later(kept, 32).keep()
    assert (goes in versions(), versions()) == (False, {stays})
    assert told(kept) == [("landing", 0, 1)]
