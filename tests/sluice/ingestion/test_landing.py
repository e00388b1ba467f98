from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from sluice import storage
from sluice.errors import UnreadableFile
from sluice.ingestion.landing import Notice, landed_source
from sluice.ingestion.read import read_checked
from tests.sluice.ingestion.reading import column, contract


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        made = boto3.client("s3", "eu-west-1")
        monkeypatch.setattr(storage, "client", lambda *_, **__: made)
        monkeypatch.setattr("sluice.ingestion.landing.client", lambda *_, **__: made)
        made.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        made.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
        yield "landing"


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "parquet", "access_log"])
def test_a_version_that_was_deleted_before_it_was_read_is_refused_at_the_first_try(bucket: str, kind: str) -> None:
    s3 = boto3.client("s3", "eu-west-1")
    put = s3.put_object(Bucket=bucket, Key="things/a", Body=b"x" * 100)
    s3.delete_object(Bucket=bucket, Key="things/a", VersionId=put["VersionId"])
    notice, declared = Notice(bucket, "things/a", put["VersionId"], 100), contract(column("host"), format=kind)
    with pytest.raises(UnreadableFile, match="was deleted before it was read") as caught:
        list(read_checked(landed_source(notice, declared, "s3://lake"), declared))
    assert caught.value.code == "deleted"
