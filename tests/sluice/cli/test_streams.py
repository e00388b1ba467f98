"""Batches of streams that failed are handed in again when a person asks for it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from sluice.cli import streams
from sluice.cli.deployment import Deployment
from sluice.errors import CommandError, DeliveryError


def test_one_batch_that_cannot_be_handed_in_again_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such function"}}, "Invoke")
    other = DeliveryError("s3://lake/b is no failed batch of a stream")
    fates: dict[str, str | Exception] = {"a": gone, "b": other, "c": "failed", "d": "arrived"}
    asked: list[str] = []

    def retry(_: str, key: str) -> str:
        asked.append(key)
        fate = fates[key]
        if isinstance(fate, Exception):
            raise fate
        return fate

    monkeypatch.setattr(streams, "_objects", lambda *_: list(fates))
    monkeypatch.setattr(streams, "retry_batch", retry)
    with pytest.raises(CommandError) as caught:
        streams.redrive_batches(Deployment({"LakeBucketName": "lake"}))
    assert asked == list(fates)
    said = str(caught.value)
    for word in ("3 batches", "no such function", "s3://lake/b is no failed batch", "s3://lake/c", "1 other arrived"):
        assert word in said
