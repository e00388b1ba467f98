"""Objects by address: ``s3://bucket/key`` in S3, anything else as a local path (tests and benchmarks in process)."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import boto3
from botocore.config import Config

from sluice.once import once

_DELETE_BATCH = 1000
#: Longer than a function that is waited for may run.
PATIENT_SECONDS = 80


class Store(Protocol):
    """Reads and writes whole objects."""

    def put(self, address: str, body: bytes | BinaryIO) -> None:
        """Write an object."""

    def get_bytes(self, address: str) -> bytes:
        """Return an object's bytes."""

    def list(self, prefix: str) -> list[str]:
        """Return the addresses under ``prefix``, in order."""

    def delete(self, addresses: Iterable[str]) -> None:
        """Delete objects; an address without an object is no error."""


def split(address: str) -> tuple[str, str]:
    """Return bucket and key of an address like ``s3://bucket/key``."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


@once
def client(service: str, *, patient: bool = False) -> Any:
    """Return the boto3 client for ``service``, made once per process.

    A ``patient`` client waits ``PATIENT_SECONDS`` for an answer and never retries: for calls that must be made once.
    """
    again = {"total_max_attempts": 1} if patient else {"mode": "standard"}
    timeout = PATIENT_SECONDS if patient else 60
    return boto3.client(service, config=Config(max_pool_connections=32, retries=again, read_timeout=timeout))


class S3Store:
    """A ``Store`` of objects in S3."""

    def put(self, address: str, body: bytes | BinaryIO) -> None:
        """Write the object at ``address``; a large file is uploaded in parts."""
        bucket, key = split(address)
        if isinstance(body, bytes):
            client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        else:
            client("s3").upload_fileobj(body, bucket, key)

    def get_bytes(self, address: str) -> bytes:
        """Return the content of the object at ``address``; botocore's ``ClientError`` when there is none."""
        bucket, key = split(address)
        body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def list(self, prefix: str) -> list[str]:
        """Return the addresses under ``prefix``, in order."""
        bucket, key = split(prefix)
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return [f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", [])]

    def delete(self, addresses: Iterable[str]) -> None:
        """Delete objects, with up to 1,000 in a call, as S3 allows.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        by_bucket: dict[str, list[str]] = {}
        for address in addresses:
            bucket, key = split(address)
            by_bucket.setdefault(bucket, []).append(key)
        for bucket, keys in by_bucket.items():
            for start in range(0, len(keys), _DELETE_BATCH):
                objects = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
                answer = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                if errors := answer.get("Errors"):
                    raise OSError(f"could not delete {errors[0]['Key']} in {bucket}: {errors[0]['Message']}")


class LocalStore:
    """A ``Store`` of objects as local files."""

    def put(self, address: str, body: bytes | BinaryIO) -> None:
        """Write a file and the folders above it."""
        path = Path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body, io.BufferedReader):
            shutil.copyfile(body.name, path)
            return
        with path.open("wb") as file:
            source = io.BytesIO(body) if isinstance(body, bytes) else body
            shutil.copyfileobj(source, file, 1 << 20)

    def get_bytes(self, address: str) -> bytes:
        """Return a file's bytes."""
        return Path(address).read_bytes()

    def list(self, prefix: str) -> list[str]:
        """Return the files under the folder ``prefix``, in order."""
        return sorted(str(path) for path in Path(prefix).rglob("*") if path.is_file())

    def delete(self, addresses: Iterable[str]) -> None:
        """Delete files."""
        for address in addresses:
            Path(address).unlink(missing_ok=True)
