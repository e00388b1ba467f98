"""What was done is undone on a whole deployment: by the commands as a user runs them, with the committer killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from sluice.ingestion.landing import Notice
from tests.end_to_end.kill_points import Point, most_were_reached, share_of
from tests.end_to_end.running import Deployment, as_csv, sluice

pytestmark = pytest.mark.slow
#: Longer than a call of the committer takes here, so that a message comes again only because it died.
VISIBILITY_SECONDS = "3"
SHARE = 12
#: Calls that change nothing: to die there is to die before the next that does.
_READS = ("Get", "Head", "List", "Describe", "Receive", "Query")
BRONZE, QUARANTINE, SILVER = "bronze.weighed_parcels", "quarantine.weighed_parcels", "silver.weighed_parcels"
_AT = "2026-01-01T12:00:00Z"
BAD = as_csv([("B1", 7, _AT), ("B2", "heavy", _AT), ("B3", 8, _AT)], "parcel_id,grams,weighed_at")


def parcel(name: str) -> bytes:
    return as_csv([(name, 5, _AT)], "parcel_id,grams,weighed_at")


def asked(*words: str) -> Any:
    done = sluice(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*words: str) -> str:
    done = sluice(*words)
    assert done.returncode == 2, done.stdout
    return " ".join(done.stderr.split())


def bring(deployed: Deployment, key: str, body: bytes) -> Notice:
    """Upload a file, and wait until all that is made of it is refreshed."""
    notice = deployed.put(f"weighed_parcels/{key}", body)
    deployed.ended([notice])
    deployed.settle()
    return notice


def counts(deployed: Deployment, key: str, dataset: str = "weighed_parcels") -> list[int]:
    """Return how many rows of a file bronze and quarantine hold."""
    return [len(deployed.rows(f"{database}.{dataset}", f"{dataset}/{key}")) for database in ("bronze", "quarantine")]


def parcels(deployed: Deployment) -> set[str]:
    """Return the parcels that silver has."""
    return set(deployed.table(SILVER).scan().to_arrow()["parcel_id"].to_pylist())


def test_a_retracted_file_leaves_all_tables_and_only_a_new_version_comes_back(deployed: Deployment) -> None:
    bring(deployed, "undo-kept.csv", parcel("K1"))
    bad = bring(deployed, "undo-bad.csv", BAD)
    assert counts(deployed, "undo-bad.csv") == [2, 1]
    dry = asked("retract", bad.uri, "--dry-run")
    assert (dry["records"], dry["done"], dry["follow"]) == (3, False, [SILVER])
    assert counts(deployed, "undo-bad.csv") == [2, 1]
    came_again = asked("status", "weighed_parcels")["datasets"][0]["redeliveries"]
    deployed.announce([bad], shuffled=1)
    deployed.quiet()
    done = asked("retract", bad.uri)
    assert (done["accepted"], done["quarantined"], done["done"]) == (2, 1, True)
    deployed.settle()
    assert counts(deployed, "undo-bad.csv") == [0, 0]
    assert parcels(deployed) & {"K1", "B1", "B3"} == {"K1"}
    again = asked("retract", bad.delivery_id)
    assert (again["already"], again["accepted"], again["quarantined"]) == (True, 2, 1)
    deployed.announce([bad], shuffled=1)
    deployed.quiet()
    assert counts(deployed, "undo-bad.csv") == [0, 0]
    status = asked("status", "weighed_parcels")["datasets"][0]
    assert (status["retracted"], status["deliveries"]["retracted"]) == (3, 1)
    assert status["redeliveries"] == came_again + 2, "one before it was taken back, one after"
    assert bring(deployed, "undo-bad.csv", BAD).version_id != bad.version_id
    assert counts(deployed, "undo-bad.csv") == [2, 1]
    assert parcels(deployed) >= {"K1", "B1", "B3"}


def test_what_is_no_delivery_in_a_table_is_not_retracted(deployed: Deployment) -> None:
    assert "There is no delivery" in refused("retract", f"s3://{deployed.landing}/weighed_parcels/nothing.csv")
    assert "a stream has no other" in refused("retract", "dock_scans/shardId-000000000000")
    first = bring(deployed, "undo-twice.csv", parcel("T1"))
    second = bring(deployed, "undo-twice.csv", parcel("T1"))
    said = refused("retract", f"{second.uri}?versionId={second.version_id}")
    assert "is duplicate" in said
    assert f"retract {first.uri}?versionId={first.version_id}" in said
    assert counts(deployed, "undo-twice.csv") == [1, 0]


def test_bytes_whose_first_version_was_retracted_come_in_though_a_duplicate_lies_between(deployed: Deployment) -> None:
    first = bring(deployed, "undo-thrice.csv", parcel("H1"))
    bring(deployed, "undo-thrice.csv", parcel("H1"))
    asked("retract", first.delivery_id)
    third = deployed.put("weighed_parcels/undo-thrice.csv", parcel("H1"))
    assert deployed.ended([third])[third.delivery_id].status == "committed"
    assert counts(deployed, "undo-thrice.csv") == [1, 0]


@pytest.mark.proof
def test_a_rolled_back_table_is_held_until_its_input_changes(deployed: Deployment) -> None:
    bring(deployed, "undo-first.csv", parcel("R1"))
    before, to = parcels(deployed), str(deployed.table(SILVER).current_snapshot().snapshot_id)
    bring(deployed, "undo-second.csv", parcel("R2"))
    assert parcels(deployed) == before | {"R2"}
    done = asked("rollback", SILVER, "--to", to)
    assert (done["to"], done["in_flight"]) == (to, {})
    deployed.settle()
    assert parcels(deployed) == before
    (held,) = asked("status", SILVER)["tables"]
    assert held["state"] == "held"
    assert f"{SILVER} is held: rolled back to {to}" in " ".join(sluice("plan").stdout.split())
    assert not asked("rollback", SILVER, "--to", to)["changed"]
    assert "name one of" in refused("rollback", SILVER, "--to", "1")
    assert "sluice retract" in refused("rollback", BRONZE, "--to", to)
    bring(deployed, "undo-third.csv", parcel("R3"))
    assert parcels(deployed) == before | {"R2", "R3"}
    (table,) = asked("status", SILVER)["tables"]
    assert (table["state"], table["held"]) == ("up to date", "")


@pytest.fixture
def quick(deployed: Deployment) -> Iterator[None]:
    """Wake-ups come again after seconds, not after the template's minutes."""
    sqs, url = deployed.client("sqs"), deployed.outputs["CommitQueueUrl"]
    name = "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: VISIBILITY_SECONDS})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: before})


@pytest.mark.proof
def test_a_retraction_ends_the_same_wherever_the_committer_is_killed(deployed: Deployment, quick: None) -> None:
    armed: list[Point] = []

    def retract(number: int) -> list[list[int]]:
        """Retract one of two files that came together; return the rows of each that are left in both tables."""
        body = as_csv([("Q1", 7, ""), ("Q2", 0, "weighs nothing")])
        keys = [f"undone-{number}-{name}.csv" for name in ("gone", "kept")]
        notices = deployed.put_all({f"lost_parcels/{key}": body for key in keys})
        deployed.ended(notices)
        deployed.quiet()
        if number < 0:
            deployed.localaws("POST", "faults/record")
        else:
            deployed.localaws("POST", "faults/arm", asdict(armed[number]))
        done = asked("retract", notices[0].uri)
        deployed.quiet()
        assert (done["records"], done["done"]) == (2, True)
        return [counts(deployed, key, "lost_parcels") for key in keys]

    undisturbed = retract(-1)
    assert undisturbed == [[0, 0], [1, 1]]
    committer = deployed.function("CommitTable")
    calls: Counter[tuple[str, str]] = Counter(
        (call["service"], call["action"])
        for call in deployed.localaws("GET", "faults/calls")
        if call["caller"] == committer and not call["action"].startswith(_READS)
    )
    assert calls[("glue", "UpdateTable")] == 2
    every = [
        Point(committer, *what, n, when)
        for what, most in calls.items()
        for n in range(1, most + 1)
        for when in ("before", "after")
    ]
    armed.extend(share_of(every, SHARE))
    missed = []
    for number in range(len(armed)):
        assert retract(number) == undisturbed, armed[number]
        if deployed.localaws("POST", "faults/disarm") is None:
            missed.append(str(armed[number]))
    most_were_reached(armed, missed)
