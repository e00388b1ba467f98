"""The page is written where it was asked for, whole, and its path is told."""

from __future__ import annotations

import json
import webbrowser
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.cli import app, deployment, status
from sluice.cli.deployment import Deployment
from sluice.cli.shard_batches import ShardBatches
from sluice.cli.status import Status
from sluice.cli.ui import data, writing
from sluice.cli.ui.writing import PAGE, open_page, write_page
from sluice.errors import CommandError, WrongArgument
from tests.sluice.cli.ui.states import DEPLOYMENT, NOW, data_of, shop

DATA = data_of(shop(NOW), NOW)


def test_the_page_goes_to_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    page = write_page(DATA, tmp_path / "a" / "b")
    assert page == tmp_path / "a" / "b" / PAGE
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in page.parent.iterdir()] == [PAGE]


def test_without_a_folder_it_goes_to_where_nothing_looks_for_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "shop" / "contracts"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert write_page(DATA, None) == Path(".sluice/ui") / PAGE
    for mark in ("environments.yaml", "cdk.json"):
        (tmp_path / "shop" / mark).touch()
    assert write_page(DATA, None) == tmp_path / "shop" / ".sluice" / "ui" / PAGE


def test_what_is_in_the_way_is_not_written_through_or_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WrongArgument, match=r"file is a file\."):
        write_page(DATA, tmp_path / "file")
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / PAGE).symlink_to(tmp_path / "elsewhere")
    write_page(DATA, tmp_path)
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert not (tmp_path / PAGE).is_symlink()


def test_a_browser_is_opened_only_when_asked_and_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))
    page = write_page(DATA, tmp_path / "with space")
    assert opened == []
    open_page(page)
    assert opened == [page.as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(CommandError, match="No browser could be opened"):
        open_page(page)


def read(found: Deployment, batches: ShardBatches | None = None) -> Status:
    """A state as it is read: records in concurrent batches are counted where it is asked for."""
    seen = shop(NOW)
    in_flight = 0 if batches is None else 7
    shards = tuple(replace(shard, in_flight=in_flight) for shard in seen.streams.shards)
    return replace(seen, streams=replace(seen.streams, shards=shards))


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "deployed", lambda env: DEPLOYMENT)
    monkeypatch.setattr(status, "read_status", read)
    monkeypatch.setattr(data, "_where", lambda: {"region": "eu-central-1", "endpoint": None})


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        app(["ui", *arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("deployed")
def test_the_command_prints_the_path_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--out", str(tmp_path)) == f"{tmp_path / PAGE}\n"
    assert "eu-central-1" in (tmp_path / PAGE).read_text()


@pytest.mark.usefixtures("deployed")
def test_as_json_the_command_prints_what_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(writing, "written_page", lambda given: shown.append(given) or "")
    told = json.loads(run(capsys, "--out", str(tmp_path), "--json"))
    assert told.pop("page") == str(tmp_path / PAGE)
    assert told == json.loads(json.dumps(shown[0]))
    assert told["name"] == "shop"
    assert [each["what"] for each in told["runs"] if "7 earlier records" in each["what"]]


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_where_no_browser_opens_the_error_is_all_that_is_printed(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(SystemExit) as ended:
        app(["ui", "--out", str(tmp_path), "--open", *options])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (1, "")
    assert said.err.count("No browser could be opened") == 1
    assert (tmp_path / PAGE).exists()
