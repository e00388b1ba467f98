"""`sluice new` writes a contract where it belongs, and nothing where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluice.cli import app
from sluice.cli.starting import start_project
from sluice.load import load_contracts


def run(*arguments: str) -> int:
    try:
        app(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "orders.csv").write_text("order_id,total\n1,9.50\n2,3.25\n")
    return folder


@pytest.mark.slow
def test_a_contract_is_written_into_the_project_that_one_stands_in(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start_project(tmp_path / "shop", empty=True)
    monkeypatch.chdir(tmp_path / "shop" / "tests")
    assert run("new", "orders", "--from", str(files / "orders.csv")) == 0
    said = capsys.readouterr().out
    assert "2 rows" in said
    assert "Next: " in said
    text = (tmp_path / "shop" / "contracts" / "orders.yaml").read_text()
    assert "id: shop.bronze.orders\n" in text
    assert run("check") == 0


def test_what_is_found_is_printed_as_json(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contracts = tmp_path / "contracts"
    assert run("new", "bronze.orders", "--from", str(files), "--contracts", str(contracts), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "contract": str(contracts / "orders.yaml"), "dataset": "orders", "format": "csv", "files": 1,
        "columns": {"order_id": "bigint", "total": "decimal(17,2)"}, "key": "order_id", "personal": [], "rows": 2,
        "quarantined": {}, "reasons": [], "whole": True, "notes": [],
    }  # fmt: skip
    assert [contract.table for contract in load_contracts([contracts])] == ["bronze.orders"]


@pytest.mark.parametrize(
    ("arguments", "what", "next_step"),
    [
        (["Orders", "--from", "{files}/orders.csv"], "is no name of a dataset", "sluice new orders --from"),
        (["gold.orders", "--from", "{files}/orders.csv"], "is no dataset that files arrive for", "sluice new orders"),
        (["orders", "--from", "{files}/none.csv"], "There is no file or folder", "check the path"),
        (["taken", "--from", "{files}/orders.csv"], "is there already", "--force"),
        (["other", "--from", "{files}/orders.csv"], "declares bronze.other already", "choose another name"),
        (["orders", "--from", "{files}/orders.csv", "--encoding", "klingon"], "is no encoding", "cp1252"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_status_of_wrong_use(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    what: str,
    next_step: str,
) -> None:
    contracts = tmp_path / "contracts"
    for name in ("taken", "other"):
        assert run("new", name, "--from", str(files), "--contracts", str(contracts)) == 0
    (contracts / "other.yaml").rename(contracts / "another.yaml")
    before = {path: path.read_text() for path in contracts.iterdir()}
    given = [each.format(files=files) for each in arguments]
    assert run("new", *given, "--contracts", str(contracts), "--json") == 2
    told = json.loads(capsys.readouterr().err)
    assert what in told["what"]
    assert next_step in told["next_step"]
    assert {path: path.read_text() for path in contracts.iterdir()} == before


def test_a_contract_is_written_anew_by_force_alone(files: Path, tmp_path: Path) -> None:
    where = ["--contracts", str(tmp_path / "contracts")]
    assert run("new", "orders", "--from", str(files), *where) == 0
    (files / "orders.csv").write_text("id\n1\n")
    assert run("new", "orders", "--from", str(files), *where) == 2
    assert "order_id" in (tmp_path / "contracts" / "orders.yaml").read_text()
    assert run("new", "orders", "--from", str(files), *where, "--force") == 0
    assert "order_id" not in (tmp_path / "contracts" / "orders.yaml").read_text()
