"""``sluice generate``: a history as files, or what streams, live or as files."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sluice.cli.fitted import narrow_table
from sluice.errors import CommandError

if TYPE_CHECKING:
    from rich.console import Console

#: Without a rate the events spread over this many seconds up to now, or faster when there are very many.
_SPREAD, _EVENTS_A_SECOND = 3_600.0, 10_000


def history(*, days: int, seed: int, out: Path, rows_per_day: int | None, console: Console) -> None:
    """Write the files of a history and show their counts."""
    from shopsphere.generate import generate

    began = time.perf_counter()
    try:
        manifest = generate(days=days, seed=seed, out=out, rows_per_day=rows_per_day)
    except FileExistsError as error:
        raise CommandError(str(error), next_step="`sluice generate --out` with a new folder.") from error
    table = narrow_table("dataset", "files", "records", "accepted", "quarantined")
    for name, numbers in manifest.datasets.items():
        counts = (numbers.files, numbers.records, numbers.expected_accepted, sum(numbers.expected_quarantined.values()))
        table.add_row(name, *(f"{count:,}" for count in counts))
    console.print(table)
    typer.echo(f"{out}: {time.perf_counter() - began:.1f} s")


def live(
    *, events: int, seed: int, rate: float | None, start: str | None, manifest: Path, environment: str, console: Console
) -> None:
    """Put a clickstream on its Kinesis stream, with event times of now (without a rate: of the past hour)."""
    from shopsphere.generate.stream import generate_stream
    from shopsphere.generate.stream_manifest import StreamManifest
    from sluice.cli.deployment import client, deployed
    from sluice.cli.send import progress_bar, put_records, require_stream

    stream = f"{deployed(environment).settings.database_prefix}clickstream"
    require_stream(client("kinesis"), stream)
    counted = StreamManifest()
    seconds = _seconds(events, rate)
    begins = _moment(start) or _now() - timedelta(seconds=0 if rate else _SPREAD)
    try:
        batches = generate_stream(events=events, seed=seed, start=begins, duration_seconds=seconds, manifest=counted)
    except ValueError as error:
        raise CommandError(str(error), safe="nothing was sent.", next_step="ask for --events 1 or more.") from error
    pairs = (pair for batch in batches for pair in batch.pairs())
    done = 0
    with progress_bar(console, stream) as bar:

        def progress(count: int) -> None:
            nonlocal done
            done += count
            bar(count, done, events)

        sent = put_records(client("kinesis"), stream, pairs, rate, progress)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    counted.write(manifest)
    typer.echo(sent.line(stream))
    typer.echo(f"{manifest} says what a correct pipeline makes of it")


def stream_files(*, events: int, seed: int, rate: float | None, start: str | None, out: Path, console: Console) -> None:
    """Write all that streams as files and show the counts."""
    from shopsphere.generate.stream_files import START, write_streams

    began = time.perf_counter()
    seconds = _seconds(events, rate)
    moment = _moment(start) or START
    if start == "now":  # no event is of a time to come
        moment -= timedelta(seconds=min(seconds, _SPREAD))
    try:
        written = write_streams(events=events, seed=seed, out=out, start=moment, duration_seconds=seconds)
    except (FileExistsError, ValueError) as error:
        raise CommandError(str(error), next_step="`sluice generate --help` tells what can be asked for.") from error
    table = narrow_table("dataset", "records")
    for name, manifest in written.items():
        table.add_row(name, f"{manifest.records:,}")
    console.print(table)
    typer.echo(f"{out}: {time.perf_counter() - began:.1f} s")
    if start is None:
        typer.echo("The events are of 2025, so that all will be late when they are sent; --start now makes new ones.")


def _seconds(events: int, rate: float | None) -> float:
    return events / rate if rate else max(_SPREAD, events / _EVENTS_A_SECOND)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    if text == "now":
        return _now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"--start {text} is no time.",
            safe="nothing was made.",
            next_step="write 2025-01-31T08:00:00 or now.",
            value=text,
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
