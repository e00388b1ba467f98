"""Prints the state for `sluice status`: tables for people, JSON with stable keys for programs.

``docs/reference/status.md`` has the keys.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from sluice.cli.dead_letters import DeadLetter
from sluice.cli.deployment import Deployment
from sluice.cli.derived import DerivedStatus
from sluice.cli.fitted import print_table
from sluice.cli.status import DatasetStatus, Status, freshness, next_try
from sluice.cli.streams import StreamsStatus
from sluice.cli.volumes import amount
from sluice.counted import counted
from sluice.ledger import FINAL, LANDING

#: Most refused files, failed tables and dead letters that are listed; ``sluice status DATASET`` lists all.
_SHOWN = 5
#: How many days of arrivals are told, the present one among them.
_DAYS = 30


#: Counts quarantined records by reason and column, with an example value of each.
_REASONS = (
    'SELECT r.code, r."column", min(r.value) AS example, count(*) AS records FROM quarantine.{name}'
    ' CROSS JOIN UNNEST(reasons) AS r (code, "column", value, message) GROUP BY 1, 2 ORDER BY records DESC'
)


def print_status(status: Status, deployment: Deployment, console: Console) -> None:
    """Print a line per dataset and derived table, the reconciliation of deliveries, and all problems."""
    _print_datasets(status, console)
    if status.streams.shards:
        _print_shards(status.streams, console)
    if status.derived:
        _print_derived(status.derived, console)
    _print_reconciliation(status, console)
    _print_refused(status, console)
    _print_problems(status, console)


def print_dataset(status: Status, name: str, console: Console) -> None:
    """Print everything about one dataset or derived table, with every refused file and every failure."""
    for table in status.derived:
        if table.table == name:
            _print_derived([table], console)
            said = table.error or table.held or "its last run published"
            _line(console, said, "red" if table.error else "yellow" if table.held else "green")
            return
    numbers = status.datasets[name]
    for state, count in sorted(numbers.deliveries.items()):
        console.print(f"{count:>9,} {state}")
    taken_back = f", {numbers.retracted:,} retracted" if numbers.retracted else ""
    console.print(f"{numbers.accepted:>9,} records accepted, {numbers.quarantined:,} quarantined{taken_back}")
    if numbers.redeliveries:
        console.print(f"{numbers.redeliveries:>9,} events came again for deliveries that had ended")
    for reason, count in numbers.reasons.most_common():
        console.print(f"{count:>9,} {reason}")
    if numbers.quarantined and name in status.contracted:
        console.print("By column and value:")
        console.print(f"sluice query {shlex.quote(_REASONS.format(name=name))}", highlight=False, soft_wrap=True)
    for place, count in sorted(numbers.retired.items()):
        console.print(
            f"{count:>9,} {'object versions' if place == LANDING else 'rows'} left {place}: their retention ended"
        )
    for volume in numbers.volumes:
        came = "too young to compare" if volume.found is None else f"{amount(volume.found)} came"
        text = f"{amount(volume.expected)} {volume.unit} a day expected, {came} (last {volume.days} full days)"
        _line(console, text, "red" if volume.outside else "green")
    for file, error in numbers.refused:
        _line(console, error if file in error else f"{file}: {error}", "yellow")
    for each in status.letters:
        if each.letter and each.letter.notice.dataset == name:
            _line(console, _letter(each), "red")
    for unit in (unit for unit in status.aside if unit.dataset == name):
        _line(console, f"{', '.join(unit.files)} set aside as {unit.attempt}: {unit.error}", "red")


def one_as_json(status: Status, name: str) -> dict[str, Any]:
    """Return the state as ``as_json`` does, with only the entries of one dataset or derived table where possible."""
    whole = as_json(status)
    for key, names in (("datasets", "dataset"), ("tables", "table"), ("streams", "dataset"), ("set_aside", "dataset")):
        whole[key] = [entry for entry in whole[key] if entry[names] == name]
    return whole


def as_json(status: Status) -> dict[str, Any]:
    """Return the state as plain values for JSON; keys may be added in later versions and are never renamed."""
    return {
        "healthy": not status.problems,
        "problems": status.problems,
        "delivered": status.delivered,
        "open": [notice.uri for notice in status.open_notices],
        "refreshes_running": status.running,
        "datasets": [_dataset(status, numbers) for numbers in status.datasets.values()],
        "tables": [
            {
                "table": table.table, "state": table.state, "made": table.made, "behind_since": table.behind_since,
                "engine": table.engine, "rows": table.rows, "failing_since": table.failing_since,
                "failures": table.failures, "error": table.error, "held": table.held, "seconds": table.seconds,
                "cost_usd": table.cost_usd, "inputs": None if table.inputs is None else list(table.inputs),
                "freshness_seconds": status.freshness_seconds.get(table.table), "due": table.due,
            }
            for table in status.derived
        ],
        "streams": [
            {
                "shard": shard.counts.shard, "dataset": shard.dataset, "accepted": shard.counts.accepted,
                "quarantined": shard.counts.quarantined, "lag_seconds": shard.lag if shard.behind else 0.0,
            }
            for shard in status.streams.shards
        ],
        "dead_letters": [
            {
                "message_id": each.message_id, "file": each.file, "reason": each.reason, "tried_again_at": each.due,
                "dataset": each.letter.notice.dataset if each.letter else None,
            }
            for each in status.letters
        ],
        "failed_batches": list(status.streams.failed_batches),
        "set_aside": [
            {"dataset": unit.dataset, "attempt": unit.attempt, "files": list(unit.files), "error": unit.error}
            for unit in status.aside
        ],
        "function_errors_last_hour": status.function_errors,
    }  # fmt: skip


def _dataset(status: Status, numbers: DatasetStatus) -> dict[str, Any]:
    return {
        "dataset": numbers.name, "deliveries": dict(numbers.deliveries), "accepted": numbers.accepted,
        "quarantined": numbers.quarantined, "retracted": numbers.retracted,
        "files_of_unknown_count": numbers.unknown_counts, "redeliveries": numbers.redeliveries,
        "reasons": dict(numbers.reasons), "last": numbers.last or None,
        "refusal": numbers.refusal or None,
        "refused": [{"file": file, "error": error} for file, error in numbers.refused],
        "volumes": [
            {
                "unit": each.unit, "expected": each.expected, "found": each.found, "days": each.days,
                "outside": each.outside,
            }
            for each in numbers.volumes
        ],
        "per_day": [
            {"day": day.isoformat(), "files": files, "rows": rows}
            for day, files, rows in numbers.arrived.last(_DAYS, datetime.now(UTC).date())
        ],
        "freshness_seconds": status.freshness_seconds.get(f"bronze.{numbers.name}"),
        "retired": dict(numbers.retired),
    }  # fmt: skip


def _print_datasets(status: Status, console: Console) -> None:
    numbers_of = ("delivered", "committed", "duplicate", "rejected", "ignored", "accepted", "quarantined")
    by_stream = {shard.dataset for shard in status.streams.shards}
    rows = []
    for name, numbers in status.datasets.items():
        if name in by_stream and not numbers.deliveries:
            continue
        unknown = f" + {counted(numbers.unknown_counts, 'file')}" if numbers.unknown_counts else ""
        states = ("committed", "duplicate", "rejected", "ignored")
        rows.append(
            (
                name,
                f"{sum(numbers.deliveries.values()):,}",
                *(f"{numbers.deliveries[state]:,}" for state in states),
                f"{numbers.accepted:,}",
                f"{numbers.quarantined:,}{unknown}",
                freshness(numbers.last),
            )
        )
    print_table(console, ("dataset", *numbers_of, "last"), rows)


def _print_shards(streams: StreamsStatus, console: Console) -> None:
    rows = [
        (
            shard.counts.shard.replace("shardId-", "").replace("/0000000", "/…"),
            f"{shard.counts.accepted:,}",
            f"{shard.counts.quarantined:,}",
            freshness(shard.counts.arrived),
            f"{shard.lag:.0f} s" if shard.behind else "0 s",
        )
        for shard in streams.shards
    ]
    print_table(console, ("stream and shard", "accepted", "quarantined", "last", "lag"), rows)


def _print_derived(tables: list[DerivedStatus] | tuple[DerivedStatus, ...], console: Console) -> None:
    colours = {"failed": "red", "up to date": "green", "behind": "yellow", "held": "yellow", "never made": "yellow"}
    rows = [
        (
            table.table,
            Text(table.state, style=colours.get(table.state, "")),
            "" if table.rows is None else f"{table.rows:,}",
            table.engine,
            f"{freshness(table.made)} ago" if table.made else "never",
            freshness(table.behind_since) if table.behind_since else "",
        )
        for table in tables
    ]
    print_table(console, ("table", "state", "rows", "engine", "made", "behind for"), rows)


def _print_reconciliation(status: Status, console: Console) -> None:
    open_count = len(status.open_deliveries)
    ended = sum(sum(d.deliveries[s] for s in FINAL) for d in status.datasets.values())
    sign = "=" if ended + open_count == status.delivered + status.gone else "≠"  # ≠: counted twice
    more = f" + {status.gone:,} no longer in landing" if status.gone else ""
    console.print(f"{ended:,} accounted for + {open_count:,} on their way {sign} {status.delivered:,} delivered{more}")
    if status.streams.shards:
        waiting = ", ".join(status.streams.on_their_way) or "nothing"
        console.print(f"{status.streams.records:,} stream records in tables; on their way: {waiting}")
    for name, numbers in status.datasets.items():
        if files := numbers.deliveries["retracted"]:
            console.print(
                f"{name}: {counted(files, 'delivery', 'deliveries')} retracted, "
                f"with {counted(numbers.retracted, 'record')}"
            )
    for name, count in sorted(status.function_errors.items()):
        console.print(f"{name} failed or died {counted(count, 'time')} within the hour; its log says why")


def _print_refused(status: Status, console: Console) -> None:
    for name, numbers in status.datasets.items():
        for file, error in numbers.refused[:_SHOWN]:
            _line(console, error if file in error else f"{file}: {error}", "yellow")
        if (more := len(numbers.refused) - _SHOWN) > 0:
            console.print(f"… and {counted(more, 'more file')} of {name}; `sluice status '{name}'` shows all")


def _print_problems(status: Status, console: Console) -> None:
    for each in status.letters[:_SHOWN]:
        _line(console, _letter(each), "red")
    if (more := len(status.letters) - _SHOWN) > 0:
        console.print(f"… and {counted(more, 'more dead letter')}; `sluice status --json` has all")
    if failed := status.streams.failed_batches:
        many = counted(len(failed), "batch", "batches")
        text = f"{many} of streams failed to the end; the sweep and `sluice redrive` try again"
        _line(console, text, "red")
    for unit in status.aside[:_SHOWN]:
        what = ", ".join(unit.files[:3]) or counted(unit.records, "record")
        _line(console, f"{unit.dataset}: {what} cannot be committed and is set aside: {unit.error}", "red")
        _line(console, f"Next: `sluice redrive` stages it again, `sluice discard {unit.attempt}` gives it up.", "red")
    for finding in (finding for numbers in status.datasets.values() for finding in numbers.findings):
        _line(console, finding, "red")
    for table in [table for table in status.derived if table.held]:
        _line(console, f"{table.table} is {table.held}", "yellow")
    for table in [table for table in status.derived if table.failure]:
        _line(console, table.failure, "red")


def _letter(each: DeadLetter) -> str:
    what = f"{each.name} is a dead letter: {each.reason}"
    if again := next_try(each, datetime.now(UTC).timestamp()):
        return f"{what} ({again})"
    read = "`sluice redrive` reads it once more, " if each.file else ""
    return f"{what}\nNext: {read}`sluice discard {each.name}` gives it up."


def _line(console: Console, text: str, colour: str) -> None:
    # Where it is no terminal, a line that is folded would part an address in two.
    console.print(f"[{colour}]{escape(text)}[/{colour}]", highlight=False, soft_wrap=not console.is_terminal)
