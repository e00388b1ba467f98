"""No unit holds up another: what cannot be committed is set aside, also when it ends the committer each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from sluice.errors import CommandError, CommitConflict, TableError
from sluice.ingestion import portions as module
from sluice.ingestion.aside import drop, put_back, units_aside
from sluice.ingestion.portions import Portions, Staged, manifests_of
from sluice.ingestion.stage import StagedDelivery, StagedUnit, staging_prefix
from sluice.storage import LocalStore


class Killed(BaseException):
    """Stands for the process's end."""


class Slow(LocalStore):
    """A store whose reads take the committer's time."""

    def __init__(self, committer: Committer) -> None:
        self.committer = committer

    def get_bytes(self, address: str) -> bytes:
        self.committer.seconds -= self.committer.seconds_a_read
        return super().get_bytes(address)


class Committer:
    """Commits units but for those that it is told to fail with, or to die of; each call is a new life."""

    def __init__(self, lake: Path) -> None:
        self.store, self.lake = Slow(self), str(lake)
        self.committed: list[str] = []
        self.calls: list[list[str]] = []
        self.aside: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.kills: set[str] = set()
        self.seconds, self.seconds_a_read = 900.0, 0.0

    def stage(self, *attempts: str) -> None:
        for attempt in attempts:
            unit = StagedUnit("things", attempt, (StagedDelivery(attempt, f"s3://x/{attempt}", "v", 10),), records=1)
            self.store.put(f"{staging_prefix(self.lake, 'things')}{attempt}.json", msgspec.json.encode(unit))

    def live(self, *, again: bool = False) -> bool:
        """One call; true when it came to its end."""
        portions = Portions(
            self.store,
            self.lake,
            "things",
            again,
            lambda: self.seconds,
            lambda one, _: self.aside.append(one.unit.attempt),
        )
        try:
            portions.commit(self.left(), self._commit)
        except Killed:
            return False
        return portions.finished

    def left(self) -> list[str]:
        """Return what is still staged."""
        return manifests_of(self.store, self.lake, "things")

    def _commit(self, portion: Sequence[Staged]) -> None:
        attempts = [each.unit.attempt for each in portion]
        self.calls.append(attempts)
        if self.kills & set(attempts):
            raise Killed
        for attempt in attempts:
            if attempt in self.fails:
                raise self.fails[attempt]
        self.committed += attempts
        self.store.delete(each.manifest for each in portion)


@pytest.fixture
def committer(tmp_path: Path) -> Committer:
    return Committer(tmp_path)


def names(count: int) -> list[str]:
    return [f"u{number:03}" for number in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_units_fail_exactly_they_are_set_aside(committer: Committer, seed: int) -> None:
    chance = random.Random(seed)
    staged = names(chance.randint(1, 60))
    bad = set(chance.sample(staged, chance.randint(0, min(5, len(staged)))))
    committer.fails = {name: chance.choice([ValueError("x"), OverflowError(), KeyError("c")]) for name in bad}
    committer.stage(*staged)
    assert committer.live()
    assert sorted(committer.committed) == sorted(set(staged) - bad)
    assert sorted(committer.aside) == sorted(bad)
    assert {aside.attempt for aside in units_aside(committer.store, committer.lake)} == bad


@pytest.mark.parametrize("seed", range(20))
def test_whatever_units_kill_exactly_they_are_set_aside(committer: Committer, seed: int) -> None:
    chance = random.Random(seed)
    staged = names(chance.randint(1, 300))
    committer.kills = set(chance.sample(staged, chance.randint(0, min(2, len(staged)))))
    committer.stage(*staged)
    lives = 0
    again = False
    while not committer.live(again=again):
        lives, again = lives + 1, True
        assert lives < 30
    while committer.left():
        lives += not committer.live(again=True)
        assert lives < 30
    assert sorted(committer.committed) == sorted(set(staged) - committer.kills)
    assert sorted(committer.aside) == sorted(committer.kills)


def test_one_death_by_chance_sets_nothing_aside_and_splits_nothing(committer: Committer) -> None:
    committer.stage(*names(40))
    committer.kills = {"u007"}
    assert not committer.live()
    committer.kills = set()
    assert committer.live(again=True)
    assert [len(call) for call in committer.calls] == [40, 40]
    assert not committer.aside


def test_units_beside_a_deadly_one_wait_for_four_deaths_at_most(committer: Committer) -> None:
    committer.stage(*names(100))
    committer.kills = {"u050"}
    deaths = [not committer.live(again=call > 0) for call in range(4)]
    assert all(deaths)
    committer.live(again=True)
    assert len(committer.committed) == 99


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://s3"),
        ClientError({"Error": {"Code": "SlowDown"}}, "GetObject"),
        ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"),
        CommitConflict("another writer"),
        TableError("the contract is ahead of the table"),
        ConnectionResetError(),
        ImportError("a broken bundle"),
        AttributeError("a defect of the code"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_the_surroundings_sets_nothing_aside(committer: Committer, error: Exception) -> None:
    committer.stage(*names(3))
    committer.fails = dict.fromkeys(names(3), error)
    with pytest.raises(type(error)):
        committer.live()
    # However often: nobody died of a unit.
    for _ in range(6):
        with pytest.raises(type(error)):
            committer.live(again=True)
    assert not committer.aside
    assert len(committer.left()) == 3
    committer.fails = {}
    assert committer.live(again=True)
    assert committer.committed == names(3)


def test_a_unit_whose_staged_file_is_gone_holds_up_no_other(committer: Committer) -> None:
    committer.stage(*names(4))
    committer.fails = {
        "u001": ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject"),
        "u002": FileNotFoundError("u002-0.parquet"),
    }
    assert committer.live()
    assert committer.committed == ["u000", "u003"]
    assert committer.aside == ["u001", "u002"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"dataset":1}', b"\xff\xfe"])
def test_a_manifest_that_is_none_is_set_aside_with_its_bytes(committer: Committer, body: bytes) -> None:
    committer.stage("u1")
    committer.store.put(f"{staging_prefix(committer.lake, 'things')}u0.json", body)
    assert committer.live()
    assert committer.committed == ["u1"]
    (aside,) = units_aside(committer.store, committer.lake)
    assert "manifest cannot be read" in aside.error


def test_what_was_set_aside_can_be_put_back(committer: Committer) -> None:
    committer.stage(*names(3))
    committer.fails = {"u001": ValueError("a bug")}
    assert committer.live()
    committer.fails = {}
    (aside,) = units_aside(committer.store, committer.lake)
    assert (aside.dataset, aside.files, aside.error) == ("things", ("s3://x/u001",), "ValueError: a bug")
    put_back(committer.store, committer.lake, aside)
    assert committer.live()
    assert sorted(committer.committed) == names(3)
    assert not list(units_aside(committer.store, committer.lake))


def test_no_portion_is_begun_without_the_time_for_it(committer: Committer) -> None:
    committer.stage(*names(3))
    committer.seconds = 30.0
    assert not committer.live()
    assert not committer.calls


def test_a_backlog_is_begun_though_its_manifests_take_all_the_time(
    committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNITS", 10)
    committer.stage(*names(95))
    committer.seconds_a_read = 2.0
    calls = 0
    while committer.left():
        committer.seconds, calls = 90.0, calls + 1
        committer.live()
        assert calls < 20
    assert sorted(committer.committed) == names(95)


def test_a_mark_is_heeded_though_the_message_is_new(committer: Committer) -> None:
    committer.stage(*names(30))
    committer.kills = {"u007"}
    assert not committer.live()
    assert not committer.live(again=True)
    assert not committer.live()  # a new message: the old one went to the dead letters
    assert len(committer.calls[-1]) == 3


def test_a_unit_set_aside_anew_while_it_is_put_back_stays(committer: Committer) -> None:
    committer.stage("u0", "u1")
    committer.fails = {"u0": ValueError("a bug")}
    assert committer.live()
    (first,) = units_aside(committer.store, committer.lake)
    committer.stage("u0")  # what putting it back begins with
    assert committer.live()
    drop(committer.store, committer.lake, first)  # and ends with
    (left,) = units_aside(committer.store, committer.lake)
    assert (left.attempt, left.name != first.name) == ("u0", True)


def test_an_old_unit_of_files_is_not_staged_again(committer: Committer) -> None:
    """A part of it may be in a table that no longer knows its token."""
    committer.stage("u0")
    committer.fails = {"u0": ValueError("a bug")}
    assert committer.live()
    (aside,) = units_aside(committer.store, committer.lake)
    old = msgspec.structs.replace(aside, at=aside.at - 40 * 86_400)
    with pytest.raises(CommandError, match="more than 30 days"):
        put_back(committer.store, committer.lake, old)
    assert not committer.left()


def test_no_mark_is_left_after_a_good_end(committer: Committer) -> None:
    committer.stage(*names(3))
    assert committer.live(again=True)
    assert committer.store.list(committer.lake) == []


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "{lake}/bronze/things/data/live-0.parquet", "{lake}/bronze/others/data/{attempt}-0.parquet",
        "{lake}/staging/others/{attempt}-0.parquet", "{lake}/staging/things/another-0.parquet",
        "{lake}/staging/things/{attempt}0-0.parquet", "{lake}/staging/things/{attempt}-x/../another-0.parquet",
        "{lake}/staging/things/sub/{attempt}-0.parquet", "{lake}/../elsewhere/{attempt}-0.parquet", "",
        "{elsewhere}/{attempt}-0.parquet",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["rows", "quarantine"])
def test_a_manifest_that_names_what_its_attempt_has_not_written_is_set_aside_and_nothing_of_it_is_read_or_deleted(
    committer: Committer, tmp_path: Path, field: str, path: str, adopted: bool
) -> None:
    address = path.format(lake=committer.lake, attempt="mine", elsewhere=tmp_path.parent)
    unit = StagedUnit("things", "mine", (StagedDelivery("d", "s3://x/d", "v", 10),), adopted=adopted)
    unit = msgspec.structs.replace(unit, **{field: (address,)})
    committer.store.put(f"{staging_prefix(committer.lake, 'things')}mine.json", msgspec.json.encode(unit))
    committer.stage("sound")
    assert committer.live()
    assert committer.committed == ["sound"]
    (aside,) = units_aside(committer.store, committer.lake)
    assert (aside.attempt, aside.deliveries) == ("mine", ())
    assert "names what its attempt has not written" in aside.error


@pytest.mark.parametrize(("dataset", "attempt"), [("others", "mine"), ("things", "another")])
def test_a_manifest_under_anothers_name_is_set_aside(committer: Committer, dataset: str, attempt: str) -> None:
    unit = StagedUnit(dataset, attempt, (StagedDelivery("d", "s3://x/d", "v", 10),))
    committer.store.put(f"{staging_prefix(committer.lake, 'things')}mine.json", msgspec.json.encode(unit))
    assert committer.live()
    (aside,) = units_aside(committer.store, committer.lake)
    assert aside.error == f"its manifest is of {dataset}, attempt {attempt}"
