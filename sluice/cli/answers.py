"""Runs queries in Athena and prints their rows; retries everything that failed for good (``sluice redrive``)."""

from __future__ import annotations

import time
from typing import Any

import typer
from rich.console import Console

from sluice.cli.dead_letters import hand_on
from sluice.cli.deployment import Deployment, client
from sluice.cli.fitted import print_table
from sluice.cli.streams import redrive_batches
from sluice.errors import CommandError
from sluice.ingestion.aside import put_back, units_aside
from sluice.ingestion.wake import wake
from sluice.shortened import shortened
from sluice.storage import S3Store

#: Seconds between two polls of a query: most queries take less than the second that awswrangler would wait.
_POLL_SECONDS = 0.2
#: Statements whose results Athena writes as text, which awswrangler does not read.
_TOLD_IN_TEXT = ("SHOW", "DESCRIBE", "DESC", "EXPLAIN")


def run_query(sql: str, deployment: Deployment) -> Any:
    """Run the query in the deployment's workgroup and return its rows as a pandas data frame."""
    import awswrangler as wr

    where: dict[str, Any] = {
        "database": deployment.settings.database("gold"),
        "workgroup": deployment.workgroup,
        "athena_query_wait_polling_delay": _POLL_SECONDS,
    }
    try:
        if sql.strip().partition(" ")[0].upper() in _TOLD_IN_TEXT:
            query = wr.athena.start_query_execution(sql, wait=True, **where)
            return _text_rows(query["QueryExecutionId"])
        return wr.athena.read_sql_query(sql, ctas_approach=False, **where)
    except wr.exceptions.QueryFailed as error:
        raise CommandError(
            f"Athena: {error}",
            next_step="mend the query; SHOW TABLES lists the tables.",
            value=shortened(sql),
        ) from error


def _text_rows(query_id: str) -> Any:
    """Return the lines of a statement's text result, split at tabs, as a pandas data frame."""
    import pandas as pd

    pages = client("athena").get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    sets = [page["ResultSet"] for page in pages]
    names = [column["Name"] for column in sets[0]["ResultSetMetadata"]["ColumnInfo"]]
    lines = ["\t".join(cell.get("VarCharValue", "") for cell in row["Data"]) for found in sets for row in found["Rows"]]
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines]
    width = max((len(row) for row in rows), default=len(names))
    names += [""] * (width - len(names))
    return pd.DataFrame([row + [""] * (width - len(row)) for row in rows], columns=names[:width])


def print_rows(rows: Any, form: str, console: Console) -> None:
    """Print a data frame as a table, as CSV or as a JSON array of objects."""
    if form == "csv":
        typer.echo(rows.to_csv(index=False), nl=False)
        return
    if form == "json":
        typer.echo(rows.to_json(orient="records", date_format="iso", default_handler=str))
        return
    names = [str(name) for name in rows.columns]
    found = [["" if _is_null(value) else str(value) for value in row] for row in rows.itertuples(index=False)]
    print_table(console, names, found)


def _is_null(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def redrive_all(deployment: Deployment) -> dict[str, int]:
    """Retry dead letters, failed stream batches and units set aside; return how many of each kind."""
    settings, store = deployment.settings, S3Store()
    moved = {
        "landing": hand_on(deployment),
        "commit": _move(deployment.settings.commit_dead_letters_url, deployment.settings.commit_queue_url),
    }
    aside = list(units_aside(store, settings.lake))
    for unit in aside:
        put_back(store, settings.lake, unit)
        wake(settings, unit.dataset, f"put back {unit.attempt} {time.time()}")
    return moved | {"set aside": len(aside), "streams": redrive_batches(deployment)}


def _move(dead: str, queue: str) -> int:
    sqs, count = client("sqs"), 0
    while messages := sqs.receive_message(
        QueueUrl=dead, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for message in messages:
            fifo = {}
            if group := message.get("Attributes", {}).get("MessageGroupId"):
                fifo = {"MessageGroupId": group, "MessageDeduplicationId": f"redrive-{message['MessageId']}"}
            sqs.send_message(QueueUrl=queue, MessageBody=message["Body"], **fifo)
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
            count += 1
    return count
