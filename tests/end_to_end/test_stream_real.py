"""Real records through Kinesis: clicks, search behaviour and captured changes, against the raw files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.end_to_end.running import Deployment, aws, sluice
from tests.end_to_end.streaming import bring, content, counted, records_in, tables
from tests.real_data import real_data
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.real_data, pytest.mark.proof]

CLICKS, EVENTS = 165_474, 3_448
Change = dict[str, Any]


def asked(sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query as Athena gives them to `sluice query`."""
    done = sluice("query", sql, "--format", "json")
    assert done.returncode == 0, done.stderr
    return [tuple(row.values()) for row in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def clicks(deployed: Deployment) -> Path:
    """The raw file, after `sluice send` put it on its stream and all of it is in a table."""
    raw = real_data("uci-eshop-clickstream-2008") / "e-shop clothing 2008.csv"
    sent = sluice("send", "eshop_clicks", raw)
    assert sent.returncode == 0, sent.stderr
    assert f"eshop_clicks: {CLICKS:,} records" in sent.stdout
    until(lambda: records_in(deployed, "eshop_clicks") >= CLICKS, "all clicks are in a table", 180)
    return raw


def test_every_click_of_a_real_shop_is_in_athena(deployed: Deployment, clicks: Path) -> None:
    counts = counted(deployed, "eshop_clicks")
    assert counts["accepted"] + counts["quarantined"] == CLICKS
    lines = f"read_csv('{clicks}', delim = ';', header = true)"
    expected = duckdb.sql(
        'SELECT year, month, day, count(*), count(DISTINCT "session ID"), sum(price), count(DISTINCT '
        f'"page 2 (clothing model)") FROM {lines} GROUP BY ALL ORDER BY ALL'
    ).fetchall()
    assert len(expected) > 100
    found = asked(
        "SELECT year, month, day, count(*), count(DISTINCT session_id), sum(price), count(DISTINCT model) "
        "FROM bronze.eshop_clicks GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    assert found == [tuple(int(value) for value in row) for row in expected]
    assert asked("SELECT count(*) FROM quarantine.eshop_clicks") == [(counts["quarantined"],)]
    assert counts["accepted"] == CLICKS


def test_search_behaviour_with_two_spellings_of_time_is_in_athena(deployed: Deployment) -> None:
    lines = (real_data("chorus-ubi-events") / "ubi_queries_events.ndjson").read_bytes().splitlines()
    pairs = zip(lines[::2], lines[1::2], strict=True)
    records = [record for action, record in pairs if json.loads(action)["index"]["_index"] == "ubi_events"]
    assert len(records) == EVENTS
    events = [json.loads(record) for record in records]

    placed = bring(deployed, "ubi_events", records, [event["client_id"] for event in events])

    by_day: dict[str, list[Change]] = {}
    for event in events:
        by_day.setdefault(f"{_moment(event['timestamp']):%Y-%m-%d}", []).append(event)
    expected = [
        (day, len(of_day), len({e.get("session_id") for e in of_day} - {None}), len({e["client_id"] for e in of_day}))
        for day, of_day in sorted(by_day.items())
    ]
    found = asked(
        "SELECT date_format(happened_at, '%Y-%m-%d'), count(*), count(DISTINCT session_id), count(DISTINCT client_id) "
        "FROM bronze.ubi_events GROUP BY 1 ORDER BY 1"
    )
    assert found == expected
    held = content(tables(deployed, "ubi_events"), placed)
    assert held["quarantine"] == []
    said = sorted(_as_said(row, row["happened_at"].replace(tzinfo=UTC)) for row in held["bronze"])
    assert said == sorted(_as_said(event, _moment(event["timestamp"])) for event in events)


def _moment(said: str | int) -> datetime:
    if isinstance(said, int):
        return datetime.fromtimestamp(said / 1000, UTC)
    return datetime.fromisoformat(said)


def _as_said(row: Change, moment: datetime) -> tuple[str, ...]:
    names = ("action_name", "client_id", "session_id", "query_id", "user_query", "message")
    return (*(str(row.get(name) or None) for name in names), moment.isoformat())


def test_the_plain_command_line_sees_the_same_sessions(deployed: Deployment, clicks: Path) -> None:
    sql = "SELECT count(*), count(DISTINCT session_id) FROM bronze.eshop_clicks"
    workgroup = deployed.outputs["AthenaWorkGroupName"]
    started = json.loads(
        aws("athena", "start-query-execution", "--query-string", sql, "--work-group", workgroup, "--output", "json")
    )
    name = started["QueryExecutionId"]

    def answered() -> list[Change]:
        state = json.loads(aws("athena", "get-query-execution", "--query-execution-id", name, "--output", "json"))
        if state["QueryExecution"]["Status"]["State"] != "SUCCEEDED":
            return []
        rows = json.loads(aws("athena", "get-query-results", "--query-execution-id", name, "--output", "json"))
        return list(rows["ResultSet"]["Rows"])

    rows = until(answered, "Athena answers")
    assert [cell["VarCharValue"] for cell in rows[1]["Data"]] == [str(CLICKS), "24026"]
