"""The buckets of an environment that keeps no data are emptied when its stack goes, and at no other time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.empty_buckets import handler as module
from tests.lambdas.cloudformation import CloudFormation

PLAIN, VERSIONED = "plain-of-this-test", "versioned-of-this-test"
ARN = "arn:aws-cn:lambda:cn-north-1:111122223333:function:f"
ENOUGH_TIME = SimpleNamespace(get_remaining_time_in_millis=lambda: 800_000, invoked_function_arn=ARN)


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
    hurried = SimpleNamespace(get_remaining_time_in_millis=lambda: 29_000, invoked_function_arn=ARN)
    answer = asked(cloudformation, "Delete", hurried)
    assert (answer["Status"], PLAIN in answer["Reason"], "Delete the stack again" in answer["Reason"]) == (
        "FAILED", True, True,
    )  # fmt: skip
    assert versions(s3, VERSIONED) == 4


def test_a_bucket_that_somebody_deleted_is_empty_and_the_others_are_emptied(
    cloudformation: CloudFormation, s3: Any
) -> None:
    for number in range(3):
        s3.delete_object(Bucket=PLAIN, Key=f"a/{number}")
    s3.delete_bucket(Bucket=PLAIN)
    assert asked(cloudformation, "Delete")["Status"] == "SUCCESS"
    assert versions(s3, VERSIONED) == 0


def test_nothing_is_let_in_once_it_is_emptied(cloudformation: CloudFormation, s3: Any) -> None:
    """Access logs come hours later, and a function that runs still may write: they would fill it again."""
    own = {"Sid": "Own", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectAcl", "Resource": "*",
           "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip
    s3.put_bucket_policy(Bucket=PLAIN, Policy=json.dumps({"Version": "2012-10-17", "Statement": [own]}))
    for _ in range(2):  # a deletion that is repeated
        module.handler(cloudformation.event("Delete", {"Buckets": [PLAIN, VERSIONED]}), ENOUGH_TIME)
    assert [answer["Reason"] for answer in cloudformation.answers] == ["done", "done"]
    for bucket, others in ((PLAIN, [own]), (VERSIONED, [])):
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        *before, closed = statements
        assert before == others
        assert (closed["Effect"], closed["Principal"], closed["Action"]) == ("Deny", "*", "s3:PutObject")
        assert closed["Resource"] == f"arn:aws-cn:s3:::{bucket}/*"


def test_more_versions_than_one_call_lists_are_deleted(cloudformation: CloudFormation, s3: Any) -> None:
    for number in range(1100):
        s3.put_object(Bucket=VERSIONED, Key="b/many", Body=str(number).encode())
    assert asked(cloudformation, "Delete")["Status"] == "SUCCESS"
    assert versions(s3, VERSIONED) == 0


def test_what_s3_does_not_delete_is_tried_again_and_then_told(
    cloudformation: CloudFormation, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, refused = s3.delete_objects, iter([1, 3, 3])

    def some(*, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        kept = [each["Key"] for each in Delete["Objects"][: next(refused, 0)]]
        rest = [each for each in Delete["Objects"] if each["Key"] not in kept]
        if rest:
            delete(Bucket=Bucket, Delete={"Objects": rest, "Quiet": True})
        return {"Errors": [{"Key": key, "Code": "SlowDown", "Message": "Please reduce"} for key in kept]}

    monkeypatch.setattr(s3, "delete_objects", some)
    answer = asked(cloudformation, "Delete")
    assert (answer["Status"], "a/0 could not be deleted: Please reduce" in answer["Reason"]) == ("FAILED", True)
    assert len(json.dumps(answer)) < 4096


def test_an_error_of_any_kind_and_length_is_answered(
    cloudformation: CloudFormation, s3: Any, stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(StackName: str) -> dict[str, Any]:  # noqa: N803
        raise ValueError("ü" * 10_000)

    monkeypatch.setattr(stacks, "describe_stacks", fails)
    answer = asked(cloudformation, "Delete")
    assert (answer["Status"], answer["Reason"].startswith("ValueError: ü")) == ("FAILED", True)
    assert len(json.dumps(answer)) <= 4096
    assert versions(s3, PLAIN) == 3
