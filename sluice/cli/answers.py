"""What commands print: rows of a query, the state of every dataset; and the way back for dead letters."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from sluice.cli.deployment import client
from sluice.cli.status import Status, freshness
from sluice.cli.streams import StreamsStatus, redrive_batches
from sluice.errors import CommandError
from sluice.ledger import FINAL

_SHOWN_ERRORS = 5
#: Most answers take less than the second that awswrangler waits between two looks.
_POLL_SECONDS = 0.2
#: Athena answers these in text, which awswrangler does not read.
_TOLD_IN_TEXT = ("SHOW", "DESCRIBE", "DESC", "EXPLAIN")


def run_query(sql: str, outputs: dict[str, str]) -> Any:
    """Return the query's rows as a pandas data frame."""
    import awswrangler as wr

    prefix = outputs.get("DatabasePrefix", "-")
    database = f"{'' if prefix == '-' else prefix}gold"
    where: dict[str, Any] = {
        "database": database,
        "workgroup": outputs["AthenaWorkGroupName"],
        "athena_query_wait_polling_delay": _POLL_SECONDS,
    }
    try:
        if sql.strip().partition(" ")[0].upper() in _TOLD_IN_TEXT:
            query = wr.athena.start_query_execution(sql, wait=True, **where)
            return _text_rows(query["QueryExecutionId"])
        return wr.athena.read_sql_query(sql, ctas_approach=False, **where)
    except wr.exceptions.QueryFailed as error:
        raise CommandError(f"Athena: {error}", next_step="mend the query; SHOW TABLES lists what there is.") from error


def _text_rows(query_id: str) -> Any:
    """Return the lines that a statement answered, parted at tabs, as a pandas data frame."""
    import pandas as pd

    pages = client("athena").get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    sets = [page["ResultSet"] for page in pages]
    names = [column["Name"] for column in sets[0]["ResultSetMetadata"]["ColumnInfo"]]
    lines = ["\t".join(cell.get("VarCharValue", "") for cell in row["Data"]) for found in sets for row in found["Rows"]]
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines]
    width = max((len(row) for row in rows), default=len(names))
    names += [""] * (width - len(names))
    return pd.DataFrame([row + [""] * (width - len(row)) for row in rows], columns=names[:width])


def narrow_table(*columns: str) -> Table:
    """Return a table without lines, so that eight columns fit into eighty characters."""
    return Table(*columns, box=None, padding=(0, 1, 0, 0), header_style="bold")


def print_rows(rows: Any, form: str, console: Console) -> None:
    """Print a data frame as a table, as CSV or as a JSON array of objects."""
    if form == "csv":
        typer.echo(rows.to_csv(index=False), nl=False)
        return
    if form == "json":
        typer.echo(rows.to_json(orient="records", date_format="iso", default_handler=str))
        return
    table = narrow_table(*(str(name) for name in rows.columns))
    for row in rows.itertuples(index=False):
        table.add_row(*("" if _is_null(value) else str(value) for value in row))
    console.print(table)


def _is_null(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def print_status(status: Status, outputs: dict[str, str], console: Console) -> None:
    """Print a line per dataset, the reconciliation and what is wrong."""
    table = narrow_table(
        "dataset", "delivered", "committed", "duplicate", "rejected", "accepted", "quarantined", "last"
    )
    by_stream = {shard.dataset for shard in status.streams.shards}
    for name, numbers in status.datasets.items():
        if name in by_stream and not numbers.deliveries:
            continue
        quarantined = f"{numbers.quarantined:,}" + (
            f" + {numbers.unknown_counts} files" if numbers.unknown_counts else ""
        )
        table.add_row(
            name,
            f"{sum(numbers.deliveries.values()):,}",
            *(f"{numbers.deliveries[state]:,}" for state in FINAL),
            f"{numbers.accepted:,}",
            quarantined,
            freshness(numbers.last),
        )
    console.print(table)
    if status.streams.shards:
        console.print(_shards_table(status.streams))
    open_count = len(status.open_deliveries)
    ended = sum(sum(d.deliveries[s] for s in FINAL) for d in status.datasets.values())
    sign = "=" if ended + open_count == status.delivered else "≠"
    console.print(f"{ended:,} accounted for + {open_count:,} on their way {sign} {status.delivered:,} delivered")
    if status.streams.shards:
        waiting = ", ".join(status.streams.on_their_way) or "nothing"
        console.print(f"{status.streams.records:,} stream records in tables; on their way: {waiting}")
    if failed := status.streams.failed_batches:
        console.print(f"[red]{len(failed):,} batches of streams failed to the end; `sluice redrive` tries again[/red]")
    for name, count in status.dead_letters.items():
        if count:
            console.print(f"[red]{count:,} dead letters in {outputs[name]}; `sluice redrive` puts them back[/red]")
    errors = [error for numbers in status.datasets.values() for error in numbers.errors]
    for error in errors[:_SHOWN_ERRORS]:
        console.print(f"[yellow]{error}[/yellow]", highlight=False, markup=True)
    if len(errors) > _SHOWN_ERRORS:
        console.print(f"… and {len(errors) - _SHOWN_ERRORS:,} more files that could not be read")


def _shards_table(streams: StreamsStatus) -> Table:
    table = narrow_table("stream and shard", "accepted", "quarantined", "last", "lag")
    for shard in streams.shards:
        counts = shard.counts
        lag = f"{shard.lag:.0f} s" if shard.behind else "0 s"
        table.add_row(
            counts.shard.replace("shardId-", "").replace("/0000000", "/…"),
            f"{counts.accepted:,}",
            f"{counts.quarantined:,}",
            freshness(counts.arrived),
            lag,
        )
    return table


def redrive_all(outputs: dict[str, str]) -> dict[str, int]:
    """Move every dead letter back to where it came from; return how many by queue, and batches of streams."""
    moved = {}
    for name in ("Landing", "Commit"):
        dead, queue = outputs[f"{name}DeadLetterQueueUrl"], outputs[f"{name}QueueUrl"]
        moved[name.lower()] = _move(dead, queue)
    moved["streams"] = redrive_batches(outputs)
    return moved


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
