"""A declared check has an end: it is interrupted after a while, and told as a check that fails."""

from __future__ import annotations

import time

import pytest

from sluice.compiled import CompiledCheck
from sluice.confined import connect
from sluice.refresh.duckdb import audit as audits
from sluice.refresh.duckdb.audit import audit
from sluice.refresh.failures import AuditTarget

AUDITED = AuditTarget("things", "things", "things", (), {})


def measure(query: str) -> CompiledCheck:
    return CompiledCheck("it", "measure", duckdb=query, operator="mustBe", operand=3)


def test_a_check_that_takes_too_long_fails_and_the_next_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "LONGEST_CHECK", 0.3)
    endless = (
        "SELECT count(*) FROM " + ", ".join(f"{{table}} AS t{number}" for number in range(8)) + " WHERE t0.n + t7.n > 1"
    )
    with connect(settings={"memory_limit": "200MiB"}) as connection:
        connection.execute("CREATE TABLE things AS SELECT range AS n FROM range(3000)")
        started = time.monotonic()
        failures = audit(connection, [measure(endless), measure("SELECT count(*) / 1000 FROM {table}")], AUDITED)
        assert time.monotonic() - started < 20
    (failure,) = failures
    assert failure.found == "cannot be computed: it took longer than 0.3 s"


@pytest.mark.slow
def test_a_check_that_needs_more_memory_than_there_is_fails() -> None:
    query = "SELECT count(DISTINCT t0.n * 3000 + t1.n) FROM {table} AS t0, {table} AS t1"
    with connect(settings={"memory_limit": "30MiB"}) as connection:
        connection.execute("CREATE TABLE things AS SELECT range AS n FROM range(3000)")
        (failure,) = audit(connection, [measure(query)], AUDITED)
    assert "Out of Memory" in failure.found
