"""What the state says: what is wrong is named, and what only people can bring on is not waited for."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from sluice.cli import derived
from sluice.cli.dead_letters import DeadLetter
from sluice.cli.deployment import Deployment
from sluice.cli.derived import DerivedStatus
from sluice.cli.status import DatasetStatus, Status, _summarize
from sluice.cli.status_output import as_json, one_as_json, print_dataset, print_status
from sluice.cli.streams import ShardStatus, StreamsStatus
from sluice.cli.wait import waited_for, working
from sluice.ingestion.aside import SetAside
from sluice.ingestion.dead_letters import FileLetter
from sluice.ingestion.landing import Notice
from sluice.ledger import Delivery, ShardCounts

NOTICE = Notice("landing", "orders/a[b].csv", "v1", 10)


def letter(due: float | None) -> DeadLetter:
    return DeadLetter("m1", NOTICE.uri, "v1", "AccessDenied", due, FileLetter(NOTICE, 1, "", died=False, at=0.0))


def state(**more: Any) -> Status:
    given = {
        "datasets": {"orders": DatasetStatus("orders", refused=[(f"s3://x/{n}", f"broken {n}") for n in range(7)])},
        "contracted": frozenset({"orders"}), "delivered": 1, "open_notices": (), "dead_letters": {}, "running": 0,
        "streams": StreamsStatus(),
    }  # fmt: skip
    return Status(**{**given, **more})


def failed(**more: Any) -> DerivedStatus:
    given = {
        "failing_since": "2026-01-01T00:00:00",
        "failures": 3,
        "error": "CheckFailed: grams: 1 row, for example 5000",
    }
    return DerivedStatus("silver.orders", "failed", 1.0, 2.0, **{**given, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"letters": (letter(None),)}, "a[b].csv is a dead letter: AccessDenied"),
        ({"letters": (letter(5.0),)}, "a[b].csv is a dead letter: AccessDenied"),
        ({"aside": (SetAside("orders", "u1", "", "ValueError: a bug"),)}, "is set aside: ValueError: a bug"),
        ({"streams": StreamsStatus(failed_batches=("aws/lambda/x",))}, "1 failed batch of streams"),
        ({"derived": (failed(),)}, "silver.orders failed 3 times since 2026-01-01T00:00:00: CheckFailed"),
        ({"dead_letters": {"CommitDeadLetterQueueUrl": 2}}, "2 wake-ups of committers"),
        ({"dead_letters": {"LandingDeadLetterQueueUrl": 2}}, "2 more dead letters"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], said: str) -> None:
    (problem,) = state(**more).problems
    assert said in problem


def test_all_is_well_with_tables_that_are_behind_or_await_rows() -> None:
    tables = (DerivedStatus("a.b", "behind", 1.0, 2.0), DerivedStatus("a.c", "no rows yet", None))
    assert state(derived=tables).problems == []


def test_what_waits_for_people_is_not_waited_for() -> None:
    assert not working(state(open_notices=(NOTICE,), letters=(letter(None),)))
    assert working(state(open_notices=(NOTICE,), letters=(letter(99.0),)))
    aside = SetAside("orders", "u1", "", "a bug", deliveries=(NOTICE.delivery_id,))
    assert not working(state(open_notices=(NOTICE,), aside=(aside,)))


def test_what_is_waited_for_is_named() -> None:
    many = tuple(Notice("landing", f"orders/{n}.csv", "v", 1) for n in range(9))
    assert waited_for(state(open_notices=many, running=1)) == [
        *(f"s3://landing/orders/{n}.csv" for n in range(5)), "4 more files", "1 refresh under way",
    ]  # fmt: skip
    assert waited_for(state(), ["silver.orders"]) == ["silver.orders"]


def shown(print_it: Any) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_it(console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_failed_refresh_is_shown_with_its_examples() -> None:
    text = shown(lambda console: print_status(state(derived=(failed(),)), {}, console))
    assert "silver.orders" in text
    assert "for example 5000" in text


def test_some_refused_files_are_shown_and_all_for_one_dataset() -> None:
    text = shown(lambda console: print_status(state(), {}, console))
    assert text.count("broken") == 5
    assert "2 more files of orders" in text
    text = shown(lambda console: print_dataset(state(letters=(letter(None),)), "orders", console))
    assert text.count("broken") == 7
    assert "a[b].csv is a dead letter: AccessDenied" in text
    assert "sluice discard s3://landing/orders/a[b].csv" in text


def test_the_json_is_json_and_says_all() -> None:
    found = json.loads(json.dumps(as_json(state(letters=(letter(5.0),), derived=(failed(),)))))
    assert not found["healthy"]
    assert len(found["problems"]) == 2
    assert found["dead_letters"] == [
        {
            "message_id": "m1",
            "file": NOTICE.uri,
            "reason": "AccessDenied",
            "tried_again_at": 5.0,
            "dataset": "orders",
        }
    ]
    assert found["tables"][0]["state"] == "failed"
    assert len(found["datasets"][0]["refused"]) == 7


# ---- derived tables


def standing(**more: Any) -> dict[str, Any]:
    return {"table": "silver.orders", "made": 10.0, "behind_since": None, "awaits_rows": False, **more}


def run(status: str, at: int, **more: Any) -> dict[str, Any]:
    return {"table": "silver.orders", "entry": f"run#2026-01-0{at}#silver.orders", "status": status, **more}


@pytest.mark.parametrize(
    ("stands", "runs", "expected"),
    [
        (standing(), [], "up to date"),
        (standing(behind_since=5.0), [], "behind"),
        (standing(behind_since=5.0, made=None), [], "never made"),
        (standing(behind_since=5.0, made=None, awaits_rows=True), [], "no rows yet"),
        (standing(behind_since=5.0), [run("failed", 2, error="x"), run("published", 1)], "failed"),
        (standing(behind_since=5.0), [run("published", 2), run("failed", 1)], "behind"),
        (standing(), [run("failed", 2), run("published", 1)], "up to date"),
    ],
)
def test_the_state_of_a_derived_table(
    monkeypatch: pytest.MonkeyPatch, stands: dict[str, Any], runs: list[dict[str, Any]], expected: str
) -> None:
    class Known:
        def __init__(self, _: str) -> None:
            """Hold nothing."""

        def newest_runs(self) -> list[dict[str, Any]]:
            return runs

    monkeypatch.setattr(derived, "ask_planner", lambda outputs, question: {"tables": [stands]})
    monkeypatch.setattr(derived, "Ledger", Known)
    (found,) = derived.read_derived(Deployment({"LedgerTableName": "x"})).tables
    assert found.state == expected
    if expected == "failed":
        assert (found.failing_since, found.failures, found.error) == ("2026-01-02", 1, "x")


@pytest.mark.parametrize("earlier", [False, True])
def test_what_the_last_run_took_and_what_a_table_is_made_of_is_told_as_far_as_it_is_known(
    monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    class Known:
        def __init__(self, _: str) -> None:
            """Hold nothing."""

        def newest_runs(self) -> list[dict[str, Any]]:
            took = {} if earlier else {"seconds": {"read": 0.5, "write": 0.25}, "cost_usd": 0.0125}
            return [run("failed", 2, error="x"), run("published", 1, **took)]

    stands = [standing() if earlier else standing(inputs=["bronze.orders"])]
    answer = {"tables": stands} if earlier else {"tables": stands, "freshness_seconds": {"silver.orders": 3600}}
    monkeypatch.setattr(derived, "ask_planner", lambda outputs, question: answer)
    monkeypatch.setattr(derived, "Ledger", Known)
    found = derived.read_derived(Deployment({"LedgerTableName": "x"}))
    (told,) = as_json(state(derived=found.tables, freshness_seconds=found.freshness_seconds))["tables"]
    assert (told["seconds"], told["cost_usd"], told["inputs"], told["freshness_seconds"]) == (
        (None, None, None, None) if earlier else (0.75, 0.0125, ["bronze.orders"], 3600)
    )


def delivery(at: float, status: Any, **more: Any) -> Delivery:
    return Delivery("orders", f"d{at}", status, f"s3://landing/orders/{at:.0f}.csv", at=at, **more)


def test_a_newest_file_that_brought_nothing_is_told_until_one_does() -> None:
    good = delivery(1, "committed", accepted=5)
    nothing = delivery(2, "committed", quarantined=3, reasons={"unparseable": 3})
    broken = delivery(3, "rejected", quarantined=None, error="it is cut short")
    assert _summarize("orders", [good], StreamsStatus()).refusal == ""
    assert "orders/2.csv, the newest file of orders, is in its table: 3 unparseable" in (
        _summarize("orders", [nothing, good], StreamsStatus()).refusal
    )
    told = _summarize("orders", [broken, nothing, good], StreamsStatus())
    assert told.refusal.endswith("it is cut short")
    assert state(datasets={"orders": told}).refusals == [told.refusal]
    stray = _summarize("(unknown)", [broken], StreamsStatus())
    assert state(datasets={"(unknown)": stray}).refusals == [stray.refusal]
    assert "`sluice discard s3://" in stray.refusal
    assert _summarize("(unknown)", [delivery(3, "discarded", error="no dataset")], StreamsStatus()).refusal == ""
    assert state(datasets={"orders": told}).problems == []
    later = [delivery(4, "duplicate"), delivery(3.5, "committed", accepted=1), broken]
    assert _summarize("orders", later, StreamsStatus()).refusal == ""


def test_the_records_of_a_stream_are_its_datasets() -> None:
    counts = [
        ShardCounts("clicks/shardId-0", accepted=5, quarantined=2, reasons={"late": 2}, arrived=9.0),
        ShardCounts("other/shardId-0", 7),
    ]
    shards = tuple(ShardStatus(each.shard.partition("/")[0], each, behind=False, lag=0.0) for each in counts)
    found = _summarize("clicks", [], StreamsStatus(shards))
    assert (found.accepted, found.quarantined, found.last) == (5, 2, 9.0)
    assert found.reasons == {"late": 2}


def test_one_dataset_is_shown_alone_and_blamed_for_itself_alone() -> None:
    both = state(letters=(letter(None),), derived=(failed(), DerivedStatus("silver.other", "up to date", 1.0)))
    assert both.problems_of("silver.other") == []
    assert both.problems_of("silver.orders") == [failed().failure]
    assert both.problems_of("orders") == [f"{NOTICE.uri} is a dead letter: AccessDenied"]
    shown = one_as_json(both, "silver.orders")
    assert [entry["table"] for entry in shown["tables"]] == ["silver.orders"]
    assert shown["datasets"] == []


def test_files_that_landing_no_longer_has_are_accounted_for_apart() -> None:
    ended = DatasetStatus("orders", Counter({"committed": 3}))
    shown = io.StringIO()
    print_status(state(datasets={"orders": ended}, gone=2), {}, Console(file=shown, width=200))
    assert "3 accounted for + 0 on their way = 1 delivered + 2 no longer in landing" in shown.getvalue()
    print_status(state(datasets={"orders": ended}, gone=1), {}, Console(file=shown, width=200))
    assert "3 accounted for + 0 on their way ≠ 1 delivered + 1 no longer in landing" in shown.getvalue()


def test_an_address_stands_on_one_line_where_it_is_no_terminal() -> None:
    uri = f"s3://landing/orders/{'a' * 90}.csv"
    refused = DatasetStatus("orders", Counter({"rejected": 1}), refused=[(uri, f"{uri} is empty: not even a header.")])
    shown = io.StringIO()
    print_status(state(datasets={"orders": refused}), {}, Console(file=shown, width=80))
    assert f"{uri} is empty: not even a header.\n" in shown.getvalue()


def test_what_was_retracted_is_neither_refused_nor_quarantined_any_more() -> None:
    gone = delivery(2, "retracted", quarantined=None, error="its header is wrong", reasons={"header_mismatch": 1})
    found = _summarize("orders", [delivery(1, "committed", accepted=3), gone], StreamsStatus())
    assert (found.accepted, found.quarantined, found.unknown_counts) == (3, 0, 0)
    assert (found.refused, dict(found.reasons), found.refusal) == ([], {}, "")
