"""A deployment with its own key for more than buckets works, and so does what is delivered after it is off, and on.

What was encrypted before it was turned off is not asked for: on AWS it is lost, and the local AWS keeps no key of it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.bundle import Bundle, layer_folder
from sluice.project import Project
from tests.folders import CACHE, ENVIRONMENTS
from tests.infra.people import Deployed, click, hidden, orders
from tests.infra.templates import synthesize

pytestmark = pytest.mark.slow


def keys(deployed: Deployed) -> dict[str, str]:
    """Return by which key each queue, topic, stream, table and log group of the deployment is encrypted."""
    sqs, sns, kinesis = (deployed.admin(name) for name in ("sqs", "sns", "kinesis"))
    found: dict[str, Any] = {}
    for url in sqs.list_queues()["QueueUrls"]:
        found[url] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"].get("KmsMasterKeyId")
    for topic in (each["TopicArn"] for each in sns.list_topics()["Topics"]):
        found[topic] = sns.get_topic_attributes(TopicArn=topic)["Attributes"].get("KmsMasterKeyId")
    for name in kinesis.list_streams()["StreamNames"]:
        found[name] = kinesis.describe_stream(StreamName=name)["StreamDescription"].get("KeyId")
    ledger = deployed.admin("dynamodb").describe_table(TableName=deployed.outputs["LedgerTableName"])["Table"]
    found["ledger"] = ledger.get("SSEDescription", {}).get("KMSMasterKeyArn")
    for group in deployed.admin("logs").describe_log_groups()["logGroups"]:
        if "sluice-dev" in group["logGroupName"]:
            found[group["logGroupName"]] = group.get("kmsKeyId")
    return found


def own(deployed: Deployed) -> str:
    """Return the ARN of the deployment's key."""
    asked = deployed.admin("s3").get_bucket_encryption(Bucket=deployed.lake)
    (rule,) = asked["ServerSideEncryptionConfiguration"]["Rules"]
    return str(rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"])


def delivers(deployed: Deployed, number: int) -> None:
    """Deliver a file and a record, and wait until nothing is on its way; what fails or is dead ends the wait with 1."""
    deployed.admin("s3").put_object(Bucket=deployed.landing, Key=f"orders/{number}.ndjson.gz", Body=orders(number))
    deployed.admin("kinesis").put_record(StreamName="clicks", Data=click(number), PartitionKey="1")
    deployed.role("StewardRoleArn").did("status", "--wait", "--timeout", "150")
    entries = str(deployed.admin("dynamodb").scan(TableName=deployed.outputs["LedgerTableName"])["Items"])
    assert f"orders/{number}.ndjson.gz" in entries


def test_all_is_encrypted_and_what_is_delivered_arrives(encrypted: Deployed) -> None:
    found = keys(encrypted)
    assert len(found) > 20
    assert set(found.values()) == {own(encrypted)}
    delivers(encrypted, 100)


def test_what_is_delivered_after_it_was_turned_off_and_on_again_arrives(
    encrypted: Deployed, project: Project, bundle: Bundle, tmp_path: Path
) -> None:
    real = Bundle(bundle.code, layer_folder(CACHE), bundle.transforms)
    dev = replace(ENVIRONMENTS["dev"], producers={"orders": (), "clicks": (), "readings": ()})
    for number, on in enumerate([False, True]):
        environment = replace(dev, customer_key=on)
        cloud = synthesize(environment, hidden(project, "session_id"), real, tmp_path / str(number))
        encrypted.aws.deploy(cloud.folder)
        assert (own(encrypted) in keys(encrypted).values()) is on
        delivers(encrypted, 200 + number)
    assert set(keys(encrypted).values()) == {own(encrypted)}
