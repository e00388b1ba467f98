"""``sluice demo``: a year of ShopSphere from files and streams to answers on a local AWS, each step timed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shopsphere.demo.answers import print_answers, print_runs
from shopsphere.demo.streams import Streamed, generate_streams, print_streams, quarantined, send_streams
from sluice.cli import local, local_access
from sluice.cli.deployment import Deployment, client, deployed
from sluice.cli.fitted import narrow_table
from sluice.cli.status import Status, read_status
from sluice.cli.status_output import print_status
from sluice.cli.wait import wait, waited_for
from sluice.folders import ProjectFolder

_UPLOADS_AT_ONCE = 8
#: ShopSphere's, whatever folder it is shown in.
_PROJECT = ProjectFolder(Path(__file__).resolve().parents[2])


def run_demo(*, days: int, seed: int, port: int, keep: bool, console: Console) -> int:
    """Run the whole way and print what came of it; return 0 when every count is as planted."""
    from shopsphere.generate import generate

    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="sluice-demo-") as scratch:
        data = _PROJECT.run if keep else Path(scratch) / "aws"
        with _step("generate", seconds, console):
            manifest = generate(days=days, seed=seed, out=Path(scratch) / "files")
            streamed = generate_streams(seed)
        with _step("start the local AWS and deploy the stacks", seconds, console):
            run = local.start(port, [_PROJECT.contracts], data=data, environment="dev", detached=keep)
        try:
            local_access.export(run.endpoint, run.secret, run.region)
            deployment = deployed("dev", [_PROJECT.contracts])
            files = sorted(
                path for path in (Path(scratch) / "files").rglob("*") if path.parent.name in manifest.datasets
            )
            with _step("upload and stream, ingest, commit, refresh", seconds, console):
                failures = _deliver(files, Path(scratch) / "files", streamed, deployment, console)
            console.rule("answers")
            with _step("query", seconds, console):
                print_answers(deployment, console)
                console.rule("streams")
                right = print_streams(streamed, deployment, console)
                console.rule("quarantine by reason")
                planted = {name: dataset.expected_quarantined for name, dataset in manifest.datasets.items()}
                right &= _print_quarantine(planted | streamed.expected_quarantined, deployment, console)
            console.rule("derived tables")
            print_runs(deployment, console)
            console.rule("ledger")
            print_status(read_status(deployment), deployment, console)
        finally:
            if not keep:
                local.stop(data)
    console.rule("times")
    for name, spent in seconds.items():
        console.print(f"{name:48} {spent:6.1f} s")
    console.print(f"{'together':48} {sum(seconds.values()):6.1f} s")
    if keep:
        console.print("The local AWS goes on; `sluice down` ends it. To talk to it:")
        for line in local_access.environment_lines(run.endpoint, run.secret, run.region):
            console.print(line, highlight=False)
    for failure in failures:
        console.print(f"[red]{failure}[/red]")
    return 0 if right and not failures else 1


@contextmanager
def _step(name: str, seconds: dict[str, float], console: Console) -> Iterator[None]:
    console.print(f"[bold]{name}[/bold] …")
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began


def _deliver(files: list[Path], root: Path, streamed: Streamed, deployment: Deployment, console: Console) -> list[str]:
    """Upload all files, put all records, and wait until each is accounted for and the derived tables are up to date."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        uploaded = progress.add_task("uploaded", total=len(files))
        put = progress.add_task("put on streams", total=streamed.count)
        accounted = progress.add_task("accounted for", total=len(files))
        s3 = client("s3")

        def upload(path: Path) -> None:
            key = str(path.relative_to(root))
            with path.open("rb") as body:
                s3.put_object(Bucket=deployment.settings.landing_bucket, Key=key, Body=body)
            progress.advance(uploaded)

        streams = pool.submit(send_streams, streamed, deployment, lambda count: progress.advance(put, count))
        list(pool.map(upload, files))
        streams.result()

        def show(now: Status) -> None:
            progress.update(accounted, completed=now.delivered - len(now.open_deliveries))
            waiting = "accounted for; refreshing" if now.accounted else f"accounted for; next {waited_for(now)[0]}"
            progress.update(accounted, description=waiting)

        _, failures = wait(deployment, timeout=600, progress=show)
    return failures


def _print_quarantine(planted: dict[str, dict[str, int]], deployment: Deployment, console: Console) -> bool:
    """Print what is in quarantine beside what was planted; tell whether they are equal."""
    table = narrow_table("dataset", "reason", "planted", "in quarantine", "")
    right = True
    for name, found in quarantined(deployment, planted).items():
        for reason in sorted(set(found) | set(planted[name])):
            expected = planted[name].get(reason, 0)
            equal = expected == found[reason]
            right &= equal
            table.add_row(name, reason, f"{expected:,}", f"{found[reason]:,}", "✓" if equal else "✗")
    console.print(table)
    return right
