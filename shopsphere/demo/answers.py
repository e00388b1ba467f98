"""Questions that a shop owner would ask, answered from gold by Athena; and what the runs behind them took."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from rich.console import Console

from sluice.cli.deployment import Deployment
from sluice.cli.fitted import narrow_table
from sluice.cli.querying import Answer, print_rows, run_query
from sluice.ledger import Ledger

_BAR = 24
QUESTIONS = {
    "Which categories earn the most, and where?": """
        SELECT category, country, revenue_eur, orders, units FROM gold.sales_cube
        WHERE month = 'all' AND category <> 'all' AND country <> 'all' ORDER BY revenue_eur DESC LIMIT 5
    """,
    "Which campaigns pay for themselves?": """
        SELECT c.name, c.channel, sum(r.spend_eur) AS spend_eur, sum(r.revenue_eur) AS revenue_eur,
          sum(r.purchases) AS purchases,
          round(CAST(sum(r.revenue_eur) AS double) / CAST(sum(r.spend_eur) AS double), 2) AS return_on_spend
        FROM gold.campaign_return r JOIN silver.campaigns c ON c.campaign_id = r.campaign_id
        GROUP BY c.name, c.channel HAVING sum(r.spend_eur) > 0 ORDER BY return_on_spend DESC, c.name LIMIT 5
    """,
    "Who are the customers?": """
        SELECT segment, count(*) AS customers, sum(monetary_eur) AS revenue_eur,
          round(avg(CAST(frequency AS double)), 1) AS orders_each
        FROM gold.customer_value GROUP BY segment ORDER BY revenue_eur DESC LIMIT 5
    """,
    "How many of them left?": """
        SELECT as_of, count(*) AS customers, sum(CASE WHEN churned THEN 1 ELSE 0 END) AS left_within_90_days
        FROM gold.customer_features WHERE churned IS NOT NULL GROUP BY as_of ORDER BY as_of DESC LIMIT 4
    """,
}
_MONTHS = """
    SELECT month, revenue_eur FROM gold.sales_cube
    WHERE month <> 'all' AND country = 'all' AND category = 'all' ORDER BY month
"""


def print_answers(deployment: Deployment, console: Console) -> None:
    """Ask Athena and print what it answers."""
    _draw_months(run_query(_MONTHS, deployment), console)
    for question, sql in QUESTIONS.items():
        console.print(f"[bold]{question}[/bold]")
        print_rows(run_query(sql, deployment), "table", lambda: console)


def print_runs(deployment: Deployment, console: Console) -> None:
    """Print what each derived table took: runs, of them incremental, seconds, engine, and USD."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in Ledger(deployment.settings.ledger_table).runs():
        if run["status"] == "published":
            runs[run["table"]].append(run)
    table = narrow_table("table", "rows", "runs", "incremental", "engine", "seconds", "USD")
    for name, made in sorted(runs.items()):
        engines = ", ".join(sorted({_engine(run) for run in made}))
        table.add_row(
            name, f"{made[-1]['rows']:,}", str(len(made)), str(sum(bool(run["incremental"]) for run in made)), engines,
            f"{sum(_seconds(run) for run in made):.1f}", f"{sum(float(run['cost_usd']) for run in made):.6f}",
        )  # fmt: skip
    console.print(table)
    total = sum(float(run["cost_usd"]) for made in runs.values() for run in made)
    console.print(f"{sum(map(len, runs.values()))} runs, {total:.5f} USD on AWS at these times")


def _engine(run: dict[str, Any]) -> str:
    return "Spark" if run["engine"] == "spark" else f"DuckDB {int(run['memory_mib']):,} MiB"


def _seconds(run: dict[str, Any]) -> float:
    return sum(float(spent) for spent in run["seconds"].values())


def _draw_months(rows: Answer, console: Console) -> None:
    """Draw revenue by month."""
    console.print("[bold]How does the shop do?[/bold] Revenue by month, EUR")
    values = [(row["month"], float(row["revenue_eur"] or 0)) for row in rows.records()]
    most = max((value for _, value in values), default=1.0)
    for month, value in values:
        console.print(f"{month} [green]{'█' * max(1, round(value / most * _BAR))}[/] {value:,.0f}", highlight=False)
