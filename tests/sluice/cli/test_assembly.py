"""An assembly is used again only when nothing changed that its synthesis may read, the owner's own files among it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sluice.cli import assembly
from sluice.cli.starting import start_project
from sluice.folders import ProjectFolder
from tests.folders import ROOT


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    start_project(tmp_path / "shop", empty=False)
    return tmp_path / "shop"


def fingerprint(shop: Path, environment: str = "dev") -> str:
    return assembly._fingerprint(ProjectFolder(shop), [shop / "contracts"], environment)


@pytest.mark.parametrize(
    "changed",
    [
        "infra/app.py", "contracts/visits.yaml", "glue_jobs/pages.py", "environments.yaml", "cdk.json",
        "requirements.txt", "functions/mine/handler.py", "functions/mine/tests/data", "stacks/queues.py", "layer.zip",
    ],
)  # fmt: skip
def test_any_file_of_the_project_that_changes_gives_another_assembly(shop: Path, changed: str) -> None:
    (shop / changed).parent.mkdir(parents=True, exist_ok=True)
    before = fingerprint(shop)
    with (shop / changed).open("a") as file:
        file.write("# another\n")
    assert fingerprint(shop) != before
    assert fingerprint(shop, "prod") != fingerprint(shop)


@pytest.mark.parametrize(
    ("folder", "mark"),
    [
        (".sluice/cache", ""), (".venv/lib", ""), (".git", ""), ("node_modules/x", ""), ("tests", ""),
        ("infra/__pycache__", ""), ("cdk.out", "cdk.out"), ("my-venv", "pyvenv.cfg"), ("aws", "serve.log"),
    ],
)  # fmt: skip
def test_what_no_synthesis_reads_changes_nothing(shop: Path, folder: str, mark: str) -> None:
    before = fingerprint(shop)
    (shop / folder).mkdir(parents=True, exist_ok=True)
    for name in filter(None, (mark, "more")):
        (shop / folder / name).write_text("new")
    assert fingerprint(shop) == before


def test_links_are_followed_once_and_what_cannot_be_read_stops_nothing(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (shop / "stacks").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(shop)
    (shop / "nowhere").symlink_to("nobody@nowhere.1")
    before = fingerprint(shop)
    (tmp_path / "elsewhere" / "queues.py").touch()
    assert fingerprint(shop) != before


def test_large_files_count_by_size_and_time_and_are_not_read(shop: Path) -> None:
    large = shop / "data.csv"
    os.truncate(os.open(large, os.O_CREAT | os.O_WRONLY), 1 << 36)  # a sparse file of 64 GiB
    began = time.perf_counter()
    before = fingerprint(shop)
    assert time.perf_counter() - began < 30
    os.utime(large, ns=(0, 0))
    assert fingerprint(shop) != before


def test_a_folder_of_tests_counts_when_it_is_given() -> None:
    given = ROOT / "tests" / "end_to_end" / "contracts"
    found = {*assembly._files([ROOT, given], without=ROOT / "tests")}
    assert {*given.glob("*.yaml")} <= found
    assert not {path for path in found if path.is_relative_to(ROOT / "tests")} - {*given.rglob("*")}
