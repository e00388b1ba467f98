"""The stream ingestor's handler: what it stages, whom it wakes, and how quickly it starts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, BinaryIO

import pytest

from lambdas.ingest_stream import handler as module
from sluice.project import Project
from tests.sluice.ingestion.test_stream import CLICKS, click, record

#: What a cold start must not wait for.
_HEAVY = ("pyiceberg", "duckdb", "pandas", "sqlglot", "yaml", "pydantic")


class Store:
    """An S3 that may be down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down, self.addresses = down, list[str]()

    def put(self, address: str, body: bytes | BinaryIO) -> None:
        if self.down:
            raise OSError("S3 answers 503")
        self.addresses.append(address)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The datasets whose committers were woken."""
    woken: list[str] = []
    monkeypatch.setenv("SLUICE_LAKE_BUCKET", "lake")
    monkeypatch.setattr(module, "deployed_project", lambda: Project((CLICKS,)))
    monkeypatch.setattr(
        module, "wake_committers", lambda settings, project, units, _: woken.extend({unit.dataset for unit in units})
    )
    return woken


def test_broken_records_are_no_failures_and_the_committer_is_woken_once(
    woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    monkeypatch.setattr(module, "S3Store", lambda: store)
    event = {"Records": [record(click(1), 1), record(b"{broken", 2), record(click(3), 3, shard=1)]}

    assert module.handler(event, None) == {"batchItemFailures": []}

    assert woken == ["things"]
    kinds = [address.rpartition("-")[2] if "-" in address else "manifest" for address in store.addresses]
    assert kinds == ["0.parquet", "0.parquet", "manifest", "0.parquet", "manifest"], "a manifest comes last in its unit"


def test_a_batch_whose_surroundings_fail_comes_again_as_a_whole(
    woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "S3Store", lambda: Store(down=True))
    with pytest.raises(OSError, match="503"):
        module.handler({"Records": [record(click(1), 1)]}, None)
    assert woken == []


def test_a_cold_start_loads_nothing_heavy() -> None:
    code = "import sys, lambdas.ingest_stream.handler; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded: set[Any] = set(done.stdout.split())
    assert not loaded & set(_HEAVY)
