"""What runs, waits and failed is told with its reason and with commands that there are."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.cli import all_commands, names_of
from sluice.cli.dead_letters import DeadLetter
from sluice.cli.derived import DerivedStatus
from sluice.cli.status import DatasetStatus, Status, next_try
from sluice.cli.streams import ShardStatus, StreamsStatus
from sluice.cli.ui.concerns import Concern, failed, noted, running, waiting
from sluice.cli.volumes import Volume
from sluice.compiled import Pause
from sluice.ingestion.dead_letters import FileLetter
from sluice.ingestion.landing import Notice
from sluice.ledger import UNKNOWN, ShardCounts
from sluice.refresh.record import Rollback
from tests.laws import cases
from tests.sluice.cli.ui.states import NOW, data_of, empty, large, shop

AT = NOW.timestamp()
SHOP = shop(NOW)


def waits(status: Status = SHOP) -> list[Concern]:
    return list(waiting(status, now=AT, landing="shop-landing"))


def test_what_goes_on_is_told_by_dataset_with_how_much() -> None:
    told = {(each.of, each.what): each.why for each in running(SHOP)}
    assert told["order_lines", "4 files are on their way"].endswith("order_lines/2026-11-26-00.csv and 3 more")
    assert ("", "1 refresh runs") in told
    assert (
        told["clickstream", "records of clickstream/shardId-000000000000 are on their way"]
        == "the oldest has waited for 4 s"
    )


@settings(max_examples=cases(100), deadline=None)
@given(
    st.builds(
        StreamsStatus,
        st.lists(
            st.builds(
                ShardStatus, st.just("clicks"), st.just(ShardCounts("clicks/0")), st.booleans(), st.floats(0, 1e6),
                st.integers(0, 3),
            )
        ).map(tuple),
        st.integers(0, 3),
    )
)  # fmt: skip
def test_whatever_of_streams_is_in_no_table_yet_runs(streams: StreamsStatus) -> None:
    status = replace(large(NOW, 5), streams=streams)
    assert len(list(running(status))) == len(streams.on_their_way)
    verdict = data_of(status, NOW)["verdict"]["kind"]
    assert verdict == ("well" if streams.accounted else "works")


def test_what_waits_is_told_with_why_and_what_ends_it() -> None:
    told = {each.of: each for each in waits() if each.of}
    assert told["gold.daily_sales"].what == "is behind for 1.2 min"
    assert told["gold.stock_cover"].next == ("sluice resume gold.stock_cover",)
    assert told["exchange_rates"].what == "nothing has arrived for 3.2 d"
    general = {each.what: each for each in waits() if not each.of}
    assert general["1 dataset has no data yet"].next == ("aws s3 cp FILE s3://shop-landing/returns/",)
    assert "1 derived table waits for its first rows" in general


NAMES = st.sampled_from(["paused", "held: paused at ", "ann"]) | st.text()


@settings(max_examples=cases(100), deadline=None)
@given(st.builds(Pause, st.just("gold.a"), NAMES, NAMES) | st.builds(Rollback, *[NAMES] * 5, st.just({})))
def test_what_ends_a_hold_does_not_depend_on_who_asked_for_it(hold: Pause | Rollback) -> None:
    status = replace(empty(), derived=(DerivedStatus("gold.a", "held", 1.0, held=str(hold)),))
    (told,) = [each for each in waits(status) if each.of == "gold.a"]
    assert told.next == ("sluice resume gold.a" if isinstance(hold, Pause) else "sluice backfill gold.a",)


def test_a_table_behind_for_longer_than_promised_is_late() -> None:
    (table,) = [each for each in SHOP.derived if each.table == "gold.daily_sales"]
    for behind, late in ((3500, False), (3700, True)):
        status = replace(SHOP, derived=(replace(table, behind_since=AT - behind),))
        (told,) = [each for each in waits(status) if each.of == table.table]
        assert told.why.startswith("later than promised") is late
    unknown = replace(SHOP, derived=(replace(table, behind_since=1.0),), freshness_seconds={})
    assert not any("promise" in each.why for each in waits(unknown))


def test_each_problem_of_the_status_is_among_what_failed() -> None:
    volume = Volume("files", 4.0, 1.0, 7)
    status = replace(
        SHOP, dead_letters={"LandingDeadLetterQueueUrl": 3, "CommitDeadLetterQueueUrl": 2},
        streams=StreamsStatus(failed_batches=("aws/lambda/x",)),
        datasets={**SHOP.datasets, "ad_spend": DatasetStatus("ad_spend", volumes=(volume,))},
    )  # fmt: skip
    told = [f"{each.of} {each.what} {each.why}" for each in failed(status, now=AT)]
    # Each by the words in which it alone is told: the file, the error, the count.
    keys = {
        "is a dead letter": "export (7).csv is a dead letter", "is set aside": "a date after 9999",
        "more dead letters": "2 more dead letters", "wake-ups": "2 wake-ups of committers",
        "failed batch of streams": "1 batch of streams",
        "files a day came": volume.finding("ad_spend"), "failed 3 times": "CheckFailed: order_id",
    }  # fmt: skip
    assert len(status.problems) == len(keys)
    for problem in status.problems:
        (key,) = [key for key in keys if key in problem]
        assert sum(keys[key] in each for each in told) == 1, problem
    assert len(told) == len(status.problems) + len(status.refusals)


def test_a_newest_file_that_brought_nothing_is_named_once_with_its_error() -> None:
    file, error = "s3://landing/orders/a.csv", "s3://landing/orders/a.csv: the header lacks id.\nSafe: it stays."
    refusal = f"no row of {file}, the newest file of orders, is in its table: {error}"
    orders = DatasetStatus(
        "orders", refused=[(file, error), ("s3://landing/orders/older.csv", "cut short")], refusal=refusal
    )
    (told,) = failed(replace(empty(), datasets={"orders": orders}), now=AT)
    assert (told.of, told.why) == ("orders", "the header lacks id.\nSafe: it stays.")
    assert told.what == f"no row of its newest file, {file}, is in its table"
    stray = replace(orders, name=UNKNOWN, refusal=f"{file} is in no dataset's folder: {error}")
    (told,) = failed(replace(empty(), datasets={UNKNOWN: stray}), now=AT)
    assert (told.of, told.next) == ("", (f"sluice discard {file}",))
    quarantined = DatasetStatus(
        "orders", refused=[("s3://landing/orders/older.csv", "cut short")], refusal="no row: 3 late"
    )
    (told,) = failed(replace(empty(), datasets={"orders": quarantined}), now=AT)
    assert (told.what, told.next) == ("no row: 3 late", ("sluice status orders",))


def test_nothing_fails_where_the_status_has_no_problem() -> None:
    for status in (empty(), large(NOW, 20)):
        assert status.problems == []
        assert list(failed(status, now=AT)) == []
        assert list(running(status)) == []


DUE = st.none() | st.floats(-600, 90_000).map(lambda wait: AT + wait)


@settings(max_examples=cases(100), deadline=None)
@given(st.lists(st.tuples(DUE, st.booleans()), max_size=5), st.integers(0, 3))
def test_a_dead_letter_has_failed_and_neither_runs_nor_waits_whether_it_is_tried_again_or_not(
    letters: list[tuple[float | None, bool]], coming: int
) -> None:
    """As `sluice status` has it: a page says that nothing failed only of what that command calls healthy."""
    files = [Notice("landing", f"orders/{number}.csv", "v1", 10) for number in range(len(letters) + coming)]
    dead = tuple(
        DeadLetter(f"m{number}", file.uri, "v1", "denied", due, FileLetter(file, 4, "", died=False, at=0.0))
        if of_file
        else DeadLetter(f"m{number}", "", "", "no event of a file", due)
        for number, (file, (due, of_file)) in enumerate(zip(files, letters, strict=False))
    )
    status = replace(empty(), letters=dead, open_notices=tuple(files))
    told = list(failed(status, now=AT))
    assert [each.what.split(" is a dead letter")[0] for each in told] == [each.name for each in dead]
    assert bool(told) is bool(status.problems)
    for each, letter in zip(told, dead, strict=True):
        assert ("tried again by itself in " in each.what) is (letter.due is not None)
        assert bool(each.next) is (letter.due is None)
    elsewhere = [f"{each.what} {each.why}" for each in (*running(status), *waits(status))]
    assert not [each.file for each in dead if each.file and any(each.file in text for text in elsewhere)]
    on_their_way = sum(int(each.what.split()[0]) for each in running(status))
    assert on_their_way == len(files) - sum(bool(each.file) for each in dead)


def test_a_dead_letter_tells_in_both_commands_when_it_is_tried_again() -> None:
    letter = replace(SHOP.letters[0], due=AT + 90)
    (told,) = failed(replace(empty(), letters=(letter,)), now=AT)
    assert told == Concern(
        "customers", f"{letter.file} is a dead letter, tried again by itself in 1.5 min", letter.reason
    )
    assert next_try(letter, AT) == "tried again by itself in 1.5 min"


def test_calls_that_failed_are_noted_and_are_no_failure() -> None:
    assert [each.what for each in noted(SHOP)] == ["shop-prod-commit-table failed or died 2 times within the hour"]
    assert not any("commit-table" in each.what for each in failed(SHOP, now=AT))


@pytest.mark.parametrize("name", ["a b;c.csv", "x'y.csv", "$(touch x).csv", "-rf.csv"])
def test_commands_are_there_and_take_names_as_they_are(name: str) -> None:
    uri = f"s3://landing/orders/{name}"
    letter = DeadLetter("m", uri, "v", "denied", None, SHOP.letters[0].letter)
    table = DerivedStatus("gold.a", "held", 1.0, held="held: rolled back to 7")
    status = replace(SHOP, letters=(letter,), derived=(*SHOP.derived, table))
    commands = [
        shlex.split(each)
        for found in (running(status), waits(status), failed(status, now=AT))
        for c in found
        for each in c.next
    ]
    assert ["sluice", "discard", uri] in commands
    assert ["sluice", "backfill", "gold.a"] in commands
    known = names_of(all_commands())
    assert {words[1] for words in commands if words[0] == "sluice"} <= known
    assert {words[0] for words in commands} == {"sluice", "aws"}
