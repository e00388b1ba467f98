"""Environments: what differs between them, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.redelivery import STREAM_HOURS

#: The functions' Python, wheels and processor: one fact, three spellings.
PYTHON = "3.13"
WHEEL_PLATFORM = "aarch64-manylinux_2_28"


@dataclass(frozen=True)
class Environment:
    """One deployment of Sluice. Memory in MiB (a new account may have no function above 3008).

    ``keep_data`` retains what holds data when a stack is deleted. ``stream_shards`` is the number of shards of each
    stream; 0 lets Kinesis scale them (on demand).
    """

    name: str
    region: str
    keep_data: bool
    database_prefix: str = ""
    ingest_memory: int = 512
    commit_memory: int = 1769
    transform_memory: int = 1769
    transform_memory_large: int = 3008
    stream_memory: int = 512
    stream_shards: int = 1
    stream_batch: int = 5000
    stream_window_seconds: int = 1
    stream_parallelization: int = 1
    stream_retention_hours: int = 24
    ingest_concurrency: int = 10
    commit_concurrency: int = 10
    scan_limit_bytes: int = 1 << 40
    log_days: int = 30


DEV = Environment(name="dev", region="us-east-1", keep_data=False, scan_limit_bytes=100 << 30, log_days=7)
PROD = Environment(
    name="prod",
    region="us-east-1",
    keep_data=True,
    ingest_memory=1769,
    stream_memory=1024,
    transform_memory_large=10_240,
    stream_shards=0,
    stream_batch=10_000,
    stream_window_seconds=5,
    stream_parallelization=2,
    stream_retention_hours=STREAM_HOURS,
    ingest_concurrency=50,
    commit_concurrency=50,
    log_days=90,
)
ENVIRONMENTS = {environment.name: environment for environment in (DEV, PROD)}
