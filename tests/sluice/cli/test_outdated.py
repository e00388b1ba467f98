"""Which stacks may hold old values of what they read from others: by what CloudFormation says of times and states."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sluice.cli import outdated as module
from sluice.cli.cloud_assembly import DeclaredStack
from sluice.cli.outdated import lacking, outdated, paused

READS = {"Fn::GetStackOutput": {"StackName": "source", "OutputName": "Bucket"}}


def at(minute: int) -> datetime:
    return datetime(2026, 1, 1, 12, minute, tzinfo=UTC)


def there(made: int, updated: int | None = None, status: str = "UPDATE_COMPLETE") -> dict[str, Any]:
    """Return what DescribeStacks says of a stack; AWS sets LastUpdatedTime also for an update that is rolled back."""
    return {"StackStatus": status, "CreationTime": at(made)} | (
        {"LastUpdatedTime": at(updated)} if updated is not None else {}
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What stacks the account has; None is a stack that may not be asked for."""
    stacks: dict[str, Any] = {}

    def describe_stacks(**asked: str) -> dict[str, Any]:
        found = stacks.get(asked["StackName"], {})
        if not found:
            code, said = ("AccessDenied", "no leave") if found is None else ("ValidationError", "It does not exist")
            raise ClientError({"Error": {"Code": code, "Message": said}}, "DescribeStacks")
        return {"Stacks": [found]}

    client = SimpleNamespace(meta=SimpleNamespace(region_name="us-east-1"), describe_stacks=describe_stacks)
    monkeypatch.setattr(module, "client", lambda _: client)
    return stacks


def declared(folder: Path, reads: Any = READS, region: str = "us-east-1") -> list[DeclaredStack]:
    """Return a stack that others read from, and one that reads ``reads``."""
    for name, value in (("source", "x"), ("reader", reads)):
        (folder / f"{name}.json").write_text(json.dumps({"Resources": {"P": {"Properties": {"Value": [value]}}}}))
    return [
        DeclaredStack("source", folder / "source.json", "", {}, {}, (), "us-east-1"),
        DeclaredStack("reader", folder / "reader.json", "", {}, {}, (), region),
    ]


@pytest.mark.parametrize(
    ("source", "reader", "expected"),
    [
        (there(0), there(1), False),
        (there(0, 2), there(1, 3), False),
        (there(5), there(1, 3), True),  # made anew
        (there(0, 4), there(1, 3), True),  # updated: what it outputs may have been replaced
        (there(0, 4), there(1), True),
        *(
            (there(5), there(1, 6, status), True)  # its values are those before
            for status in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED")
        ),
        (there(0), there(1, 6, "UPDATE_ROLLBACK_COMPLETE"), True),
        (there(0, status="REVIEW_IN_PROGRESS"), there(1), False),
        ({}, there(1), False),
        (there(5), {}, False),
        (there(5), there(1, status="REVIEW_IN_PROGRESS"), False),
    ],
)
def test_a_stack_may_hold_old_values_where_another_changed_later_or_its_own_update_failed(
    account: dict[str, Any], tmp_path: Path, source: Any, reader: Any, expected: bool
) -> None:
    account |= {"source": source, "reader": reader}
    assert set(outdated(declared(tmp_path))) == ({"reader"} if expected else set())


def test_a_stack_that_reads_from_none_holds_no_old_values_whatever_failed(
    account: dict[str, Any], tmp_path: Path
) -> None:
    account |= {"source": there(0, 9, "UPDATE_ROLLBACK_COMPLETE"), "reader": there(1, 2, "UPDATE_ROLLBACK_COMPLETE")}
    assert outdated(declared(tmp_path, "nothing")) == {}


def test_a_stack_lacks_another_that_is_gone(account: dict[str, Any], tmp_path: Path) -> None:
    account |= {"reader": there(1)}
    assert set(lacking(declared(tmp_path))) == {"reader"}


@pytest.mark.parametrize(
    "reads",
    [
        {"StackName": "elsewhere", "OutputName": "Bucket"},
        {"StackName": "source", "OutputName": "Bucket", "Region": "eu-west-1"},
        {"StackName": "source", "OutputName": "Bucket", "RoleArn": "arn:aws:iam::444455556666:role/reads"},
    ],
)
def test_a_stack_that_is_not_deployed_here_is_not_asked_for(
    account: dict[str, Any], tmp_path: Path, reads: dict[str, str]
) -> None:
    account |= {"elsewhere": None, "source": there(9), "reader": there(1)}
    found = declared(tmp_path, {"Fn::GetStackOutput": reads})
    assert outdated(found) == lacking(found) == {}


@pytest.mark.parametrize(("region", "told"), [("", {"reader"}), ("us-east-1", {"reader"}), ("eu-west-1", set())])
def test_a_stack_of_another_region_is_not_asked_for_here(
    account: dict[str, Any], tmp_path: Path, region: str, told: set[str]
) -> None:
    account |= {"source": there(9), "reader": there(1, status="UPDATE_FAILED")}
    found = declared(tmp_path, region=region)
    assert set(outdated(found)) == set(paused(found)) == told


@pytest.mark.parametrize("region", [{"Ref": "AWS::Region"}, "us-east-1"])
def test_a_region_that_is_this_one_is_here(account: dict[str, Any], tmp_path: Path, region: Any) -> None:
    account |= {"source": there(9), "reader": there(1)}
    reads = {"Fn::GetStackOutput": {"StackName": "source", "OutputName": "Bucket", "Region": region}}
    assert set(outdated(declared(tmp_path, reads))) == {"reader"}


def test_what_failed_and_was_not_rolled_back_is_known(account: dict[str, Any], tmp_path: Path) -> None:
    account |= {"source": there(0, 9, "UPDATE_ROLLBACK_COMPLETE"), "reader": there(1, 2, "UPDATE_FAILED")}
    assert paused(declared(tmp_path)) == {"reader": "UPDATE_FAILED"}
