"""Real invoice lines, uploaded and queried with the plain AWS CLI, against DuckDB on the raw files."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.end_to_end.running import Deployment, aws, sluice
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.real_data]

LINES = 105_335
#: The contract's rules, written anew by hand: (reason, column) and when a raw line breaks it, in the contract's order.
BROKEN = {
    ("pattern_mismatch", "stock_code"): "NOT regexp_full_match(StockCode, '[0-9]{5}[A-Za-z]{0,2}')",
    ("missing_required", "description"): "Description IS NULL",
    ("out_of_range", "unit_price"): "CAST(UnitPrice AS DECIMAL(10,2)) <= 0",
}


@pytest.fixture(scope="module")
def raw(retail: Path) -> duckdb.DuckDBPyConnection:
    """The raw files as text, each line with what is wrong with it."""
    connection = duckdb.connect()
    reasons = ", ".join(f"CASE WHEN {rule} THEN '{code} {column}' END" for (code, column), rule in BROKEN.items())
    connection.execute(
        f"CREATE TABLE lines AS SELECT *, list_filter([{reasons}], lambda reason: reason IS NOT NULL) AS reasons "
        f"FROM read_csv('{retail}/*.csv', all_varchar = true, header = true)"
    )
    assert connection.execute("SELECT count(*) FROM lines").fetchone() == (LINES,)
    return connection


def athena(deployed: Deployment, sql: str) -> list[tuple[str | None, ...]]:
    """Run a query as a user of the AWS CLI does."""
    group = deployed.outputs["AthenaWorkGroupName"]
    started = aws("athena", "start-query-execution", "--work-group", group, "--query-string", sql, "--output", "json")
    query = json.loads(started)["QueryExecutionId"]

    def ended() -> dict[str, Any] | None:
        answer = aws("athena", "get-query-execution", "--query-execution-id", query, "--output", "json")
        status: dict[str, Any] = json.loads(answer)["QueryExecution"]["Status"]
        return status if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    status = until(ended, sql)
    assert status["State"] == "SUCCEEDED", status
    rows = json.loads(aws("athena", "get-query-results", "--query-execution-id", query, "--output", "json"))
    return [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in rows["ResultSet"]["Rows"]][1:]


def test_every_line_is_accepted_or_quarantined(deployed: Deployment, raw: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT (SELECT count(*) FROM bronze.online_retail), (SELECT count(*) FROM quarantine.online_retail)"
    accepted, quarantined = (int(number or 0) for number in athena(deployed, sql)[0])

    assert accepted + quarantined == LINES
    expected = raw.execute("SELECT count(*) FILTER (len(reasons) = 0) FROM lines").fetchone()
    assert (accepted,) == expected


def test_revenue_by_country_is_that_of_the_raw_files(deployed: Deployment, raw: duckdb.DuckDBPyConnection) -> None:
    answer = athena(
        deployed,
        "SELECT country, count(*), sum(quantity * unit_price) FROM bronze.online_retail GROUP BY country ORDER BY 1",
    )
    expected = raw.execute(
        "SELECT Country, count(*), sum(CAST(Quantity AS INT) * CAST(UnitPrice AS DECIMAL(10,2))) FROM lines "
        "WHERE len(reasons) = 0 GROUP BY Country ORDER BY Country"
    ).fetchall()

    assert len(expected) > 25
    assert [(country, int(lines or 0), Decimal(total or 0)) for country, lines, total in answer] == expected


def test_revenue_by_day_is_that_of_the_raw_files(deployed: Deployment, raw: duckdb.DuckDBPyConnection) -> None:
    answer = athena(
        deployed,
        "SELECT date(invoice_date), count(DISTINCT invoice_no), sum(quantity * unit_price) FROM bronze.online_retail "
        "GROUP BY date(invoice_date) ORDER BY 1",
    )
    expected = raw.execute(
        "SELECT left(InvoiceDate, 10), count(DISTINCT InvoiceNo), "
        "sum(CAST(Quantity AS INT) * CAST(UnitPrice AS DECIMAL(10,2))) FROM lines "
        "WHERE len(reasons) = 0 GROUP BY 1 ORDER BY 1"
    ).fetchall()

    assert len(expected) == 68
    assert [(day, int(invoices or 0), Decimal(total or 0)) for day, invoices, total in answer] == expected


def test_buyers_without_a_number_are_accepted(deployed: Deployment, raw: duckdb.DuckDBPyConnection) -> None:
    answer = athena(
        deployed, "SELECT count(*), count(customer_id), count(DISTINCT customer_id) FROM bronze.online_retail"
    )
    expected = raw.execute(
        "SELECT count(*), count(CustomerID), count(DISTINCT CustomerID) FROM lines WHERE len(reasons) = 0"
    ).fetchone()

    assert tuple(int(number or 0) for number in answer[0]) == expected


def test_every_reason_of_every_quarantined_line_is_listed(deployed: Deployment, raw: duckdb.DuckDBPyConnection) -> None:
    expected: Counter[tuple[str, ...]] = Counter()
    for (reasons,) in raw.execute("SELECT reasons FROM lines WHERE len(reasons) > 0").fetchall():
        expected[tuple(reasons)] += 1

    found = Counter(
        tuple(f"{reason['code']} {reason['column']}" for reason in row["reasons"])
        for row in deployed.rows("quarantine.online_retail")
    )

    assert found == expected
    assert {reason for reasons in found for reason in reasons} == {f"{code} {column}" for code, column in BROKEN}
    first = athena(deployed, "SELECT reason, count(*) FROM quarantine.online_retail GROUP BY reason")
    assert {code: int(count or 0) for code, count in first} == Counter({code: 0 for code, _ in BROKEN}) | Counter(
        code for reasons, count in expected.items() for code in [reasons[0].split()[0]] * count
    )


def test_a_quarantined_line_is_kept_as_it_was_delivered(deployed: Deployment, retail: Path) -> None:
    rows = deployed.rows("quarantine.online_retail", "online_retail/2010-12-01.csv")

    lines = (retail / "2010-12-01.csv").read_bytes().splitlines()
    assert rows
    assert [row["record"] for row in rows] == [lines[row["_position"]] for row in rows]


def test_the_ledger_counts_what_the_tables_hold(deployed: Deployment, retail: Path) -> None:
    committed = [entry for entry in deployed.ledger_entries("online_retail") if entry.status == "committed"]

    assert len(committed) == 68
    assert sum(entry.accepted for entry in committed) == len(deployed.rows("bronze.online_retail"))
    assert sum(entry.quarantined or 0 for entry in committed) == len(deployed.rows("quarantine.online_retail"))
    shown = sluice("status")
    assert shown.returncode == 0, shown.stdout + shown.stderr
