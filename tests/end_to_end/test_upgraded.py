"""A deployment of an earlier commit is upgraded in place and rolled back; a dataset is taken out and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.end_to_end.new_shop import ACCEPTED, LATER, Shop, running_shop
from tests.folders import ROOT

pytestmark = pytest.mark.slow
#: What is deployed, and what deploys it.
CODE = ("infra", "lambdas", "sluice", "step_functions")
LATEST = "visit_id,page,visited_at,seconds\nv7,/shop,2026-01-03T11:00:00Z,40\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("upgraded")) as found:
        yield found


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=True).stdout


def earlier() -> str:
    """Return the newest commit whose code is not what lies here."""
    for commit in git("rev-list", "HEAD", "--", *CODE).decode().split():
        told = git("diff", "--stat", commit, "--", *CODE)
        if told:
            return commit
    raise AssertionError("no earlier commit is there: the clone is too shallow")


class Earlier(Shop):
    """The same project, and the commands of an earlier commit, which lies in a folder of its own."""

    def __init__(self, shop: Shop, code: Path) -> None:
        super().__init__(shop.folder, {**shop.variables, "PYTHONPATH": str(code)})

    def run(self, *arguments: str, status: int = 0) -> str:
        own = {name: value for name, value in os.environ.items() if "AWS_" not in name}
        command = [sys.executable, "-c", "from sluice.cli import app; app()", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=own | self.variables, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    def place(self) -> str:
        """Return where its code lies."""
        code = "import sluice; print(sluice.__file__)"
        own = {name: value for name, value in os.environ.items() if "AWS_" not in name}
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, cwd=self.folder, env=own | self.variables, capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture
def before(shop: Shop, tmp_path: Path) -> Earlier:
    commit = earlier()
    sys.stdout.write(f"from {git('log', '-1', '--format=%h %s', commit).decode()}")
    with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", commit))) as archive:
        archive.extractall(tmp_path, filter="data")
    found = Earlier(shop, tmp_path)
    assert found.place().startswith(str(tmp_path))
    return found


def code_of(shop: Shop) -> dict[str, str]:
    """Return the sum of the code of each function of prod."""
    pages = shop.client("lambda").get_paginator("list_functions").paginate()
    functions = [each for page in pages for each in page["Functions"]]
    return {each["FunctionName"]: each["CodeSha256"] for each in functions if "-prod-" in each["FunctionName"]}


@pytest.mark.proof
def test_an_earlier_deployment_is_upgraded_with_its_data_and_rolled_back(shop: Shop, before: Earlier) -> None:
    before.run("deploy", "--env", "prod")
    before.deliver("prod", "one.csv", (shop.folder / "samples" / "visits.csv").read_text())
    held, bronze, gold = (
        shop.holding("prod"),
        shop.rows("prod", "bronze.visits"),
        shop.rows("prod", "gold.daily_visits"),
    )
    assert len(bronze) == ACCEPTED
    code = code_of(shop)
    assert len(code) > 5

    shop.run("deploy", "--env", "prod")
    assert shop.rows("prod", "bronze.visits") == bronze
    assert shop.rows("prod", "gold.daily_visits") == gold
    after = shop.holding("prod")
    assert [name for kind, names in held.items() for name in names if name not in after[kind]] == []
    shop.deliver("prod", "two.csv", LATER)
    assert len(shop.rows("prod", "bronze.visits")) == ACCEPTED + 1
    refreshed = shop.rows("prod", "gold.daily_visits")
    assert refreshed != gold
    shop.run("refresh", "--env", "prod", "--wait", "--timeout", "300")

    before.run("deploy", "--env", "prod")
    assert {name: code_of(shop)[name] for name in code} == code, "what was rolled back to is what ran before"
    assert len(shop.rows("prod", "bronze.visits")) == ACCEPTED + 1
    assert shop.rows("prod", "gold.daily_visits") == refreshed
    before.deliver("prod", "three.csv", LATEST)
    assert len(shop.rows("prod", "bronze.visits")) == ACCEPTED + 2
    assert shop.rows("prod", "gold.daily_visits") != refreshed
    assert json.loads(shop.run("status", "--json", "--env", "prod"))["delivered"] == 3


def test_a_dataset_is_taken_out_and_added_again_with_its_rows(shop: Shop) -> None:
    shop.deliver("dev", "one.csv", (shop.folder / "samples" / "visits.csv").read_text())
    bronze, gold = shop.rows("dev", "bronze.visits"), shop.rows("dev", "gold.daily_visits")
    files = [path for folder in ("contracts", "glue_jobs") for path in (shop.folder / folder).rglob("*visits.*")]
    kept = {path: path.read_text() for path in files if path.suffix in (".yaml", ".py")}
    assert len(kept) >= 3
    other = shop.folder / "contracts" / "other.yaml"
    other.write_text(next(text for path, text in kept.items() if path.name == "visits.yaml").replace("visits", "other"))
    try:
        for path in kept:
            path.unlink()
        # What is delivered to it would be refused from now on, and so it is asked for.
        assert "bronze.visits: no longer declared" in shop.run("deploy", status=1)
        shop.run("deploy", "--accept-data-loss")
        tables = shop.client("glue").get_tables(DatabaseName="bronze")["TableList"]
        assert {each["Name"] for each in tables} == {"visits", "other"}
        assert shop.rows("dev", "bronze.visits") == bronze, "it stays readable while nothing declares it"
    finally:
        for path, text in kept.items():
            path.write_text(text)
    shop.run("deploy")
    assert shop.rows("dev", "bronze.visits") == bronze
    assert shop.rows("dev", "gold.daily_visits") == gold
    shop.deliver("dev", "two.csv", LATER)
    assert len(shop.rows("dev", "bronze.visits")) == ACCEPTED + 1
    assert shop.rows("dev", "gold.daily_visits") != gold
