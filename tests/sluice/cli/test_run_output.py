"""What `sluice runs` tells of the ledger's runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from sluice.cli.deployment import Deployment
from sluice.cli.run_output import newest, print_runs
from sluice.compiled import Pause
from sluice.errors import WrongArgument
from sluice.ledger import Ledger

PUBLISHED = {
    "status": "published", "engine": "duckdb", "incremental": True, "reason": "2 of 90 keys", "rows": 90,
    "rows_written": 2, "seconds": {"read": 0.5, "write": 0.25}, "cost_usd": 0.0000123, "run_id": "r1",
}  # fmt: skip
FAILED = {"status": "failed", "error": "CheckFailed: grams is at most 1000", "run_id": "r2"}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Three runs of two tables."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        keys = ("dataset", "entry")
        boto3.client("dynamodb").create_table(
            TableName="ledger",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=True)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        ledger = Ledger("ledger")
        ledger.record_run(PUBLISHED, started="2026-01-01T00:00:01.5", table="silver.orders")
        ledger.record_run(FAILED, started="2026-01-01T00:00:02.5", table="gold.days")
        ledger.record_run(PUBLISHED, started="2026-01-01T00:00:03.5", table="gold.days")
        yield Deployment({"LedgerTableName": "ledger"})


def test_the_newest_runs_come_first_and_can_be_chosen(deployment: Deployment) -> None:
    def told(table: str = "", *, limit: int = 20, failed: bool = False) -> list[str]:
        return [run["started"][17:] for run in newest(deployment, table, limit=limit, failed=failed)]

    assert told() == ["03.5", "02.5", "01.5"]
    assert told(limit=1) == ["03.5"]
    assert told("silver.orders") == ["01.5"]
    assert told("gold.days", failed=True) == told(failed=True) == ["02.5"]


def test_a_run_is_told_as_json_with_every_key(deployment: Deployment) -> None:
    last, failed, _ = json.loads(json.dumps(newest(deployment, "", limit=20, failed=False)))
    assert (last["rows"], last["seconds"], last["cost_usd"], last["incremental"]) == (90, 0.75, 0.0000123, True)
    assert (failed["rows"], failed["seconds"], failed["error"]) == (None, None, FAILED["error"])
    assert list(last) == list(failed)


def test_a_failed_run_is_printed_with_its_reason(deployment: Deployment) -> None:
    out = StringIO()
    print_runs(newest(deployment, "gold.days", limit=20, failed=False), Console(file=out, width=120))
    assert "2026-01-01T00:00:02 gold.days: CheckFailed: grams is at most 1000" in out.getvalue()
    assert "incremental duckdb   90       2 0.8 0.000012" in " ".join(
        out.getvalue().split("published")[1].split("\n")[:1]
    )
    print_runs([], Console(file=(nothing := StringIO()), width=120))
    assert "There is no such run" in nothing.getvalue()


def test_the_runs_of_a_table_that_none_makes_are_refused_and_of_one_without_runs_are_none(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {"tables": [{"table": "gold.days"}, {"table": "gold.weeks"}]}
    monkeypatch.setattr("sluice.cli.run_output.ask_planner", lambda *_: tables)
    with pytest.raises(WrongArgument, match=r"gold\.dys is not a derived table; did you mean gold\.days\?"):
        newest(deployment, "gold.dys", limit=20, failed=False)
    assert newest(deployment, "gold.weeks", limit=20, failed=False) == []


def test_the_first_pause_is_kept_until_the_table_is_resumed(deployment: Deployment) -> None:
    ledger = Ledger(deployment.settings.ledger_table)
    first = Pause("gold.days", "ann", "2026-01-01T00:00:00+00:00")
    assert ledger.pause(first) is None
    assert ledger.pause(Pause("gold.days", "bob", "2026-01-02T00:00:00+00:00")) == first
    assert list(ledger.pauses()) == [first]
    assert ledger.resume("gold.days") == first
    assert ledger.resume("gold.days") is None
    assert list(ledger.pauses()) == []
    assert [type(run["rows"]) for run in ledger.runs() if "rows" in run] == [int, int]
