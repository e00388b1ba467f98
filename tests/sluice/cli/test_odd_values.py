"""Whatever value an option or argument gets, a command ends with 0, 1 or 2 and a message: never with a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_group

from sluice.cli.commands import joined
from sluice.errors import CommandError, Unreachable, WrongArgument
from sluice.refresh.duckdb.compare import Comparison
from tests.laws import cases
from tests.sluice.cli.odd_values import ODD, SOUND, ends_without_a_traceback, given_to, odd_folder, run, valued

#: The library's own; what other packages add to them is theirs to try.
COMMANDS = get_group(joined().cli).commands


@pytest.fixture(scope="module", autouse=True)
def nothing_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with odd_folder(tmp_path_factory.mktemp("odd")):
        yield


def test_each_argument_that_a_command_needs_has_a_sound_value() -> None:
    needed = {each.name for command in COMMANDS.values() for each in command.params if each.required}
    assert needed <= set(SOUND)


@settings(max_examples=cases(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.sampled_from(valued(COMMANDS)), value=st.sampled_from(ODD))
def test_no_value_ends_a_command_with_a_traceback(
    at: tuple[str, Any], value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_without_a_traceback(given_to(COMMANDS, *at, value), capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--port", "99999"], ["up", "--port", "-1"],
        ["check", "--contracts", ""], ["down", "--data", "\udcff"], ["check", "--contracts", "loop"],
        ["check", "--contracts", "a" * 5000],
        ["status", "--timeout", "-1"], ["status", "--timeout", "nan"], ["status", "--env", "Foo/"],
        ["plan", "--env", ""], ["check", "--contracts", "nofile"], ["check", "--contracts", "file"],
        ["backfill", "gold.x", "--from", "2026-02-30", "--to", "2026-03-01"],
        ["backfill", "gold.x", "--from", "2026-01-01"],
        ["backfill", "gold.x", "--from", "2026-01-02", "--to", "2026-01-01"], ["backfill", "x"],
        ["backfill", "gold.x", "--cancel", "--column", "day"],
        ["send", "orders", "\udcff"], ["send", "orders", ""], ["send", "orders", "loop"],
        ["send", "orders", "file", "--rate", "inf"],
    ],
)  # fmt: skip
def test_what_can_never_be_right_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Usage: " in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-9", " ", "rot13"])
@pytest.mark.parametrize("arguments", [["profile", "file"], ["new", "orders", "--from", "file"]])
def test_what_is_no_encoding_is_told(arguments: list[str], encoding: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments, "--encoding", encoding) == 2
    assert f"{encoding!r} is no encoding that Python knows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (["check", "--contracts", "empty"], "empty holds no contract", 1),
        (["check", "--contracts", "bad"], "bad/a.yaml: contract: it cannot be read: Is a directory", 1),
        (["send", "orders", "nofile"], "There is no file nofile", 2),
        (["send", "orders", "empty"], "There is no file empty", 2),
        (["down", "--data", "file"], "file", 1),
    ],
)
def test_what_the_machine_refuses_is_told_before_aws_is_asked_and_what_is_not_there_ends_with_2(
    arguments: list[str], said: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == status
    told = capsys.readouterr().err
    assert said in told
    assert "Next: " in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["rollback", "gold.x", "--to", "7"], ["compare", "gold.x"], ["retract", "s3://b/orders/x"], ["discard", "x"],
        ["backfill", "gold.x"],
    ],
)  # fmt: skip
@pytest.mark.parametrize(("error", "status"), [(WrongArgument, 2), (CommandError, 1), (Unreachable, 1)])
def test_what_names_nothing_ends_with_2_and_what_fails_with_1(
    arguments: list[str],
    error: type[CommandError],
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        # As a function's answer comes back, which knows the type by its name alone.
        raise CommandError.from_data(error("It is not there.", next_step="name another.").as_data())

    monkeypatch.setattr("sluice.cli.deployment.deployed", refuse)
    assert run(*arguments) == status
    assert "It is not there." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["compare", "gold.x"], ["status"]])
@pytest.mark.parametrize(("error", "status"), [(WrongArgument, 2), (CommandError, 1), (Unreachable, 1)])
def test_of_a_command_that_failed_nothing_stands_where_what_it_found_would(
    arguments: list[str],
    error: type[CommandError],
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise error("It is not there.", next_step="name another.")

    monkeypatch.setattr("sluice.cli.deployment.deployed", refuse)
    assert run(*arguments, "--json") == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err)["error"] == error.__name__


def test_outside_of_a_project_compare_says_that_it_did_not_compare(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("compare", "gold.x", "--json") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error" in json.loads(printed.err)


@pytest.mark.parametrize("added", [0, 3])
def test_compare_ends_with_1_and_says_so_where_the_tables_differ(
    added: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty: dict[str, Any] = {}
    found = Comparison(
        "gold.x", "1", {"silver.x": "1"}, ("id",), 5, 5 + added, added, 0, 0, (), (), empty, empty, empty, empty
    )
    monkeypatch.setattr("sluice.cli.deployment.deployed", lambda *_: None)
    monkeypatch.setattr("sluice.cli.comparing.compare_with", lambda *_, **__: found)
    assert run("compare", "gold.x", "--json") == (1 if added else 0)
    assert json.loads(capsys.readouterr().out)["same"] is not bool(added)
