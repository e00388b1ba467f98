"""Thousands of small files at once: all arrive, none twice, and the tables stay small in snapshots and files."""

import time
from collections.abc import Callable

import pytest

from tests.end_to_end.running import Deployment, as_csv


@pytest.mark.slow
def test_hundreds_of_small_files_arrive_once_in_few_commits(
    deployed: Deployment, record_property: Callable[[str, object], None]
) -> None:
    _bring(deployed, "parcels/some-", 200, record_property)


@pytest.mark.slow
@pytest.mark.proof
def test_thousands_of_small_files_arrive_once_in_few_commits(
    deployed: Deployment, record_property: Callable[[str, object], None]
) -> None:
    _bring(deployed, "parcels/many-", 2000, record_property)


def _bring(deployed: Deployment, prefix: str, files: int, record_property: Callable[[str, object], None]) -> None:
    names = ("bronze.parcels", "quarantine.parcels")
    before = {name: (_snapshots(deployed, name), _files(deployed, name)) for name in names}
    began = time.perf_counter()

    deployed.put_all(
        {f"{prefix}{n:05}.csv": as_csv([(f"{n}-good", n + 1, ""), (f"{n}-bad", 0, "")]) for n in range(files)}
    )
    uploaded = time.perf_counter()
    deployed.settle()

    record_property("seconds_to_upload", round(uploaded - began, 1))
    record_property("seconds_to_arrive", round(time.perf_counter() - began, 1))
    good = [row["parcel_id"] for row in deployed.rows("bronze.parcels", prefix)]
    assert sorted(good) == sorted(f"{n}-good" for n in range(files))
    bad = [row["record"] for row in deployed.rows("quarantine.parcels", prefix)]
    assert sorted(bad) == sorted(f"{n}-bad,0,".encode() for n in range(files))
    for name in names:
        snapshots, data_files = _snapshots(deployed, name), _files(deployed, name)
        record_property(name, f"{snapshots - before[name][0]} snapshots, {data_files - before[name][1]} files")
        assert 0 < snapshots - before[name][0] <= 40
        assert 0 < data_files - before[name][1] <= 40


def _snapshots(deployed: Deployment, name: str) -> int:
    return len(deployed.table(name).snapshots())


def _files(deployed: Deployment, name: str) -> int:
    return len(list(deployed.table(name).scan().plan_files()))
