"""A table that Glue lost is its newest metadata; where it is not clear which that is, nothing is registered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sluice.cli import deployment
from sluice.cli.deployment import Deployment
from sluice.cli.restoring import Restored, restore
from sluice.contracts import Column, DerivedContract, parse_type
from sluice.errors import CommandError, WrongArgument

ITEMS = DerivedContract("items", "gold", (Column("id", parse_type("bigint")),))
DEPLOYED = Deployment({"LakeBucketName": "lake", "DatabasePrefix": "dev_"})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with mock_aws():
        deployment.client.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client
    deployment.client.cache_clear()


def written(s3: Any, *names: str) -> list[str]:
    """Write metadata files, and return their addresses; what is in them is not looked at."""
    keys = [f"dev_gold/items/metadata/{name}" for name in names]
    for key in keys:
        s3.put_object(Bucket="lake", Key=key, Body=b"{}")
    return [f"s3://lake/{key}" for key in keys]


def found(*chosen: str) -> Restored:
    return restore(DEPLOYED, [ITEMS], chosen=chosen, dry_run=True)


def test_the_highest_number_is_the_newest_also_when_it_is_packed(s3: Any) -> None:
    *_, newest = written(s3, "00009-a.metadata.json", "snap-1.avro", "00010-b.gz.metadata.json")
    assert found().tables == {"dev_gold.items": newest}
    assert found().databases == ["dev_bronze", "dev_gold", "dev_quarantine", "dev_silver"]


def test_a_table_of_which_the_lake_has_nothing_is_told(s3: Any) -> None:
    written(s3, "version-hint.text")
    assert (found().tables, found().empty) == ({}, ["dev_gold.items"])


def test_of_two_with_the_same_number_one_must_be_named(s3: Any) -> None:
    one, other = written(s3, "00003-a.metadata.json", "00003-b.metadata.json")
    with pytest.raises(CommandError, match="is not clear") as told:
        found()
    assert one in str(told.value)
    assert other in str(told.value)
    assert found(other).tables == {"dev_gold.items": other}


@pytest.mark.slow
def test_a_table_that_was_made_anew_in_the_folder_of_one_before_is_not_taken_for_it(s3: Any) -> None:
    (before,) = written(s3, "00050-a.metadata.json")
    time.sleep(1.1)  # S3 tells seconds
    (anew,) = written(s3, "00001-b.metadata.json")
    with pytest.raises(CommandError, match="made anew in its old folder") as told:
        found()
    assert before in str(told.value)
    assert anew in str(told.value)


def test_what_is_no_metadata_of_a_lost_table_is_refused(s3: Any) -> None:
    written(s3, "00001-a.metadata.json")
    with pytest.raises(WrongArgument, match="is no metadata file of a table that Glue lacks"):
        found("s3://lake/dev_gold/others/metadata/00001-a.metadata.json")
