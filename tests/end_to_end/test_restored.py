"""A drill: the ledger is dropped, the databases of Glue and the landed files are deleted, and all comes back.

What it takes is printed, step by step: ``pytest -s``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.end_to_end.new_shop import ACCEPTED, LATER, Shop, running_shop
from tests.waiting import until

pytestmark = pytest.mark.slow
DATABASES = ("bronze", "gold", "quarantine", "silver")
COUNTS = ("dataset", "deliveries", "accepted", "quarantined", "retracted", "reasons")
TABLES = ("bronze.visits", "gold.daily_visits", "quarantine.visits")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("restored")) as found:
        found.deliver("dev", "one.csv", (found.folder / "samples" / "visits.csv").read_text())
        yield found


@contextmanager
def told(step: str) -> Iterator[None]:
    """Print how long a step takes."""
    begun = time.monotonic()
    yield
    sys.stdout.write(f"{step}: {time.monotonic() - begun:.1f} s\n")


def seen(shop: Shop) -> dict[str, Any]:
    """What readers see of the tables, and what the ledger says."""
    counted = json.loads(shop.run("status", "--json"))
    rows = {table: shop.rows("dev", table) for table in TABLES}
    # Not how often an event came again: that alone is lost with what an older ledger does not know.
    datasets = [{name: each[name] for name in COUNTS} for each in counted["datasets"]]
    return {**rows, "delivered": counted["delivered"], "datasets": datasets}


def restored_ledger(shop: Shop, name: str) -> None:
    """Restore the first backup that a deletion of the ledger made."""
    dynamodb = shop.client("dynamodb")
    backups = dynamodb.list_backups(TableName=name, BackupType="SYSTEM")["BackupSummaries"]
    backup = min(backups, key=lambda each: each["BackupCreationDateTime"])
    dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=backup["BackupArn"])
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    recovery = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)


def undeleted(shop: Shop, bucket: str) -> int:
    """Remove the marks that objects are deleted; return how many there were."""
    s3 = shop.client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    marks = [mark for page in pages for mark in page.get("DeleteMarkers", ()) if mark["IsLatest"]]
    for mark in marks:
        s3.delete_object(Bucket=bucket, Key=mark["Key"], VersionId=mark["VersionId"])
    return len(marks)


def test_ledger_tables_and_landed_files_come_back_and_the_lake_goes_on(shop: Shop) -> None:
    dynamodb, glue, s3 = shop.client("dynamodb"), shop.client("glue"), shop.client("s3")
    outputs = json.loads(shop.run("outputs", "--json"))
    ledger, landing = outputs["LedgerTableName"], outputs["LandingBucketName"]
    before = seen(shop)
    assert len(before["bronze.visits"]) == ACCEPTED
    assert before["delivered"] == 1
    version = s3.head_object(Bucket=landing, Key="visits/one.csv")["VersionId"]

    dynamodb.delete_table(TableName=ledger)
    for database in DATABASES:
        glue.delete_database(Name=database)
    s3.delete_object(Bucket=landing, Key="visits/one.csv")
    assert "Contents" not in s3.list_objects_v2(Bucket=landing)

    with told("the ledger, from the backup that its deletion made"):
        restored_ledger(shop, ledger)
    with told("the tables, registered from their newest metadata"):
        planned = json.loads(shop.run("restore", "--dry-run", "--json"))
        assert glue.get_databases()["DatabaseList"] == []
        done = json.loads(shop.run("restore", "--json"))
    with told("the landed files, whose marks are removed"):
        assert undeleted(shop, landing) == 1
    assert done == {**planned, "done": True}
    assert done["databases"] == list(DATABASES)
    assert done["tables"].keys() >= set(TABLES)
    assert seen(shop) == before

    # The same version is delivered again, and the same content as a new one: both are known.
    thing = {"bucket": {"name": landing}, "object": {"key": "visits/one.csv", "size": 1, "version-id": version}}
    event = json.dumps({"detail-type": "Object Created", "source": "aws.s3", "detail": thing})
    shop.client("sqs").send_message(QueueUrl=outputs["LandingQueueUrl"], MessageBody=event)
    shop.deliver("dev", "one.csv", (shop.folder / "samples" / "visits.csv").read_text())
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def read() -> bool:
        asked = shop.client("sqs").get_queue_attributes(QueueUrl=outputs["LandingQueueUrl"], AttributeNames=names)
        return not any(int(asked["Attributes"][name]) for name in names)

    assert until(read, "the message is read")
    again = seen(shop)
    assert {table: again[table] for table in TABLES} == {table: before[table] for table in TABLES}

    shop.deliver("dev", "two.csv", LATER)
    assert len(shop.rows("dev", "bronze.visits")) == ACCEPTED + 1
    newest = seen(shop)

    # An older ledger, which does not know the last file: its tables do, and the sweep has the ledger told.
    dynamodb.delete_table(TableName=ledger)
    with told("a ledger of before, and what it does not know found again"):
        restored_ledger(shop, ledger)
        assert seen(shop)["datasets"] != newest["datasets"]
        function = outputs["SweepFunctionName"]
        answer = shop.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"unnoticed": 0.001}))
        assert "FunctionError" not in answer, answer["Payload"].read()
        shop.run("status", "--wait", "--timeout", "120")
    again = seen(shop)
    assert {table: again[table] for table in TABLES} == {table: newest[table] for table in TABLES}
    assert again["datasets"] == newest["datasets"]
    assert shop.run("restore").strip() == "Glue has every table that the contracts declare."
