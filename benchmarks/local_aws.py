"""Through the local AWS, reported only: start and deployment, and from upload to queryable."""

from __future__ import annotations

import socket
import statistics
import time
from pathlib import Path

from rich.console import Console

from benchmarks import queries, stream_latency
from benchmarks.example import PROJECT
from sluice.cli import local, local_access
from sluice.cli.assembly import synthesize
from sluice.cli.deployment import client, deployed
from sluice.cli.querying import run_query
from sluice.cli.wait import wait

_UPLOADS = 5


def report(sample: Path, scratch: Path, console: Console) -> None:
    """Print seconds for a start with synthesis, a start without, and uploads until gold has them."""
    contracts = [PROJECT.contracts]
    assembly = synthesize(contracts, "dev")
    kept = assembly.rename(assembly.with_suffix(".kept"))
    try:
        for name in ("cold (synthesis and deployment)", "warm (assets cached, all stacks from nothing)"):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            run = local.start(port, contracts, data=scratch / name[:4], environment="dev", detached=True)
            console.print(f"sluice up {name}: {sum(run.seconds.values()):.1f} s {run.seconds}")
            if name.startswith("cold"):
                local.stop(scratch / name[:4])
        local_access.export(run.endpoint, run.secret, run.region)
        deployment = deployed("dev", contracts)
        times = []
        for number in range(_UPLOADS):
            began = time.perf_counter()
            client("s3").put_object(
                Bucket=deployment.settings.landing_bucket, Key=f"order_lines/{number}.csv", Body=sample.read_bytes()
            )
            wait(deployment, timeout=120)
            run_query("SELECT count(*) AS n FROM silver.order_lines", deployment)
            times.append(time.perf_counter() - began)
        shown = " ".join(f"{seconds:.1f}" for seconds in times)
        console.print(
            f"upload to queryable in silver, median of warm ones: {statistics.median(times[1:]):.1f} s ({shown})"
        )
        stream_latency.report(console)
        small = "SELECT quantity, count(*) AS n FROM silver.order_lines GROUP BY quantity"
        queries.report(client("athena"), deployment.workgroup, {"SELECT 1": "SELECT 1", "GROUP BY": small}, console)
    finally:
        local.stop(scratch / "warm")
        if not assembly.exists():
            kept.rename(assembly)
