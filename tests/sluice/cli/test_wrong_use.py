"""Whatever names nothing with which a command can do what was asked ends with 2, before anything is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_group

from sluice.cli import all_commands, app
from sluice.cli.starting import start_project


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    start_project(tmp_path / "shop", empty=False)
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    return tmp_path / "shop"


@pytest.mark.parametrize("command", sorted(get_group(all_commands()).commands))
def test_every_command_refuses_an_option_that_there_is_not(shop: Path, command: str) -> None:
    assert status(command, "--no-such-option") == 2
    assert status(command, "--no-such-option", "--json") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "Bad Name"], ["init", "."], ["init", "README.md"],
        ["check", "--contracts", "none"], ["check", "--contracts", "README.md"],
        ["up", "--contracts", "none"], ["deploy", "--contracts", "none"], ["compare", "gold.x", "--contracts", "none"],
        ["deploy", "--env", "nowhere"], ["up", "--env", "nowhere"],
        ["new", "x", "--from", "none.csv"], ["new", "Bad", "--from", "samples/visits.csv"],
        ["new", "gold.x", "--transform", "--query", "SELECT 1"], ["profile", "none.csv"],
        ["send", "visits", "none.csv"], ["backfill", "gold.x", "--from", "x", "--to", "y"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_is_not_there_is_refused_as_wrong_use(
    shop: Path, arguments: list[str], more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(path for path in shop.rglob("*") if ".sluice" not in path.parts)
    assert status(*arguments, *more) == 2
    assert sorted(path for path in shop.rglob("*") if ".sluice" not in path.parts) == before
