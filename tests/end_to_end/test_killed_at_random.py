"""Whatever is killed, whenever, at the deployed settings: all is committed and refreshed within three minutes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluice.ingestion.landing import Notice
from sluice.ledger import Ledger
from tests.end_to_end.running import Deployment, as_csv
from tests.end_to_end.streaming import put, records_in, scan, tables
from tests.waiting import until

pytestmark = pytest.mark.slow

RECOVERED_SECONDS = 180.0
HEADER = "parcel_id,grams,weighed_at"
ROWS = 20


@dataclass(frozen=True)
class Storm:
    """How much is sent while a process is killed each second, and for how many seconds."""

    files: int
    records: int
    seconds: float


@pytest.mark.proof
def test_killed_each_second_for_a_while_nothing_is_lost_or_doubled(deployed: Deployment) -> None:
    _survives(deployed, Storm(files=12, records=800, seconds=8), seed=1)


@pytest.mark.proof
def test_killed_each_second_for_two_minutes_nothing_is_lost_or_doubled(deployed: Deployment) -> None:
    _survives(deployed, Storm(files=200, records=20_000, seconds=120), seed=int(time.time()))


def _survives(deployed: Deployment, storm: Storm, *, seed: int) -> None:
    name, killed = f"storm{seed}-", Counter[str]()
    before = {table: len(rows) for table, rows in tables(deployed, "gate_scans").items()}
    with ThreadPoolExecutor(3) as pool:
        killing = pool.submit(_kill, deployed, random.Random(seed), storm.seconds, killed)
        uploading = pool.submit(_upload, deployed, storm, name)
        pool.submit(_send, deployed, storm, name).result()
        notices = uploading.result()
        killing.result()
    last = time.monotonic()
    sys.stdout.write(f"seed {seed}: killed {dict(killed)}\n")
    assert sum(killed.values()) >= storm.seconds / 3, "there was no storm"

    def recovered(what: str, found: Callable[[], bool]) -> None:
        until(
            found,
            f"{what}, by {RECOVERED_SECONDS:.0f} s after the last kill",
            last + RECOVERED_SECONDS - time.monotonic(),
        )

    ledger = Ledger(deployed.outputs["LedgerTableName"])
    keys = [(notice.dataset, notice.delivery_id) for notice in notices]
    recovered("all files are committed", lambda: {d.status for d in ledger.known(keys).values()} == {"committed"})
    rows = storm.records + sum(before.values())
    recovered("all records are committed", lambda: records_in(deployed, "gate_scans") == rows)
    recovered("all files are refreshed", lambda: len(_silver(deployed, name)) == storm.files * ROWS)
    sys.stdout.write(f"committed and refreshed {time.monotonic() - last:.0f} s after the last kill\n")

    deployed.settle()
    bronze = Counter(row["parcel_id"] for row in deployed.rows("bronze.weighed_parcels", f"weighed_parcels/{name}"))
    assert set(bronze.values()) == {1}
    assert len(bronze) == storm.files * ROWS
    found = tables(deployed, "gate_scans")
    assert {table: len(rows) - before[table] for table, rows in found.items()} == {
        "bronze.gate_scans": storm.records - storm.records // 10,
        "quarantine.gate_scans": storm.records // 10,
    }
    identities = Counter((r["_source"], r["_sequence"], r["_position"]) for rows in found.values() for r in rows)
    assert set(identities.values()) == {1}
    assert not _dead_letters(deployed)


def _kill(deployed: Deployment, chance: random.Random, seconds: float, killed: Counter[str]) -> None:
    """Kill a process of a function or job at random each second."""
    server, ends = int((deployed.data / "pid").read_text()), time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(1)
        if victims := list(_victims(server)):
            pid, what = chance.choice(victims)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed[what] += 1


def _victims(server: int) -> Iterator[tuple[int, str]]:
    """Yield the processes in which the local AWS runs functions and jobs, with what each runs."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            command = entry.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
        except (OSError, ValueError):
            continue  # it ended meanwhile
        if parent == server:
            handler = next((part for part in command if part.startswith("lambdas.")), "lambdas.job")
            yield int(entry.name), handler.split(".")[1]


def _upload(deployed: Deployment, storm: Storm, name: str) -> list[Notice]:
    notices = []
    for number in range(storm.files):
        rows = [(f"{name}{number}-{row}", row + 1, "2026-01-01 00:00:00") for row in range(ROWS)]
        notices.append(deployed.put(f"weighed_parcels/{name}{number}.csv", as_csv(rows, HEADER)))
        time.sleep(storm.seconds / storm.files)
    return notices


def _send(deployed: Deployment, storm: Storm, name: str) -> None:
    """Send records of which each tenth is broken."""
    size = 200
    for start in range(0, storm.records, size):
        put(deployed, "gate_scans", [scan(f"{name}{n}", n % 10) for n in range(start, start + size)])
        time.sleep(storm.seconds / (storm.records / size))


def _silver(deployed: Deployment, name: str) -> set[str]:
    rows = deployed.table("silver.weighed_parcels").scan(selected_fields=("parcel_id",)).to_arrow()
    return {each for each in rows["parcel_id"].to_pylist() if each.startswith(name)}


def _dead_letters(deployed: Deployment) -> dict[str, int]:
    depths = {name: deployed.depth(f"{name}DeadLetter") for name in ("Landing", "Commit")}
    return {name: depth for name, depth in depths.items() if depth}
