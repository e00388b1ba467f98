"""The buckets of an environment that keeps no data are emptied when its stack goes, and at no other time."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.empty_buckets import handler as module
from tests.lambdas.cloudformation import CloudFormation

PLAIN, VERSIONED = "plain-of-this-test", "versioned-of-this-test"
ENOUGH_TIME = SimpleNamespace(get_remaining_time_in_millis=lambda: 800_000)


class Stacks:
    """CloudFormation's DescribeStacks."""

    status = "DELETE_IN_PROGRESS"

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        assert StackName == "s"
        return {"Stacks": [{"StackStatus": self.status}]}


@pytest.fixture
def stacks() -> Stacks:
    return Stacks()


@pytest.fixture
def s3(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        monkeypatch.setattr(module, "client", lambda service: {"s3": s3, "cloudformation": stacks}[service])
        for bucket in (PLAIN, VERSIONED):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
        for number in range(3):
            s3.put_object(Bucket=PLAIN, Key=f"a/{number}", Body=b"x")
            s3.put_object(Bucket=VERSIONED, Key="b/ü +%.csv", Body=f"{number}".encode())
        s3.delete_object(Bucket=VERSIONED, Key="b/ü +%.csv")
        yield s3


def versions(s3: Any, bucket: str) -> int:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return sum(len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) for page in pages)


def asked(cloudformation: CloudFormation, kind: str, context: Any = ENOUGH_TIME) -> dict[str, Any]:
    module.handler(cloudformation.event(kind, {"Buckets": [PLAIN, VERSIONED]}), context)
    (answer,) = cloudformation.answers
    return answer


@pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_every_version_goes_with_the_stack(
    cloudformation: CloudFormation, s3: Any, stacks: Stacks, status: str
) -> None:
    stacks.status = status
    assert asked(cloudformation, "Delete")["Status"] == "SUCCESS"
    for bucket in (PLAIN, VERSIONED):
        assert versions(s3, bucket) == 0
        s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    "status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]
)
def test_where_the_stack_stays_nothing_is_touched(
    cloudformation: CloudFormation, s3: Any, stacks: Stacks, status: str
) -> None:
    """`keep_data: true` takes this resource out of its stack: then it is deleted, and the stack is not."""
    stacks.status = status
    assert asked(cloudformation, "Delete")["Status"] == "SUCCESS"
    assert (versions(s3, PLAIN), versions(s3, VERSIONED)) == (3, 4)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_is_deleted_before(cloudformation: CloudFormation, s3: Any, kind: str) -> None:
    assert asked(cloudformation, kind) == {
        "Status": "SUCCESS", "Reason": "done", "PhysicalResourceId": "sluice-contents", "StackId": "s",
        "RequestId": "r", "LogicalResourceId": "Tables",
    }  # fmt: skip
    assert (versions(s3, PLAIN), versions(s3, VERSIONED)) == (3, 4)


def test_a_bucket_with_more_than_time_allows_says_to_delete_again(cloudformation: CloudFormation, s3: Any) -> None:
    hurried = SimpleNamespace(get_remaining_time_in_millis=lambda: 29_000)
    answer = asked(cloudformation, "Delete", hurried)
    assert (answer["Status"], PLAIN in answer["Reason"], "Delete the stack again" in answer["Reason"]) == (
        "FAILED", True, True,
    )  # fmt: skip
    assert versions(s3, VERSIONED) == 4


def test_an_error_is_answered(cloudformation: CloudFormation, s3: Any) -> None:
    for number in range(3):
        s3.delete_object(Bucket=PLAIN, Key=f"a/{number}")
    s3.delete_bucket(Bucket=PLAIN)
    answer = asked(cloudformation, "Delete")
    assert (answer["Status"], "NoSuchBucket" in answer["Reason"]) == ("FAILED", True)
