"""At least once in, exactly once out: whatever comes again, the tables' content stays the same."""

from collections import Counter
from pathlib import Path

import pytest

from tests.end_to_end.running import Deployment, as_csv, aws

pytestmark = pytest.mark.slow

A = as_csv([("A1", 10, "first"), ("A2", 0, "weighs nothing"), ("A3", 30, "")])
B = as_csv([("B1", 11, "second"), ("B2", 22, "")])


@pytest.mark.real_data
def test_uploading_everything_again_changes_nothing(deployed: Deployment, retail: Path) -> None:
    tables = ("bronze.online_retail", "quarantine.online_retail")
    before = {name: deployed.rows(name) for name in tables}
    committed = {entry.delivery_id for entry in deployed.ledger_entries("online_retail") if entry.status == "committed"}

    aws("s3", "cp", "--recursive", "--quiet", retail, f"s3://{deployed.landing}/online_retail/")
    deployed.settle()

    assert all(before.values())
    assert {name: deployed.rows(name) for name in tables} == before
    entries = deployed.ledger_entries("online_retail")
    again = [entry for entry in entries if entry.delivery_id not in committed]
    assert len(again) >= 68
    assert {entry.status for entry in again} == {"duplicate"}
    assert all(entry.duplicate_of for entry in again)


@pytest.mark.real_data
def test_every_event_three_times_in_any_order_changes_nothing(deployed: Deployment, retail: Path) -> None:
    tables = ("bronze.online_retail", "quarantine.online_retail")
    before = {name: deployed.rows(name) for name in tables}
    notices = deployed.versions("online_retail/")
    counted = deployed.redeliveries("online_retail")

    deployed.announce(notices * 3, shuffled=7)
    deployed.quiet()
    deployed.settle()

    assert all(before.values())
    assert {name: deployed.rows(name) for name in tables} == before
    assert deployed.redeliveries("online_retail") == counted + Counter({n.delivery_id: 3 for n in notices})


def test_new_files_told_of_many_times_at_once_are_in_once(deployed: Deployment) -> None:
    files = {
        f"returned_parcels/at-once-{number}.csv": as_csv([(f"P{number}-{row}", row, "") for row in range(4)])
        for number in range(10)
    }

    notices = deployed.put_all(files)
    deployed.announce(notices * 5, shuffled=11)
    ended = deployed.ended(notices)
    deployed.quiet()

    assert {entry.status for entry in ended.values()} == {"committed"}
    accepted = deployed.rows("bronze.returned_parcels", "returned_parcels/at-once-")
    assert sorted(row["parcel_id"] for row in accepted) == sorted(
        f"P{number}-{row}" for number in range(10) for row in (1, 2, 3)
    )
    refused = deployed.rows("quarantine.returned_parcels", "returned_parcels/at-once-")
    assert sorted(row["record"] for row in refused) == sorted(f"P{number}-0,0,".encode() for number in range(10))


def test_a_then_b_then_a_is_three_deliveries(deployed: Deployment) -> None:
    key = "returned_parcels/a-b-a.csv"

    notices = []
    for body in (A, B, A):
        notices.append(deployed.put(key, body))
        deployed.ended(notices)
    deployed.quiet()

    ended = deployed.ended(notices)
    assert [ended[notice.delivery_id].status for notice in notices] == ["committed"] * 3
    by_delivery = {
        notice.delivery_id: [
            row["parcel_id"]
            for row in deployed.rows("bronze.returned_parcels", key)
            if row["_delivery_id"] == notice.delivery_id
        ]
        for notice in notices
    }
    assert list(by_delivery.values()) == [["A1", "A3"], ["B1", "B2"], ["A1", "A3"]]
    assert len(deployed.rows("quarantine.returned_parcels", key)) == 2


def test_a_then_a_marks_the_second_a_duplicate(deployed: Deployment) -> None:
    key = "returned_parcels/a-a.csv"

    notices = [deployed.put(key, A), deployed.put(key, A)]
    ended = deployed.ended(notices)
    deployed.quiet()

    first, second = (ended[notice.delivery_id] for notice in notices)
    assert (first.status, second.status) == ("committed", "duplicate")
    assert second.duplicate_of == notices[0].version_id
    assert [row["parcel_id"] for row in deployed.rows("bronze.returned_parcels", key)] == ["A1", "A3"]
