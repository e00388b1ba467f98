"""Every command; each is thin and calls the module that does the work."""

from __future__ import annotations

import json
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.console import console
from sluice.errors import CommandError
from sluice.folders import CONTRACTS

if TYPE_CHECKING:
    from sluice.cli.status import Status

cli = typer.Typer(
    name="sluice",
    help="A serverless lakehouse for AWS that also runs on a laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Contracts = Annotated[list[Path] | None, typer.Option("--contracts", help="Contracts folder; may be given repeatedly.")]
Environment = Annotated[str, typer.Option("--env", help="Environment: dev or prod.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Directory for logs and scratch; nothing is written outside.")
]


class Format(StrEnum):
    """How query results are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@cli.command()
def up(  # noqa: PLR0917  options of a command
    port: Annotated[int, typer.Option(help="Loopback port that serves all AWS APIs.")] = 4566,
    contracts: Contracts = None,
    data: Data = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when ready; `sluice down` ends it.")] = False,
    env: Environment = "dev",
    secret: Annotated[
        bool, typer.Option("--secret", help="A secret of this run alone: keeps other users of this machine out.")
    ] = False,
) -> None:
    """Run the synthesized stacks on this machine and stay in the foreground."""
    from sluice.cli import local

    folder = data or local.DEFAULT_DATA
    # An end by SIGTERM or by a closed terminal is as orderly as one by Ctrl+C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    run = local.start(port, contracts or [CONTRACTS], data=folder, environment=env, detached=detach, secret=secret)
    try:
        typer.echo("ready")
        typer.echo(local.who_may(run.secret))
        for line in local.environment_lines(run.endpoint, run.secret):
            typer.echo(line)
        typer.echo("# Contracts were read once, and buckets and tables last until it ends.")
        if detach:
            return
        code = run.process.wait()
    except KeyboardInterrupt:
        run.process.send_signal(signal.SIGINT)
        code = run.process.wait()
    (folder / "pid").unlink(missing_ok=True)
    if code not in (0, -signal.SIGINT, -signal.SIGTERM):
        typer.echo(f"The local AWS ended with {code}; its log is {folder / 'serve.log'}.", err=True)
    raise typer.Exit(0 if code in (0, -signal.SIGINT, -signal.SIGTERM) else code)


@cli.command()
def down(data: Data = None) -> None:
    """End the local AWS that `sluice up` started; its buckets and tables end with it."""
    from sluice.cli import local

    ended = local.stop(data or local.DEFAULT_DATA)
    typer.echo("ended" if ended else f"nothing was running from {(data or local.DEFAULT_DATA).resolve()}")


@cli.command()
def outputs(
    as_json: Annotated[bool, typer.Option("--json", help="Print one flat JSON object.")] = False,
    env: Environment = "dev",
) -> None:
    """Print the stacks' outputs: names of buckets, queues, workgroup, workflow."""
    from sluice.cli.deployment import stack_outputs

    found = stack_outputs(env)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, value in sorted(found.items()):
        typer.echo(f"{name:32} {value}")


@cli.command()
def query(
    sql: Annotated[str, typer.Argument(help="One statement in Athena's SQL.")],
    output: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    env: Environment = "dev",
) -> None:
    """Run a query in Athena and print its rows."""
    from sluice.cli.answers import print_rows, run_query
    from sluice.cli.deployment import stack_outputs

    print_rows(run_query(sql, stack_outputs(env)), output.value, console())


@cli.command()
def status(
    dataset: Annotated[
        str, typer.Argument(help="Show all of one dataset, or of a derived table (silver.orders).")
    ] = "",
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when all is accounted for and no refresh is due.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 900.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="1 also when a dataset's newest file brought nothing into its table.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Show where every delivery and derived table is; 1 when something failed."""
    from sluice.cli import status_shown
    from sluice.cli.deployment import stack_outputs
    from sluice.cli.status import read_status

    found = stack_outputs(env)
    now, problems = _wait(found, timeout) if wait else ((seen := read_status(found)), seen.problems)
    if dataset and dataset not in {*now.datasets, *(table.table for table in now.derived)}:
        raise typer.BadParameter(f"There is no dataset or derived table {dataset!r}; `sluice status` lists them.")
    if dataset:  # but for what the wait itself found
        problems = [*(each for each in problems if each not in now.problems), *now.problems_of(dataset)]
    if strict:
        problems += [now.datasets[dataset].refusal] if dataset in now.datasets else [] if dataset else now.refusals
    problems = [each for each in problems if each]
    if as_json:
        shown = status_shown.one_as_json(now, dataset) if dataset else status_shown.as_json(now)
        typer.echo(json.dumps({**shown, "problems": problems, "healthy": not problems}, indent=2))
    elif dataset:
        status_shown.print_dataset(now, dataset, console())
    else:
        status_shown.print_status(now, found, console())
    unsaid = [each for each in problems if each not in now.problems]
    if unsaid and not as_json:
        raise CommandError("\n".join(unsaid), next_step="mend the cause; `sluice redrive` tries again what is dead.")
    raise typer.Exit(1 if problems else 0)


def _wait(outputs: dict[str, str], timeout: float) -> tuple[Status, list[str]]:
    """Wait, and say on the terminal's error side what for; on one that is none a line each half minute."""
    from rich.console import Console

    from sluice.cli.wait import Progress, wait

    progress = Progress(Console(stderr=True))
    with progress:
        return wait(outputs, timeout=timeout, progress=progress.show)


@cli.command()
def plan(env: Environment = "dev") -> None:
    """Show what a refresh would do: which tables, how much of each, on which engine, why, and at what cost."""
    from sluice.cli.deployment import stack_outputs
    from sluice.cli.planning import print_plan

    print_plan(stack_outputs(env), console())


@cli.command()
def backfill(
    *,
    table: Annotated[str, typer.Argument(help="Derived table, e.g. gold.daily_sales.")],
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-01-31; without days the whole table.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, included.")] = "",
    column: Annotated[str, typer.Option(help="Date or timestamp that the days are of; default the table's own.")] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="Take back a backfill that waits.")] = False,
    env: Environment = "dev",
) -> None:
    """Compute an interval of a derived table anew; readers see the old rows until all of it is published."""
    from sluice.cli.deployment import stack_outputs
    from sluice.cli.planning import cancel_backfill, request_backfill

    outputs = stack_outputs(env)
    if cancel:
        typer.echo(cancel_backfill(outputs, table))
    else:
        typer.echo(request_backfill(outputs, table, first=first, last=last, column=column))


@cli.command()
def redrive(env: Environment = "dev") -> None:
    """Put dead-lettered messages back on their queues, so that they are tried again."""
    from sluice.cli.answers import redrive_all
    from sluice.cli.deployment import stack_outputs

    words = {"streams": "batches handed on again", "set aside": "units staged again"}
    for kind, count in redrive_all(stack_outputs(env)).items():
        typer.echo(f"{kind}: {count} {words.get(kind, 'messages put back')}")


@cli.command()
def discard(
    what: Annotated[
        str,
        typer.Argument(help="Address of a file (s3://…) that is a dead letter, a message's id, or a unit set aside."),
    ],
    env: Environment = "dev",
) -> None:
    """Give up a dead letter or a unit set aside: the ledger says so, files stay in landing."""
    from sluice.cli.dead_letters import discard as give_up
    from sluice.cli.deployment import stack_outputs

    for sentence in give_up(stack_outputs(env), what):
        typer.echo(f"discarded {sentence}")


@cli.command()
def send(
    dataset: Annotated[str, typer.Argument(help="Dataset that arrives by stream.")],
    file: Annotated[Path, typer.Argument(help="NDJSON, JSON, CSV or TSV, gzipped or not.")],
    rate: Annotated[float | None, typer.Option(help="Records a second at most.", min=0.01)] = None,
    key: Annotated[
        str | None, typer.Option(help="Column whose value spreads records over shards; default the contract's.")
    ] = None,
    env: Environment = "dev",
) -> None:
    """Put a file's records on a dataset's Kinesis stream; non-zero when one was refused."""
    from sluice.cli.deployment import client, stack_outputs
    from sluice.cli.send import send_file, shown

    outputs = stack_outputs(env)
    with shown(console(), dataset) as bar:
        sent = send_file(
            client("kinesis"), client("glue"), outputs, dataset=dataset, path=file, key=key, rate=rate,
            refuse=lambda why: typer.echo(why, err=True), watch=lambda at, count: bar(count, at.position, at.size),
        )  # fmt: skip
    typer.echo(sent.line(dataset))
    if sent.refused:
        typer.echo(f"{len(sent.refused):,} records were refused and not sent", err=True)
        raise typer.Exit(1)


@cli.command()
def check(contracts: Contracts = None) -> None:
    """Check every contract and transform without deploying anything."""
    from sluice.load import load_contracts
    from sluice.transforms.compile import compile_project
    from sluice.transforms.discover import transform_folders

    folders = contracts or [CONTRACTS]
    found = load_contracts(folders)
    project = compile_project(found, *transform_folders(folders))
    landing = sum(not contract.derived for contract in found)
    typer.echo(f"{landing} landing datasets and {len(project.transforms)} transforms are sound.")
